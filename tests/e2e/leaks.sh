#!/usr/bin/env bash
# No memory is lost: the sanitize build, once through what each command does. (make test-long has it do what all tests do.)
[[ ${AFRUN:-} == */coverage/* ]] || AFRUN=$(cd "$(dirname "$0")/../.." && pwd)/build/sanitize/afrun
source "$(dirname "$0")/../lib/e2e.sh"
plan 77
[ -x "$PROGRAM" ] || { skip_rest "there is no sanitize build" && exit; }
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/certificates.sh"
flows=$ROOT/flows
does() { # does STATUS WORD…: afrun WORD… ends so; where memory is lost, the status is another
    expect_status "$1" "$AFRUN" "${@:2}"
}

# ---- By itself. ----
cp -r "$flows"/{sync_state.lua,sync_state_test.lua,upgrade,model_exchange.lua,psi.lua,psi,secure_aggregation.lua,secure_aggregation,protocols} .
does 0 sync_state.lua --mock --trace run.jsonl --drop 0.1 --duplicate 0.1 --crash participant:0.1 --seed 2
does 0 sync_state.lua --mock --runs 20 --drop 0.1 --json
does 0 sync_state.lua --mock -v --partition 'initiator|participant@1s..3s' --latency 1ms..1s
does 1 protocols/paxos.lua --mock --arg quorum=1 --drop 0.1 --runs 100
does 0 upgrade/count_1.lua --mock --upgrade upgrade/count_2.lua --trace upgraded.jsonl
echo 'return require "af".flow { name = "wrong", mock = { a = 2 },
  roles = { a = { start = "s", states = { s = { enter = function() error "as asked" end } } } } }' >wrong.lua
does 1 wrong.lua --mock
cat >large.lua <<'LUA'
local af = require "af"
local Turn = af.event("turn", {})
local function key(n) return ("%04d"):format(n) end
return af.flow { name = "large", mock = { a = 1 }, roles = { a = {
  data = function()
    local data = { map = {}, list = {}, turn = 0 }
    for i = 1, 100 do data.map[key(i)], data.list[i] = i, i end
    return data
  end,
  start = "s", states = { s = {
    enter = function(party) party:send(party.id, Turn {}) end,
    [Turn] = function(party)
      local data = party.data
      data.turn = data.turn + 1
      data.map[key(100 + data.turn)], data.list[100 + data.turn] = true, data.turn
      if data.turn > 300 then data.map[key(data.turn)] = nil end
      if data.turn == 500 then return af.done() end
      party:send(party.id, Turn {})
    end,
  } } } } }
LUA
does 0 large.lua --mock
does 0 model_exchange.lua --mock
does 0 psi.lua --mock
does 0 secure_aggregation.lua --mock
does 2 no.lua --mock
does 2 sync_state.lua --mock --arg speed=1
echo 'return af.flow {' >broken.lua
does 2 broken.lua --mock
does 0 check sync_state.lua --parties participant=2 --drop 1
does 0 check upgrade/count_1.lua --upgrade upgrade/count_2.lua --json
does 1 check protocols/paxos.lua --arg quorum=1 --first --trace found.jsonl
does 0 check protocols/alternating_bit.lua --drop 1 --json
does 0 check sync_state.lua --explore '[]'
does 0 test sync_state_test.lua --coverage --json
printf '%s\n' 'local t = require "af.test"' 'for i = 1, 8 do t.test("case " .. i, function() end) end' >eight_test.lua
does 0 test eight_test.lua --junit report.xml # as many as there is room for at first
does 0 lint sync_state.lua psi.lua
does 0 chart run.jsonl
does 0 chart run.jsonl --svg
does 0 chart upgraded.jsonl --html
does 0 chart found.jsonl --json
does 0 chart --states sync_state.lua
does 0 replay run.jsonl sync_state.lua
does 0 replay found.jsonl protocols/paxos.lua
does 0 new mine
does 0 bundle sync_state.lua
does 0 sync_state.afb --mock
does 0 nats config servers --nodes a,b
does 0 help af.event
does 0 --man run
does 0 --completion bash
(umask 077 && : >tokens)
does 0 token new tokens i
does 0 token list tokens

# page WHO REQUEST… -- WORD…: afrun WORD… shows a page, which answers each request, until Ctrl-C.
page() {
    local requests=() link at
    while [ "$1" != -- ]; do requests+=("$1") && shift; done
    shift
    start_party page "$@"
    wait_line page.out 'token=' || not_ok "$2 starts" "$(cat page.err)"
    link=$(grep -m1 -o 'http[^ ]*' page.out) at=${link%%/\?*}
    curl -sS -o answer -c jar "$link"
    for request in "${requests[@]}"; do
        run curl -sS -f -b jar -H "Origin: $at" ${request#* } "$at${request%% *}"
        [ "$status" -eq 0 ] && ok "$1 answers $request" || not_ok "$1 answers $request" "$(cat "$ERR")"
    done
    kill_party page INT
    [ "$status" -eq 0 ] && ok "$1 has lost nothing" || not_ok "$1 has lost nothing" "$status $(tail -n 40 page.err)"
}
page '/api/run?seed=1 -d=' '/api/states -d=' '/api/check -d=' -- studio sync_state.lua --no-browser

# ---- For real. ----
secret admin 'admin-secret-of-some-length'
does 0 token new tokens p
PATIENCE=60
start_serve --bus local:serve.db --prefix-nodes --open-tasks --audit audit.log || not_ok "the service starts" "$(cat serve.err)"
mkdir flows && cp sync_state.lua upgrade/count_1.lua flows
put_flow sleeps <<'LUA'
local af = require "af"
return af.flow { name = "sleeps", roles = { a = { start = "s", states = { s = {
  enter = function() af.process.run("sleep", { args = { "600" } }) end } } } } }
LUA
for name in i p; do
    start_party $name node --node $name --bus "$URL/node/$name" --flows flows --state $name.state --audit $name.log --allow-run sleep
    wait_line $name.out "afrun node: node $name" || not_ok "node $name starts" "$(cat $name.err)"
done
peers='initiator=i;participant=p'
does 0 ctl launch sync_state --task t --role initiator --peers "$peers" --state i.state
does 0 ctl launch sync_state --task t --role participant --peers "$peers" --state p.state
is_done() { "$AFRUN" ctl status t --state "$1.state" | grep -q done; }
until_true is_done i && until_true is_done p && ok "both are done" || not_ok "both are done" "$("$AFRUN" ctl status t --state i.state)"
does 0 ctl status t --data --json --state i.state
does 0 ctl log t --state i.state
does 0 ctl trace t -o t.jsonl --state i.state
does 0 chart t.jsonl
does 0 ctl launch sync_state --task held --role initiator --peers 'initiator=i;participant=nobody' --state i.state
does 0 ctl pause held --state i.state
does 0 ctl resume held --state i.state
sed -i 's/version = 1/version = 2/' flows/sync_state.lua
does 0 ctl reload sync_state --state i.state
does 2 ctl send held nothing '{}' --state i.state
does 0 ctl stop held --state i.state
does 0 ctl backup copies --state i.state
page '/api/ask -d{"cmd":"status"}' '/api/ask -d{"cmd":"trace","task":"t"}' '/api/ask -d{"cmd":"log","task":"t"}' -- ctl ui --state i.state
sleeps() { "$AFRUN" ctl status "$1" --state i.state | grep -qF "waits at sleeps.lua:3 (run)"; }
for task in stopped left; do
    does 0 ctl launch sleeps --task $task --role a --peers a=i --state i.state
    until_true sleeps $task && ok "its program runs" || not_ok "its program runs" "$("$AFRUN" ctl status $task --state i.state)"
done
does 0 ctl stop stopped --state i.state
for name in i p; do
    kill_party $name TERM
    [ "$status" -eq 0 ] && ok "node $name has lost nothing" || not_ok "node $name has lost nothing" "$status $(tail -n 40 $name.err)"
done
stop_serve
[ "$status" -eq 0 ] && ok "nor has the service" || not_ok "nor has the service" "$status $(tail -n 40 serve.err)"
does 0 audit verify audit.log
authority ca
for name in one two; do certificate ca $name "/CN=$name" subjectAltName=IP:127.0.0.1; done
does 2 serve --listen 127.0.0.1:0 --bus local:tls.db --tls-cert one.pem --tls-key two.key --client-ca ca.pem
cp one.pem server.pem && cp one.key server.key
start_serve --bus local:tls.db --tls-cert server.pem --tls-key server.key --client-ca ca.pem || not_ok "TLS is spoken" "$(cat serve.err)"
shows() { openssl s_client -connect "${URL#https://}" -CAfile ca.pem </dev/null 2>&1 | grep -q "subject=.*$1"; }
shows one && ok "a certificate is shown" || not_ok "a certificate is shown" "$(cat serve.err)"
cp two.key server.key && cp two.pem server.pem
until_true shows two && ok "and the next one" || not_ok "and the next one" "$(cat serve.err)"
stop_serve
[ "$status" -eq 0 ] && ok "neither is lost" || not_ok "neither is lost" "$status $(tail -n 40 serve.err)"
does 0 store check serve.db
for name in i p; do
    role=$([ $name = i ] && echo initiator || echo participant)
    start_party live_$name run sync_state.lua --role $role --node $name --task live --bus local:live.db --peers "$peers" --state live_$name.db
done
expect_ended live_i 0 "a party for real has lost nothing"
expect_ended live_p 0 "nor has the other one"
