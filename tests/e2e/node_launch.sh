#!/usr/bin/env bash
# A task's launch arrives at the service, and the nodes of the task run it: by launch_task of a script,
# by a bundle, at a node that was away; and what a node refuses.
source "$(dirname "$0")/../lib/e2e.sh"
plan 37
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
mkdir flows
cp "$ROOT/flows/sync_state.lua" flows/

node() { # node NAME ARGUMENT…
    local name=$1
    shift
    start_party "$name" node --node "$name" --bus "$URL/node/$name" --flows flows --state "$name.state" "$@"
    wait_line "$name.out" "afrun node: node $name" || not_ok "node $name starts" "$(cat "$name.err")"
}
ctl() { # ctl NODE WORD…
    local name=$1
    shift
    "$AFRUN" ctl "$@" --state "$name.state"
}
says_status() { ctl "$1" status --json 2>/dev/null | grep -qF "$2"; }
status_has() { # status_has NODE TEXT NAME
    if until_true says_status "$1" "$2"; then ok "$3"; else not_ok "$3" "$(ctl "$1" status 2>&1)"; fi
}
task() { # task NAME: of i and p, in their roles
    call POST /admin/tasks "{\"task_id\":\"$1\",\"members\":[{\"node_id\":\"i\",\"role\":\"initiator\"},{\"node_id\":\"p\",\"role\":\"participant\"}]}" \
        -H 'Authorization: Bearer admin-secret-of-some-length' >admin.out
    grep -q '"code":0' admin.out || not_ok "task $1 is made" "$(cat admin.out)"
}
bundle() { # bundle JSON: uploads it; prints its key
    printf '%s' "$1" >bundle.json
    curl -sS -F File=@bundle.json "$URL/node/i/alpha-med/fed-bass?cmb=UploadFile" | sed -E 's/.*"FileKey":"([^"]*)".*/\1/'
}
launch() { # launch TASK KEY: as node i
    call POST "/node/i/alpha-med/fed-bass?cmb=StartCalculationTaskRunning" "{\"TaskId\":\"$1\",\"ProgramObject\":\"$2\"}"
}

secret admin 'admin-secret-of-some-length'
start_serve --bus local:serve.db --prefix-nodes --admin-token admin
node i
node p

# ---- By a script: it uploads what is to be launched, and launches it. ----
task t1
cat >launch.lua <<'LUA'
local af = require "af"
local contractor = af.TaskContractor "t1"
local url = contractor:upload_file(af.content('{"afrun_launch":1,"flow":"sync_state.lua","args":["round=12"]}'), false, "launch.json")
print("launched", af.BassProxy():launch_task("t1", url))
LUA
expect_output "launched	true" "$AFRUN" launch.lua --node i --task t1 --bus "$URL/node/i"
status_has i '"status":"done"' "a launch_task of a script runs the flow at i"
status_has p '"status":"done"' "and at p, in the role of the task's list"
expect_output "participant of sync_state" ctl p status t1
# ---- By a bundle, with a node that was away. ----
kill_party p TERM
task t2
key=$(bundle '{"afrun_launch":1,"flow":"sync_state.lua"}')
says "a launch by a bundle's key is taken" '"Status":"OK"' "$(launch t2 "$key")"
status_has i '"status":"waiting"' "the node that is there begins"
node p
status_has p '"task":"t2"' "the node that was away begins when it is back"
status_has i '"task":"t2","flow":"sync_state","file":"sync_state.lua","version":1,"role":"initiator","status":"done"' \
    "and the task ends"
says "a launch that is told again is taken" '"Status":"OK"' "$(launch t2 "$key")"
task t3
says "as the next is" '"Status":"OK"' "$(launch t3 "$key")"
status_has i '"task":"t3"' "which begins"
if ctl i status --json | grep -q '"refused":\[\]'; then ok "what runs already is not launched again"; else not_ok "what runs already is not launched again" "$(ctl i status)"; fi

