# Tasks are made, looked at and ended by the admin; what nodes tell is seen there.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 60
source "$ROOT/tests/lib/serve.sh"

secret admin admin-token-0123456789
admin() { call "$1" "$2" "${3:-}" -H 'Authorization: Bearer admin-token-0123456789'; }

start_serve --prefix-nodes --admin-token admin
says "a task that nobody made is not there" '"code":404' "$(ask a pop '{"task_id":"T","channel":"federated"}')"
says "a task is made" '"data":{"task_id":"T"}' "$(admin POST /admin/tasks '{"task_id":"T","members":[{"node_id":"a","role":"aggregator"},{"node_id":"b","role":"party"}]}')"
list=$(ask a task/nodelist '{"task_id":"T","task_type":1}')
says "the aggregator is the platform's role 1, by name" '"node_id":"a","role":1,"role_name":"aggregator"' "$list"
says "others are role 2" '"node_id":"b","role":2,"role_name":"party"' "$list"
for dots in . ..; do
    says "the task '$dots' could not be asked for by its path" "is neither '.' nor '..'" "$(admin POST /admin/tasks "{\"task_id\":\"$dots\",\"members\":[]}")"
done
admin POST /admin/tasks '{"task_id":"I","members":[{"node_id":"a","role":"aggregator"},{"node_id":"b","role":"initiator"}]}' >/dev/null
list=$(ask a task/nodelist '{"task_id":"I"}')
says "an initiator comes before the aggregator" '"node_id":"b","role":1' "$list"
says "… who is role 2 then" '"node_id":"a","role":2' "$list"
admin POST /admin/tasks '{"task_id":"T","members":[{"node_id":"c","role":"party","number":1}]}' >/dev/null
says "members can be added, with the platform's number" '"node_id":"c","role":1,"role_name":"party"' "$(ask a task/nodelist '{"task_id":"T"}')"
for body in '{"task_id":"","members":[]}' '{"members":[]}' '{"task_id":"X","members":[{"node_id":"*"}]}' \
    '{"task_id":"X","members":[{"role":"r"}]}' '{"task_id":"X","members":"a"}' '[]' 'x' ''; do
    says "refused: $body" '"code":400' "$(admin POST /admin/tasks "$body")"
done
says "… and nothing was made" '"code":404' "$(admin GET /admin/tasks/X)"

ask a push "$(message T '["b"]' '{"type":"SECRETCONTENT"}')" >/dev/null
ask a federated/task/progress '{"task_id":"T","progress_number":42}' >/dev/null
ask b federated/task/verify/upload '{"task_id":"T","f_url":"http://h/x","file_type":"py"}' >/dev/null
says "progress is a whole percentage" '"code":400' "$(ask a federated/task/progress '{"task_id":"T","progress_number":101}')"
says "… and no boolean" '"code":400' "$(ask a federated/task/progress '{"task_id":"T","progress_number":true}')"
says "a result is py or pickle" '"code":400' "$(ask a federated/task/train/upload '{"task_id":"T","f_url":"u","file_type":"zip"}')"

bass() { call POST "/node/$1/alpha-med/fed-bass?cmb=$2" "$3"; }
says "a login gives a session" '"Token":"' "$(bass a Login '{"UserName":"a","Password":"","Captcha":""}')"
session=$(bass a Login '{"UserName":"whom a client has built in","Password":"x","Captcha":""}' | grep -oE '[0-9a-f]{64}')
dataset() { call POST "/node/$1/alpha-med/fed-bass?cmb=VerifyTaskDataSetCallback" '{"TaskId":"T","VerifyResult":true}' -H "token: $session"; }
says "where the path says who calls, the session is that node's" '"Status":"OK"' "$(dataset a)"
says "… and no other's" '"Code":"403"' "$(dataset b)"
printf 'bundle' >bundle.zip
key=$(curl -sS -F File=@bundle.zip "$URL/node/a/alpha-med/fed-bass?cmb=UploadFile")
says "a bundle is kept" '"FileKey":"' "$key"
key=$(grep -oE '[0-9a-f]{64}' <<<"$key")
says "a launch is noted" '"Status":"OK"' "$(bass a StartCalculationTaskRunning "{\"TaskId\":\"T\",\"ProgramObject\":\"$key\"}")"
says "a dataset is noted" '"Status":"OK"' "$(bass b VerifyTaskDataSetCallback '{"TaskId":"T","VerifyResult":false,"CauseOfFailure":"no data"}')"
says "an unknown call is none" '"Code":"404"' "$(bass a Nothing '{}')"
says "a malformed one is told" '"Code":"400"' "$(bass a StartCalculationTaskRunning '{"TaskId":"T"}')"

