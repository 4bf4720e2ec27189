#!/usr/bin/env bash
# A client that knows only the platform's fields is one of a task's parties, in both directions.
source "$(dirname "$0")/../lib/e2e.sh"
plan 19
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
start_serve --bus local:serve.db --prefix-nodes \
    --members 'initiator=i;participant=p1,plain' || not_ok "the service starts" "$(cat serve.err)"

plain() { # TASK COMMAND ARGUMENT…: as the node "plain"
    python3 "$ROOT/tests/lib/plain_client.py" "$URL/node/plain" "$@"
}

# ---- The sync flow: the plain client is a participant, beside one of ours. ----
start_party i "$ROOT/flows/sync_state.lua" --role initiator --node i --task t --bus "$URL/node/i" --json
start_party p1 "$ROOT/flows/sync_state.lua" --role participant --node p1 --task t --bus "$URL/node/p1"
if [ "$(plain t nodelist | xargs)" = "i 1 p1 2 plain 2" ]; then
    ok "the plain client sees the task's nodes and their roles"
else
    not_ok "the plain client sees the task's nodes and their roles" "$(plain t nodelist 2>&1)"
fi
plain t push i '{"type":"query","querier":"plain"}' >uuid
[ -s uuid ] && ok "its push is confirmed by a uuid" || not_ok "its push is confirmed by a uuid" ""
expected='{"aggregator": "i", "current_round": 11, "participants": ["i", "p1", "plain"], "type": "sync"}'
got=$(plain t wait 30)
[ "$got" = "$expected" ] && ok "it is given the initiator's sync" || not_ok "it is given the initiator's sync" "$got"
plain t push i '{"type":"sync_resp","querier":"plain"}' >/dev/null
got=$(plain t wait 30)
[ "$got" = '{"result": true, "type": "notice_task_completion"}' ] &&
    ok "it is told that all know" || not_ok "it is told that all know" "$got"
expect_ended i 0 "the initiator ends well"
expect_ended p1 0 "the participant of ours ends well"
[ "$(field i.out result)" = '{"synced": 2}' ] && ok "the initiator has counted both" ||
    not_ok "the initiator has counted both" "$(cat i.out)"

# What a plain client sends that is none of the flow's is told, and ends nobody.
start_party i "$ROOT/flows/sync_state.lua" --role initiator --node i --task t2 --bus "$URL/node/i"
plain t2 push i '{"type":"query"}' >/dev/null
plain t2 push i '{"no":"type"}' >/dev/null
wait_line i.err "event 'query'" || not_ok "a wrong contract is told" "$(cat i.err)"
expect_in i.err "from plain" "a wrong contract is told, with its sender"
kill_party i INT

# ---- The data channel, both ways. ----
cat >receiver.lua <<'LUA'
local af = require "af"
local channel = af.data_channel(af.TaskMessageContractor("channel"))
print("got", channel:receive_stream { receiver = "p1", source = "plain", timeout = 40 })
LUA
start_party receiver receiver.lua --node p1 --bus "$URL/node/p1"
answer=$(plain channel send plain p1 "from the plain client")
[ "$answer" = p1 ] && ok "the plain client's data is accepted" || not_ok "the plain client's data is accepted" "$answer"
expect_ended receiver 0 "the receiver ends well"
expect_in receiver.out "got	plain	from the plain client" "the bytes are those of the plain client"

cat >sender.lua <<'LUA'
local af = require "af"
local channel = af.data_channel(af.TaskMessageContractor("channel"))
print("sent", channel:send_stream { source = "p1", target = "plain", data_stream = "bytes\0 of ours", timeout = 40 })
print("refused", channel:send_stream { source = "p1", target = "plain", data_stream = "x", timeout = 40 })
LUA
start_party sender sender.lua --node p1 --bus "$URL/node/p1"
plain channel receive plain p1 >received
printf 'bytes\0 of ours' >expected
cmp -s expected received && ok "the plain client fetches our bytes" || not_ok "the plain client fetches our bytes" "$(od -c received | head)"
plain channel wait 30 >application
session=$(python3 -c 'import json, sys; print(json.load(open("application"))["session_id"])')
plain channel push p1 "{\"type\":\"deny_sending_data\",\"session_id\":\"$session\",\"rejecter\":\"plain\",\"cause\":\"enough\"}" >/dev/null
expect_ended sender 0 "the sender ends well"
expect_in sender.out "sent	plain" "the sender knows that it was accepted"
expect_in sender.out "refused	nil	'plain' refused: enough" "… and that it was refused, and why"

# Files: ours are theirs, and theirs ours.
echo "a report" >report.txt
cat >files.lua <<'LUA'
local af = require "af"
local contractor = af.TaskMessageContractor("files")
contractor:upload_metric_report("plain", "report.txt")
for event in contractor:contract_events { timeout = 40 } do
  print(event.type, event.file_type, af.download(event.file_url))
  break
end
LUA
start_party files files.lua --node p1 --bus "$URL/node/p1"
plain files wait 30 >upload
url=$(python3 -c 'import json; print(json.load(open("upload"))["file_url"])')
[ "$(plain files download "$url")" = "a report" ] && ok "the plain client reads our report" ||
    not_ok "the plain client reads our report" "$(cat upload)"
url=$(plain files upload report.txt)
plain files push p1 "{\"type\":\"task_file_upload\",\"file_type\":\"model\",\"file_url\":\"$url\"}" >/dev/null
expect_ended files 0 "our script ends well"
expect_in files.out "task_file_upload	model	a report" "our script reads the plain client's file"
stop_serve
stop_all
