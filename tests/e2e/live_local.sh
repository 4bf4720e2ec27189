#!/usr/bin/env bash
# Parties for real, each a process of its own, on local:FILE: any start order, same results as in
# mock; scripts that share a mock store; kills.
source "$(dirname "$0")/../lib/e2e.sh"
plan 52
source "$ROOT/tests/lib/parties.sh"
flows=$ROOT/flows
peers='initiator=i;participant=p1,p2,p3'

sync_party() { # NAME ROLE TASK
    start_party "$1" "$flows/sync_state.lua" --role "$2" --node "$1" --task "$3" \
        --bus local:bus.db --peers "$peers" --json
}

# ---- The sync flow, in several orders. ----
for order in "i p1 p2 p3" "p3 p2 p1 i" "p1 i p3 p2"; do
    task=task-${order// /-}
    for name in $order; do
        role=participant
        [ "$name" != i ] || role=initiator
        sync_party "$name" $role "$task"
    done
    for name in i p1 p2 p3; do
        wait_party "$name"
        [ "$status" -eq 0 ] || echo "$name: $(cat "$name.out" "$name.err")" >>trouble
    done
    if [ -e trouble ]; then
        not_ok "the sync flow ends well, started as $order" "$(cat trouble)"
        rm trouble
    elif [ "$(field i.out result)" != '{"synced": 3}' ] ||
        [ "$(field p2.out result)" != '{"aggregator": "i", "round": 11}' ]; then
        not_ok "the sync flow comes to the mock's results, started as $order" "$(tail -n 1 ./*.out)"
    else
        ok "the sync flow comes to the mock's results, started as $order"
    fi
done

# ---- Flags of the store. ----
modes=$(stat -c %a bus.db bus.db-wake bus.db-parts bus.db.files | sort | uniq -c | xargs)
if [ "$modes" = "3 600 1 700" ]; then ok "the store is its owner's alone"; else not_ok "the store is its owner's alone" "$modes"; fi

# ---- Models through files. ----
model='aggregator=a;client=c1,c2,c3'
for name in c2 a c3 c1; do
    role=client
    [ $name != a ] || role=aggregator
    start_party $name "$flows/model_exchange.lua" --role $role --node $name --task models \
        --bus local:bus.db --peers "$model" --json
done
for name in a c1 c2 c3; do
    expect_ended $name 0 "$name of the model exchange ends well"
done
run "$AFRUN" "$flows/model_exchange.lua" --mock --json
mock=$(python3 -c '
import json, sys
parties = json.loads(open(sys.argv[1]).read())["party_list"]
print(json.dumps(parties[0]["result"], sort_keys=True))' "$OUT")
if [ "$(field a.out result)" = "$mock" ]; then
    ok "the models are those of the mock run, to the last bit"
else
    not_ok "the models are those of the mock run, to the last bit" "$mock / $(tail -n 1 a.out)"
fi

# ---- The tutorial's scripts share a mock store. ----
for order in "initiator collaborator" "collaborator initiator"; do
    for name in $order; do
        start_party $name "$flows/notebook/$name.lua" --mock --shared tutorial.db
    done
    for name in $order; do
        expect_ended $name 0 "the tutorial's $name ends well, started as $order"
    done
    expect_in collaborator.out "与 d54a3af2-83e2-4da6-bc8d-2dc03634612c 同步状态完成." "the collaborator says so, $order"
    expect_in initiator.out "与 2d7514b7-f2fc-4f6c-8d88-849339bd268a 同步状态完成." "the initiator says so, $order"
done
for name in initiator collaborator; do
    AFRUN_MOCK=environment.db start_party $name "$flows/notebook/$name.lua"
done
expect_ended initiator 0 "AFRUN_MOCK shares a store as --shared does"
wait_party collaborator

# ---- The data channel's scripts. ----
for name in receiver_2 sender receiver_1; do
    start_party $name "$ROOT/tests/data/data_channel/$name.lua" --mock --shared channel.db
done
for name in sender receiver_1 receiver_2; do
    expect_ended $name 0 "$name of the data channel ends well"
done
expect_in sender.out "unwanted	nil	'r2' refused: data from 's' is not expected" "data that is not expected is refused"
expect_in receiver_1.out "got	s	1011	0	255" "bytes come as they are"
expect_in sender.out "results	result-1	result-2" "the sender has both results"

# ---- clean = true clears its own task, and only what nobody is in. ----
cat >leftover.lua <<'LUA'
local af = require "af"
af.mock_context({ id = "a", nodes = { "a", "b" } }, function()
  for _, task in ipairs { "mine", "other" } do
    af.TaskMessageContractor(task):notify_task_completion(true)
  end
end)
LUA
cat >cleaner.lua <<'LUA'
local af = require "af"
af.mock_context({ id = "b", nodes = { "a", "b" }, clean = true }, function()
  for _, task in ipairs { "mine" } do
    for event in af.TaskMessageContractor(task):contract_events { timeout = 0.3 } do
      print("mine", event.type)
    end
  end
end)
print("outside", af.mock_node_id())
af.mock_context({ id = "b", nodes = { "a", "b" } }, function()
  for event in af.TaskMessageContractor("other"):contract_events { timeout = 0.3 } do
    print("other", event.type)
  end
end)
LUA
"$AFRUN" leftover.lua --mock --shared clean.db >leftover.out 2>&1
run "$AFRUN" cleaner.lua --mock --shared clean.db
if [ "$(grep -c mine "$OUT")" = 0 ] && [ "$(grep -c other "$OUT")" = 1 ]; then
    ok "clean clears its own task only"
else
    not_ok "clean clears its own task only" "$(cat leftover.out "$OUT" "$ERR")"
fi
expect_in "$OUT" "outside	nil" "outside of a mock context there is no node"

# ---- A receiver that is killed with a contract in hand finds it again. ----
cat >slow.lua <<'LUA'
local af = require "af"
af.mock_context({ id = "b", nodes = { "a", "b" } }, function()
  for event in af.TaskMessageContractor("t"):contract_events() do
    print("have it", event.type)
    af.sleep(60)
  end
end)
LUA
cat >once.lua <<'LUA'
local af = require "af"
af.mock_context({ id = "b", nodes = { "a", "b" } }, function()
  for event in af.TaskMessageContractor("t"):contract_events { timeout = 40 } do
    print("again", event.type)
    break
  end
end)
LUA
sed -i 's/"mine", "other"/"t"/' leftover.lua
start_party slow slow.lua --mock --shared kill.db
"$AFRUN" leftover.lua --mock --shared kill.db >/dev/null 2>&1
wait_line slow.out "have it" || not_ok "the receiver has it" "$(cat slow.err)"
kill_party slow KILL
start_party once once.lua --mock --shared kill.db
expect_ended once 0 "the next process of the node ends well"
expect_in once.out "again	notice_task_completion" "a contract in the hands of a killed process comes again"

# ---- Ctrl-C: the party says so to the others. ----
sync_party p1 participant interrupted
has_sent() {
    python3 - "$@" <<'PY'
import sqlite3, sys
count = sqlite3.connect(sys.argv[1]).execute(
    "SELECT count(*) FROM contracts JOIN tasks ON tasks.id = task WHERE name = ? AND sender = ?",
    sys.argv[2:]).fetchone()
sys.exit(count[0] == 0)
PY
}
until_true has_sent bus.db interrupted p1 || not_ok "p1 has asked" "$(cat p1.err)"
kill_party p1 INT
[ "$status" -eq 130 ] && ok "an interrupted party exits with 130" || not_ok "an interrupted party exits with 130" "$status $(cat p1.err)"
expect_in p1.err "p1 failed: interrupted" "it says that it was interrupted"
python3 - bus.db <<'PY' >dump
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("SELECT content FROM contents"):
    print(row[0].decode())
PY
expect_in dump '{"type":"party_failed","peer_id":"p1","reason":"interrupted"}' "the others are told"

# ---- Who waits says for what, from whom, since when. ----
sync_party p3 participant alone
wait_line p3.err "since 1" || not_ok "who waits says so" "$(cat p3.err)"
sed 's/over in 19 s/over in 20 s/' p3.err >waits # it has 30 s, and may say so a second later
expect_in waits "p3 waits: state 'querying' ($flows/sync_state.lua:65), for sync; its time is over in 20 s; nothing has come from i, p1, p2; since 1" \
    "who waits says for what, from whom, since when"
kill_party p3 INT

# ---- Messages. ----
sync="$flows/sync_state.lua"
expect_error "--node: is missing" 2 "$AFRUN" "$sync" --role initiator --task t --bus local:x.db
expect_error "has no role 'boss'" 2 "$AFRUN" "$sync" --role boss --node i --task t --bus local:x.db
expect_error "'i' (--node) must be among them" 2 "$AFRUN" "$sync" --role initiator --node i --task t --bus local:x.db --peers participant=p
start_party lonely "$sync" --role initiator --node i --task lonely --bus local:x.db --peers 'initiator=i'
if wait_line lonely.err "task 'lonely' has no node of role 'participant'"; then ok "a role that nobody has is told"; else not_ok "a role that nobody has is told" "$(cat lonely.err)"; fi
kill_party lonely
expect_error "has no role 'nobody'" 2 "$AFRUN" "$sync" --role initiator --node i --task t --bus local:x.db --peers 'initiator=i;nobody=p'
expect_error "has the role 'participant'" 2 "$AFRUN" "$sync" --role initiator --node i --task t --bus local:x.db --peers 'initiator=x;participant=i'
for url in ftp://x nats:x tls:/x http: https:/x; do
    expect_error "$url: is no bus; expected local:FILE" 2 "$AFRUN" "$sync" --role initiator --node i --task t --bus "$url"
done
expect_error "cannot be opened" 3 "$AFRUN" "$sync" --role initiator --node i --task t --bus local:/nowhere/x.db
expect_error "names no file" 2 "$AFRUN" "$sync" --role initiator --node i --task t --bus local:
expect_error "is for a party for real" 2 "$AFRUN" "$sync" --role initiator
expect_error "is for a simulation" 2 "$AFRUN" "$sync" --role initiator --node i --task t --bus local:x.db --drop 0.5
expect_error "is a flow; with --mock it stands alone" 2 "$AFRUN" "$sync" --mock --shared x.db
expect_error "a sequential script has no roles" 2 "$AFRUN" "$flows/notebook/initiator.lua" --role x --node i --bus local:x.db
expect_error "but the script runs for real, as node 'i'" 1 "$AFRUN" "$flows/notebook/initiator.lua" --node i --bus local:x.db
echo "no database, certainly none, at all" >text.db
expect_error "cannot be used as a store" 3 "$AFRUN" "$sync" --role initiator --node i --task t --bus local:text.db
stop_all