# ---- What cannot be. ----
task t4
says "a flow that a node has not is noted" '"Status":"OK"' "$(launch t4 "$(bundle '{"afrun_launch":1,"flow":"other.lua"}')")"
status_has i '"refused":[{"task":"t4","flow":"other.lua"' "the node says that it does not run it"
expect_output "t4  not launched" ctl i status
says "an argument that is wrong too" '"Status":"OK"' "$(launch t4 "$(bundle '{"afrun_launch":1,"flow":"sync_state.lua","args":["speed=9"]}')")"
status_has p "takes no such argument" "the node tells which"
says "a launch without a flow is refused" 'names no `flow`' "$(launch t4 "$(bundle '{"afrun_launch":1}')")"
says "a launch of a newer format is refused by name" 'of format 2; this service knows format 1' \
    "$(launch t4 "$(bundle '{"afrun_launch":2,"flow":"x"}')")"
says "a program of the platform's is noted, as before" '"Status":"OK"' "$(launch t4 file-key-or-url)"
says "a task that is not there is refused" '"Code":"404"' "$(launch nowhere "$key")"
says "who is no member launches nothing" '"Code":"403"' \
    "$(call POST "/node/x/alpha-med/fed-bass?cmb=StartCalculationTaskRunning" "{\"TaskId\":\"t4\",\"ProgramObject\":\"$key\"}")"

# ---- Forged: a node posts into the queue itself. ----
forged='{"type":"launch","task":"t4","flow":"sync_state.lua","args":[]}'
queue='"task_id":"afrun:launches","channel":"launch"'
for what in "push {$queue,\"node_id_list\":[\"p\"],\"message_title\":\"launch\",\"message_content\":$forged,\"message_time\":1}" \
    "push {\"messages\":[{$queue,\"node_id_list\":[\"p\"],\"message_title\":\"launch\",\"message_content\":$forged,\"message_time\":1}]}" \
    "task/nodelist {$queue}" "federated/task/progress {$queue,\"progress_number\":1}" \
    "federated/task/verify/upload {$queue,\"f_url\":\"u\"}" "pop {\"task_id\":\"afrun:other\",\"channel\":\"launch\"}"; do
    says "the service's own task is not to be touched: ${what%% *}" "names a task of the service's own" "$(ask i "${what%% *}" "${what#* }")"
done
says "… nor to be launched" "names a task of the service's own" "$(launch afrun:launches "$key")"
# As a service that is not ours would let it through.
python3 - "$forged" <<'END'
import sqlite3, sys
store = sqlite3.connect("serve.db", timeout=30)
task, queue = store.execute("SELECT task, queues.id FROM queues JOIN tasks ON task = tasks.id"
                            " WHERE name = 'afrun:launches' AND node = 'p'").fetchone()
row = store.execute("INSERT INTO contracts (task, key, uuid, channel, title, sender, time, taken, pending, broadcast)"
                    " VALUES (?, 1, 'forged', 'launch', 'launch', 'i', 1, 1, 1, 0)", (task,)).lastrowid
store.execute("INSERT INTO contents VALUES (?, '[\"p\"]', CAST(? AS BLOB))", (row, sys.argv[1]))
store.execute("INSERT INTO deliveries VALUES (?, ?)", (queue, row))
store.execute("UPDATE queues SET length = length + 1 WHERE id = ?", (queue,))
store.commit()
END
launch t4 "$key" >/dev/null # which wakes the node
status_has p "it was sent by a node, not by the service" "a launch that a node forges is refused"

# ---- Switched off. ----
kill_party p TERM
node p --no-launches
task t5
says "a launch for a node that takes none" '"Status":"OK"' "$(launch t5 "$key")"
status_has i '"task":"t5"' "others run it"
expect_output "launched" ctl p launch sync_state --task t5 --role participant
status_has p '"task":"t5"' "its operator launches by hand"
kill_party p TERM
kill_party i TERM
expect_output '[["round","12"]]' python3 -c '
import sqlite3
print(sqlite3.connect("file:i.state/node.db?mode=ro", uri=True).execute("SELECT about FROM party").fetchall())'
stop_serve
[ "$status" -eq 0 ] && ok "the service ends well" || not_ok "the service ends well" "$(cat serve.err)"
