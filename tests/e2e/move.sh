#!/usr/bin/env bash
# `afrun move`: tasks go from a service's store to NATS servers while their parties run, and plain clients go on where
# they were.
source "$(dirname "$0")/../lib/e2e.sh"
plan 29
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/nats.sh"
need_nats

# ---- What cannot be moved is refused, and nothing is changed. ----
expect_error "expected: afrun move --from local:FILE --to nats://HOST TASK" 2 "$AFRUN" move --from local:hub.db t
expect_error "hub.db: is no store that can be read" 2 "$AFRUN" move --from local:hub.db --to nats://127.0.0.1:1 t
expect_error "--from: expected local:FILE, not 'http://h'" 2 "$AFRUN" move --from http://h --to nats://127.0.0.1:1 t
expect_error "--to: expected nats://HOST or tls://HOST, not 'local:x'" 2 "$AFRUN" move --from local:hub.db --to local:x t
python3 - <<'PY'
import sqlite3
db = sqlite3.connect("foreign.db")
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE t (x)")
db.commit()
db.close()
PY
before=$(sha256sum foreign.db)
expect_error "foreign.db: is a database of another program" 3 "$AFRUN" move --from local:foreign.db --to nats://127.0.0.1:1 t
expect_output "$before" sha256sum foreign.db

nats hub 'authorization { token: "operator" }'
secret who 'token = operator'
to=nats://127.0.0.1:$port
at=127.0.0.1:$(free_ports 1)
hub() { start_serve --listen "$at" --bus local:hub.db --open-tasks --prefix-nodes || not_ok "the service starts" "$(cat serve.err)"; }
front() { start_serve --listen "$at" --bus "$to" --config who --open-tasks --prefix-nodes || not_ok "a front starts" "$(cat serve.err)"; }
pop() { ask "$1" pop "{\"task_id\":\"$2\",\"channel\":\"federated\"}"; }

# ---- Plain clients: what waits, files, notes, broadcasts, dead letters of their own. ----
hub
expect_error "hub.db: is in use by a running process; stop that first" 3 "$AFRUN" move --from local:hub.db --to "$to" T
pop b "T 1" >/dev/null # it has come
head -c 300000 /dev/urandom >big.bin
url=$(curl -sS -F files=@big.bin "$URL/node/a/fed-service/api/v2/file/upload?task_id=T%201&durable=False" | grep -o 'http://[^"]*')
ask a push "$(message "T 1" '["*"]' '{"type":"early"}')" >/dev/null
says "a node has had what was sent to all" early "$(pop b "T 1")"
for n in 1 2 3; do
    ask a push "$(message "T 1" '["b"]' "{\"type\":\"n$n\",\"file\":\"$url\"}")" >/dev/null
done
ask a push "$(message "T 1" '["b","c"]' '{"type":"both"}')" >/dev/null
ask a push "$(message ended '["a"]')" >/dev/null
call POST "/admin/tasks/ended/end" '{}' >/dev/null
stop_serve

expect_error "there is no task 'other'" 2 "$AFRUN" move --from local:hub.db --to "$to" other
expect_error "Authorization Violation" 3 "$AFRUN" move --from local:hub.db --to "$to" "T 1"
for point in move:2 move-end:1; do # after the queue of one node, and all but the last step
    AFRUN_KILL_AT=$point expect_status 137 "$AFRUN" move --from local:hub.db --to "$to" --config who "T 1"
done
expect_output '"nodes":3,"contracts":7,"broadcasts":1,"files":1,"file_bytes":300000,"notes":0' \
    "$AFRUN" move --from local:hub.db --to "$to" --config who "T 1" --json
expect_error "T 1: has ended there" 2 "$AFRUN" move --from local:hub.db --to "$to" "T 1"

front
for n in 1 2 3; do
    answer=$(pop b "T 1")
    says "contract $n is there, in its place" "\"n$n\"" "$answer"
done
moved=$(grep -o "http://[^\"\\]*/files/[^\"\\]*" <<<"$answer" | head -n 1)
curl -sS -o back.bin "$moved"
if cmp -s big.bin back.bin; then ok "its file is there, at the front's address"; else not_ok "its file is there, at the front's address" "$moved of $answer"; fi
says "what went to two is there for one" both "$(pop b "T 1")"
never_says "what the node had is not there again" early "$(pop b "T 1")"
says "the other has what was sent to all" early "$(pop c "T 1")"
says "and what went to two" both "$(pop c "T 1")"
says "a node that comes now has what was sent to all before" early "$(pop late "T 1")"
stop_serve

# ---- Parties run on: their service is stopped, its task moved, and a front stands at its address. ----
hub
for name in p1 p2 p3; do
    start_party $name node --node $name --bus "$URL/node/$name" --flows "$ROOT/tests/data/tally" --state $name
done
bursts=60
for name in p1 p2 p3; do
    until_true "$AFRUN" ctl launch tally --task tally --role peer --peers peer=p1,p2,p3 --arg bursts=$bursts --state $name >/dev/null 2>&1
done
state_of() { "$AFRUN" ctl status tally --state "$1" --json 2>/dev/null; }
is_under_way() { state_of p2 | grep -q '"silent":\[\]'; }
until_true is_under_way || not_ok "the parties are under way" "$(state_of p2; cat p2.err)"
kill -KILL $serve_pid
wait $serve_pid 2>/dev/null
expect_output "task 'tally' is moved: 3 nodes" "$AFRUN" move --from local:hub.db --to "$to" --config who tally
never_says "the parties are not over then" '"status":"done"' "$(state_of p1; state_of p2; state_of p3)"
front
is_done() { state_of "$1" | grep -q '"status":"done"'; }
for name in p1 p2 p3; do
    until_true is_done $name || not_ok "$name ends" "$(state_of $name; tail -n 5 $name.err)"
done
for name in p1 p2 p3; do
    kill_party $name TERM
    says "$name has all of it once, in order" "\"seen\": $((bursts * 10)), \"wrong\": 0" "$(python3 -c '
import json, sqlite3, sys
print(json.dumps(json.loads(sqlite3.connect(sys.argv[1]).execute("SELECT result FROM party").fetchone()[0]), sort_keys=True))' $name/node.db)"
done
stop_all
stop_serve
