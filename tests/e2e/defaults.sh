#!/usr/bin/env bash
# What is left out is what its text says: each default of an option and of a key, as rows of tests/data/defaults that
# tests/lib/defaults.py runs. An option or a key that may be absent, and has no row there, fails.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 380
source "$ROOT/tests/lib/serve.sh"
for part in options services keys; do
    run /usr/bin/python3 "$ROOT/tests/lib/defaults.py" "$PROGRAM" "$ROOT/tests/data/defaults" $part
    said=$(cat "$OUT" "$ERR")
    while IFS= read -r line; do
        case $line in
        "ok "*) ok "${line#ok }" ;;
        "not ok "*) not_ok "${line#not ok }" "$(grep -FA 40 -e "$line" <<<"$said" | sed 1d | sed '/^\(not \)\?ok /,$d')" ;;
        esac
    done < <(grep -E '^(not )?ok ' <<<"$said")
    [ "$status" -eq 0 ] || grep -q '^not ok ' <<<"$said" || not_ok "the rows of $part" "$said"
done

# What is not named at all: the command run, the folder here.
same() { # NAME: the commands of two arrays come to the same
    run "$AFRUN" "${one[@]}"
    sed 's/[0-9]* ms//g' "$OUT" "$ERR" >one.said
    run "$AFRUN" "${other[@]}"
    sed 's/[0-9]* ms//g' "$OUT" "$ERR" >other.said
    if [ -s one.said ] && cmp -s one.said other.said; then ok "$1"; else not_ok "$1" "$(diff one.said other.said)"; fi
}
cp "$ROOT"/tests/data/defaults/{plain,checked}.lua .
printf 'require "af.test".run "plain.lua"\n' >plain_test.lua
one=(plain.lua --mock --trace -) other=(run plain.lua --mock --trace -)
same "afrun FLOW is afrun run FLOW"
one=(test) other=(test .)
same "afrun test is afrun test ."

# Which role is number 1 of a service that knows numbers alone: the one that the flow names; else `initiator`, else `aggregator`.
coproc FAKE { exec python3 "$ROOT/tests/lib/fake_service.py"; }
read -r port <&"${FAKE[0]}"
first() { # ROLE [KEY]: whom a member of a flow with this role takes for it
    printf 'local af = require "af"\nreturn af.flow { name = "first", %s roles = {
        member = { start = "s", states = { s = { enter = function(party) return af.done(party:nodes("%s")) end } } },
        %s = { start = "s", states = { s = { may_end = true } } } } }\n' "${2:-}" "$1" "$1" >first.lua
    run "$AFRUN" first.lua --role member --node node-b --task "$1" --bus "http://127.0.0.1:$port/node/node-b" --json
}
for case in initiator aggregator "chair initiator='chair'," "initiator initiator='initiator',"; do
    read -r role key <<<"$case"
    first "$role" "$key"
    if grep -qF '"result":["node-a"]' "$OUT"; then ok "number 1 is the $role, with '$key'"; else not_ok "number 1 is the $role, with '$key'" "$(cat "$OUT" "$ERR")"; fi
done
first chair
if grep -qF "the role of 'node-a' is not known" "$OUT"; then ok "it is no chair by itself"; else not_ok "it is no chair by itself" "$(cat "$OUT" "$ERR")"; fi
eval "exec ${FAKE[1]}>&-"
wait "$FAKE_PID"

# The task manager is where the service is, unless the file of --config says otherwise; said or not.
secret token "token-of-b-0123456789 b"
start_serve --bus local:serve.db --tokens token --open-tasks || not_ok "the service starts" "$(cat serve.err)"
printf 'local af = require "af"\nprint("launched", af.BassProxy():launch_task("T", "key"))\n' >launch.lua
launch() { # LINE-OF-THE-CONFIG
    secret config "token = token-of-b-0123456789
$1"
    run "$AFRUN" launch.lua --node b --bus "$URL" --config config
    sed "s|$URL|URL|g; s/[0-9.]* m\?s//g" "$OUT" "$ERR"
}
without=$(launch "")
for line in "bass_url = $URL" "bass_url = $URL/"; do
    given=$(launch "$line")
    if [ "$without" = "$given" ]; then ok "without bass_url it is as with the service's own"; else not_ok "without bass_url it is as with the service's own" "$without
$given"; fi
done
other=$(launch "bass_url = http://127.0.0.1:1")
if [ "$without" = "$other" ]; then not_ok "and not as with another" "$other"; else ok "and not as with another"; fi
stop_serve

# The fields of a pop that may be absent; with `max` the answer is a list. Three contracts wait; then one more pop sees what is left.
start_serve --bus local:pops.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
tasks=0
pops() { # FIELDS: what both pops are answered
    local task=t$((++tasks)) i
    for i in 1 2 3; do
        ask a push "$(message "$task" '["b"]' | sed "s/\"task_id\"/\"message_uuid\":\"u-$i\",\"task_id\"/")" >/dev/null
    done
    for i in "$1" '"again":true,"lease_seconds":60,"holder":"h","max":10'; do
        ask b pop "{\"task_id\":\"$task\",\"channel\":\"federated\"${i:+,}$i}" | sed -E "s/$task/T/g; s/\"id\":[0-9]+/\"id\":N/g; s/(consume_time\":\")[^\"]*/\1/g"
    done
}
pops "" >without
while IFS='|' read -r default other; do
    pops "$default" >given
    pops "$other" >other
    if cmp -s without given; then ok "a pop without a field is as with $default"; else not_ok "a pop without a field is as with $default" "$(diff without given)"; fi
    if cmp -s without other; then not_ok "and not as with $other" "$(cat other)"; else ok "and not as with $other"; fi
done <<'FIELDS'
"lease_seconds":0|"lease_seconds":60
"ack":[]|"ack":["u-1"]
"reject":[]|"reject":[{"uuid":"u-1","reason":"unread"}]
"wait_seconds":0,"lease_seconds":0|"max":2
"holder":"","mark":0|"lease_seconds":60,"holder":"h"
"begins":false,"again":false|"max":1
FIELDS
stop_serve
