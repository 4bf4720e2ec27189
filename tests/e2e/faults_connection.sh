#!/usr/bin/env bash
# Connections are cut in every phase, and a receiver is killed with contracts in hand: all that was
# sent comes, in order, once.
source "$(dirname "$0")/../lib/e2e.sh"
plan 25
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
PATIENCE=90
count=$([ -n "${AF_TEST_LONG:-}" ] && echo 200 || echo 25)
for file in sender receiver; do
    sed "s/^local COUNT = .*/local COUNT = $count/" "$ROOT/tests/data/live/$file.lua" >$file.lua
done
start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"

expect_all_once() { # CASE
    local k
    for k in 1 2 3 4; do
        if diff <(seq "$count") <(awk -v s="s$k" '$1 == "got" && $2 == s { print $3 }' receiver.out) >differ; then
            ok "$1: all of s$k has come, in order, once"
        else
            not_ok "$1: all of s$k has come, in order, once" "$(head -n 20 differ)"
        fi
    done
}

# The phases are of different lengths, so that each meets pushes, pops and acknowledgements.
for phases in answer,pass,pass before,half-answer,pass,half-request,pass,answer,pass; do
    task=t-${phases//,/-}
    rm -f proxy.out
    python3 "$ROOT/tests/lib/cutting_proxy.py" "${URL##*:}" $phases >proxy.out &
    proxy=$!
    until_true test -s proxy.out
    url=http://127.0.0.1:$(cat proxy.out)
    sed -i "s/Contractor(\"t.*\")/Contractor(\"$task\")/" sender.lua receiver.lua
    start_party receiver receiver.lua --node r --bus "$url/node/r"
    for k in 1 2 3 4; do
        start_party "s$k" sender.lua --node "s$k" --bus "$url/node/s$k"
    done
    for name in s1 s2 s3 s4 receiver; do
        expect_ended $name 0 "$name ends well through cuts at $phases"
    done
    expect_all_once "cuts at $phases"
    { kill $proxy && wait $proxy; } 2>/dev/null
done

# A flow's parties, through the same cuts: handlers are never given a contract twice.
rm -f proxy.out
python3 "$ROOT/tests/lib/cutting_proxy.py" "${URL##*:}" half-answer,pass,pass,answer,pass,pass,before,pass,pass,half-request,pass >proxy.out &
proxy=$!
until_true test -s proxy.out
url=http://127.0.0.1:$(cat proxy.out)
peers='aggregator=a;client=c1,c2'
start_party a "$ROOT/flows/model_exchange.lua" --role aggregator --node a --task m --bus "$url/node/a" --peers "$peers" --json
for c in c1 c2; do
    start_party $c "$ROOT/flows/model_exchange.lua" --role client --node $c --task m --bus "$url/node/$c" --peers "$peers"
done
for name in a c1 c2; do
    expect_ended $name 0 "$name of the model exchange ends well"
done
run "$AFRUN" "$ROOT/flows/model_exchange.lua" --mock --parties client=2 --json
if [ "$(field a.out result)" = "$(python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["party_list"][0]["result"], sort_keys=True))' "$OUT")" ]; then
    ok "the models are those of the mock run"
else
    not_ok "the models are those of the mock run" "$(cat a.out "$OUT")"
fi
{ kill $proxy && wait $proxy; } 2>/dev/null

# ---- A receiver that is killed between receipt and acknowledgement. ----
cat >slow.lua <<'LUA'
local af = require "af"
for event in af.TaskMessageContractor("killed"):contract_events() do
  print("have", event.result)
  af.sleep(100)
end
LUA
cat >other.lua <<'LUA'
local af = require "af"
for event in af.TaskMessageContractor("killed"):contract_events { timeout = 50 } do
  print("again", event.result)
  break
end
LUA
cat >push.lua <<'LUA'
local af = require "af"
af.TaskMessageContractor("killed"):notify_task_completion(true)
LUA
start_party slow slow.lua --node r --bus "$URL/node/r"
run "$AFRUN" push.lua --node s1 --bus "$URL/node/s1"
wait_line slow.out "have" || not_ok "the receiver has it" "$(cat slow.err)"
kill_party slow KILL
start_party other other.lua --node r --bus "$URL/node/r"
expect_ended other 0 "the next process of the node ends well"
expect_in other.out "again	true" "what a killed receiver had in hand comes again"
stop_serve
stop_all