titled() { message T "$2" "$3" | sed "s/task_inside/$1/"; }
for targets in '["b","c"]' '["*"]'; do
    ask a push "$(titled task_file_upload "$targets" '{"type":"task_file_upload","file_type":"model","file_url":"http://h/model.zip"}' |
        sed 's/}$/,"message_uuid":"once"}/')" >/dev/null
done
ask b push "$(titled task_finish '["*"]' '{"type":"notice_task_completion","result":true}')" >/dev/null
ask c push "$(titled task_finish '["*"]' '{"type":"notice_task_completion","result":false}')" >/dev/null
ask c push "$(titled task_finish '["*"]' '{"type":"notice_task_completion"}')" >/dev/null
shown=$(admin GET /admin/tasks/T)
says "a file that a contract tells of is noted, with who told it" '"node_id":"a","text":"model","url":"http://h/model.zip"' "$shown"
says "… once" 1 "$(grep -o 'model.zip' <<<"$shown" | wc -l)"
says "so is completion" '"kind":"completion","number":1' "$shown"
says "… by whom, and how" '"node_id":"b","text":"finished"' "$shown"
says "… or that it failed" '"node_id":"c","text":"failed"' "$shown"
says "… where it says which" 2 "$(grep -o '"kind":"completion"' <<<"$shown" | wc -l)"
for text in '"task_id":"T"' '"node_id":"a"' '"progress":42' '"kind":"launch"' "$key" '"kind":"dataset"' '"no data"' '"kind":"result"' '"length":5'; do
    says "the admin sees $text" "$text" "$shown"
done
never_says "… and no contents" SECRETCONTENT "$shown$(admin GET /admin/tasks)"
says "all tasks are listed" '"task_id":"I"' "$(admin GET /admin/tasks)"
says "queues are counted" 1 "$(metric queue_contracts)"
says "requests are counted" 'afrun_requests_total{method="POST",path="create_task",code="0"} 3' "$(call GET /metrics '')"
says "it is well" ok "$(call GET /healthz '')"
says "and says how" '"pushed":6' "$(call GET /status '')"
says "the way of asking counts" '"code":405' "$(call POST /healthz '')"

says "a task is ended" '"code":0' "$(admin DELETE /admin/tasks/T)"
says "… and another way" '"code":0' "$(admin POST /admin/tasks/I/end)"
says "it is over for its nodes" '"code":404' "$(ask b pop '{"task_id":"T","channel":"federated"}')"
says "its name stays taken" '"code":' "$(admin POST /admin/tasks '{"task_id":"T","members":[]}')"
never_says "… and is not made anew" '"code":0' "$(admin POST /admin/tasks '{"task_id":"T","members":[]}')"
stop_serve
[ $status -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$(cat serve.err)"

start_serve --prefix-nodes --bus local:other.db --members 'initiator=a;party=b,c'
says "without an admin, tasks have the members of the command line" '"node_id":"c","role":2,"role_name":"party"' "$(ask a task/nodelist '{"task_id":"Z"}')"
says "… and no others" '"code":403' "$(ask d pop '{"task_id":"Z","channel":"federated"}')"
says "there is no admin then" '"code":403' "$(call GET /admin/tasks '')"
stop_serve
