# However bad a run is, each party ends as its flow's header promises: a party is lost, words are lost and copied, all crash. That a
# thousand such runs break no invariant stands in each flow's own test; which ends there may be, here. (fed_avg, swarm and async_avg
# say it in theirs.)
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 20
source "$ROOT/tests/lib/serve.sh"
seeds=8
is_short || seeds=1000
cp -r "$ROOT/flows/." "$ROOT/tests/data/check/psi_rsa.lua" .
cat >ends.py <<'PY'
# ends.py AFRUN SEEDS FLOW CENTRE OTHER LOST ENDS: the ends of the centre and of others that are not in ENDS ("who: end|end;…").
import json, re, subprocess, sys
afrun, seeds, flow, centre, other, lost, ends = sys.argv[1:]
allowed = {who.strip(): texts.strip() for who, texts in (one.split(":") for one in ends.split(";"))}
wrong, seen = set(), set()
for seed in range(1, int(seeds) + 1):
    run = subprocess.run([afrun, flow + ".lua", "--mock", "-q", "--json", "--seed", str(seed), "--drop", ".1", "--duplicate", ".05", "--crash",
                          centre + ":.02", "--crash", other + ":.02", "--lose", lost + ":1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for one in json.loads(run.stdout)["party_list"]:
        role = one["id"].rsplit("-", 1)[0]
        end = one["reason"] or {"active": "rests"}.get(one["status"], one["status"])
        seen.add(role)
        if end != "lost" and not re.fullmatch(allowed[role], end):
            wrong.add("seed %d: %s: %s" % (seed, one["id"], end))
print("as promised" if not wrong and seen == {centre, other} else sorted(wrong)[:5])
PY
ends() { # ends FLOW CENTRE OTHER LOST ENDS
    says "$1, one $4 lost: each of $seeds runs ends as promised" "as promised" "$(python3 ends.py "$PROGRAM" "$seeds" "$@" 2>&1)"
}
silent='the initiator is silent'
ends psi initiator collaborator collaborator \
    "initiator: done|no data from .* in time|((^|\x3b )'collaborator-.' (did not answer in time|has not taken the result))+; collaborator: done|$silent"
ends psi initiator collaborator initiator "initiator: done; collaborator: done|$silent"
ends psi_rsa initiator collaborator collaborator \
    "initiator: done|no data from .* in time|'collaborator-.' did not answer in time|no public key has come from 'collaborator-.'; collaborator: done|$silent"
ends psi_rsa initiator collaborator initiator "initiator: done; collaborator: done|$silent"
ends secure_aggregation server client client "server: done|[0-9] of 3 clients are left, and 3 are needed; client: done|the server is silent"
ends secure_aggregation server client server "server: done; client: done|the server is silent"
ends hetero_round host collaborator collaborator \
    "host: done|not all collaborators have checked in|the round was reset too often.*; collaborator: done|the host (has given the task up|is silent|does not answer)"
ends hetero_round host collaborator host "host: done; collaborator: done|the host (is silent|does not answer)"
ends fed_stats analyst site site "analyst: done; site: done|rests|the analyst is silent"
ends fed_stats analyst site analyst "analyst: done; site: done|rests"
ends hist_boost aggregator party party "aggregator: done; party: done"
ends hist_boost aggregator party aggregator "aggregator: done; party: done|the aggregator is silent"
ends cross_site_eval coordinator site site "coordinator: done; site: done|rests"
ends cross_site_eval coordinator site coordinator "coordinator: done; site: done|rests"
ends cyclic coordinator trainer trainer "coordinator: done; trainer: done|rests"
ends cyclic coordinator trainer coordinator "coordinator: done; trainer: done|rests"
ends beacon coordinator peer peer "coordinator: done; peer: done"
ends beacon coordinator peer coordinator "coordinator: done; peer: done|the coordinator is silent"
ends dkg coordinator peer peer "coordinator: done; peer: done"
ends dkg coordinator peer coordinator "coordinator: done; peer: done|the coordinator is silent"
