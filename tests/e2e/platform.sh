# Parties for real on the platform's own service, which knows none of our fields: one contract a pop,
# at most once, and uuids of its own.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 48
source "$ROOT/tests/lib/parties.sh"

coproc FAKE { exec python3 "$ROOT/tests/lib/fake_service.py"; }
read -r port <&"${FAKE[0]}"

# tell LINE: has the service do something; its answer goes to $told.
tell() {
    echo "$1" >&"${FAKE[1]}"
    read -r told <&"${FAKE[0]}"
}

# The three parties of a flow, by the roles that the service lists; output in NODE.out and NODE.err.
parties() {
    local flow=$1 pids=() node role
    shift
    for node in a b c; do
        role=participant
        [ $node != a ] || role=initiator
        timeout 120 "$AFRUN" "$flow" --role $role --node node-$node --task "$task" \
            --bus "http://127.0.0.1:$port/node/node-$node" "$@" >$node.out 2>$node.err </dev/null &
        pids+=($!)
    done
    failed=0
    for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
}

# all_done NAME: the parties that have just run have ended well.
all_done() {
    if [ $failed -eq 0 ] && [ "$(grep -lE 'done' ./*.out | wc -l)" -eq 3 ]; then
        ok "$1"
    else
        not_ok "$1" "$(tail -n 5 ./*.out ./*.err)"
    fi
}

task=plain
parties "$ROOT/flows/sync_state.lua"
all_done "three parties meet on a platform's service"
if grep -q "is a plain platform service: it is polled" a.err &&
    [ "$(grep -c "plain platform service" a.err)" -eq 1 ]; then
    ok "each says once what that means"
else
    not_ok "each says once what that means" "$(cat a.err)"
fi

task=faulty
for _ in 1 2; do
    tell "plan message/pop drop"
    tell "plan message/push status 500"
    tell "plan message/pop body <html>the proxy is tired</html>"
    tell "plan message/push refuse"
    tell "plan message/pop status 503"
done
parties "$ROOT/flows/sync_state.lua"
all_done "errors, lost answers and a proxy's page end no party"
tell "requests"
if [[ $told == *message_uuid* ]]; then ok "pushes have our uuid"; else not_ok "pushes have our uuid"; fi

# ---- The service does not say who has sent something: then the sender is nil. ----
for name in sender:s receiver_1:r1 receiver_2:r2; do
    sed "s/^if af.mock_node_id.*/if false then/" "$ROOT/tests/data/data_channel/${name%:*}.lua" >"${name%:*}.lua"
    start_party "${name%:*}" "${name%:*}.lua" --node "${name#*:}" --bus "http://127.0.0.1:$port/node/${name#*:}"
done
for name in sender receiver_1 receiver_2; do
    expect_ended $name 0 "$name of the data channel ends well"
done
expect_in sender.out "both	r1 r2" "both receivers have the data"
expect_in sender.out "unwanted	nil	'r2' refused: data from 's' is not expected" "data that is not expected is refused"
expect_in sender.out "results	result-1	result-2" "the sender has both results"

# The same by paths, there and over a file: calls of scripts, and states of a flow, whose answers may be lost.
head -c 3000000 /dev/urandom >sent.bin
cat >sends.lua <<'LUA'
local af = require "af"
local channel = af.data_channel(af.TaskMessageContractor("paths"))
print("sent", channel:send_stream { source = "node-a", target = "node-b", path = "sent.bin", timeout = 30 })
LUA
cat >receives.lua <<'LUA'
local af = require "af"
local channel = af.data_channel(af.TaskMessageContractor("paths"))
print("got", channel:receive_stream { receiver = "node-b", source = "node-a", path = "got.bin", timeout = 30 })
LUA
cat >relay.lua <<'LUA'
local af = require "af"
local function other(role) return function(party) return party:nodes(role) end end
return af.flow { name = "relay", roles = {
  initiator = { start = "giving", states = {
    giving = af.data_channel.sending { target = other "participant", path = "sent.bin", every = 5, tries = 5, need = 2,
      done = function(_, ids, missing) return af.done { #ids, #missing } end },
  } },
  participant = { start = "taking", states = { taking = af.data_channel.receiving {
    source = other "initiator", path = function(party) return party.id .. ".bin" end,
    received = function(party, _, path) party.data.path = path end, every = 5, tries = 6,
    done = function(party) return af.done(party.data.path) end,
  } } },
} }
LUA
for where in http local; do
    bus_of() { echo "http://127.0.0.1:$port/node/$1"; }
    [ $where = http ] || bus_of() { echo local:paths.db; }
    rm -f got.bin node-?.bin
    start_party sends sends.lua --node node-a --bus "$(bus_of node-a)"
    start_party receives receives.lua --node node-b --bus "$(bus_of node-b)"
    expect_ended sends 0 "$where: a script sends a file"
    expect_ended receives 0 "$where: another receives it"
    expect_in receives.out "got	node-a	got.bin" "$where: by its path"
    check "$where: whole" cmp sent.bin got.bin
    for node in a b c; do
        role=participant
        [ $node != a ] || role=initiator
        start_party $node relay.lua --role $role --node node-$node --task relay --bus "$(bus_of node-$node)" \
            --peers 'initiator=node-a;participant=node-b,node-c' --json
    done
    for node in a b c; do expect_ended $node 0 "$where: $node of a flow ends well"; done
    expect_in a.out '"result":[2,0]' "$where: the sender knows who has the file"
    check "$where: a receiver's file is whole" cmp sent.bin node-b.bin
    check "$where: and the other's" cmp sent.bin node-c.bin
done

cat >nobody.lua <<'LUA'
local af = require "af"
local contractor = af.TaskMessageContractor("nobody")
af.TaskMessageContractor("nobody"):new_contract("node-a", af.event("unheard_of", {}) {})
contractor:notify_task_completion(true)
for event, info in contractor:contract_events { timeout = 20 } do
  print("script", event.type, info.from, type(info.time), type(info.uuid))
  break
end
LUA
cat >nobody_flow.lua <<'LUA'
local af = require "af"
local Word = af.event("word", {})
return af.flow { name = "nobody", roles = {
  initiator = { start = "saying", states = { saying = {
    enter = function(party) party:send(party:nodes("participant"), Word {}) return af.done() end,
  } } },
  participant = { start = "hearing", states = { hearing = {
    [Word] = function(_, _, from) return af.done { sender = tostring(from) } end,
  } } },
} }
LUA
for sender in '' null '""' 7; do
    tell "stamp $sender"
    start_party nobody nobody.lua --node node-a --bus "http://127.0.0.1:$port/node/node-a"
    expect_ended nobody 1 "a script reads what has the sender '$sender'"
    expect_in nobody.err "unheard_of" "and passes over what it does not know"
    expect_in nobody.out "script	notice_task_completion	nil	number	string" "its info has no sender"
    task=nobody$sender
    parties nobody_flow.lua --json
    expect_in b.out '"result":{"sender":"nil"}' "nor has a handler's third argument"
done
tell "stamp "

expect_error "is no URL" 2 "$AFRUN" "$ROOT/flows/sync_state.lua" --role initiator \
    --node n --task t --bus http://
eval "exec ${FAKE[1]}>&-"
wait "$FAKE_PID"
