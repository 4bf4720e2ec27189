# Who is outside of a task learns nothing of it and changes nothing; nobody acts as another.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 72
source "$ROOT/tests/lib/serve.sh"

admin_token=admin-token-0123456789
secret tokens "token-of-a-0123456789  a
# who else
token-of-b-0123456789 b
token-of-out-01234567	out"
secret admin "$admin_token"

# as TOKEN WHAT BODY…
as() {
    local token=$1
    shift
    case $1 in push | pop | ack) set -- "message/$1" "${@:2}" ;; esac
    call POST "/fed-service/api/v2/$1" "$2" -H "Authorization: Bearer $token" "${@:3}"
}
as_admin() {
    call "$1" "$2" "$3" -H "Authorization: Bearer $admin_token" "${@:4}"
}

start_serve --tokens tokens --admin-token admin -v
as_admin POST /admin/tasks '{"task_id":"T","members":[{"node_id":"a","role":"initiator"},{"node_id":"b","role":"participant"}]}' >/dev/null
as token-of-a-0123456789 push "$(message T '["b"]' '{"type":"SECRETCONTENT"}')" >/dev/null
printf 'SECRETFILE' >file.zip
upload() { # upload TOKEN
    curl -sS -F files=@file.zip -H "Authorization: Bearer $1" \
        "$URL/fed-service/api/v2/file/upload?task_id=T&durable=False"
}
url=$(upload token-of-a-0123456789 | grep -o 'http://[^"]*')
get() { curl -sS -o got -w '%{http_code}' -H "Authorization: Bearer $1" "$2"; }
[ "$(get token-of-b-0123456789 "$url")" = 200 ] && ok "a member gets a file" || not_ok "a member gets a file" "$(cat got)"

# ---- A node outside of the task, at every endpoint. ----

out=token-of-out-01234567
says "an outsider cannot push" '"code":403' "$(as $out push "$(message T '["b"]')")"
says "… nor with several" '"code":403' "$(as $out push '{"task_id":"T","channel":"federated","messages":[{"node_id_list":["b"],"message_title":"t","message_content":{},"message_time":1}]}')"
says "… nor pop" '"code":403' "$(as $out pop '{"task_id":"T","channel":"federated"}')"
says "… nor wait" '"code":403' "$(as $out pop '{"task_id":"T","channel":"federated","wait_seconds":60}')"
says "… nor acknowledge" '"code":403' "$(as $out ack '{"task_id":"T","channel":"federated","ack":["x"]}')"
says "… nor list it" '"code":403' "$(as $out task/nodelist '{"task_id":"T"}')"
says "… nor ask where a node is" '"code":403' "$(as $out fed/network/node/detail '{"task_id":"T","node_id":"a"}')"
for path in federated/task/progress automl/task/progress; do
    says "… nor tell $path" '"code":403' "$(as $out $path '{"task_id":"T","progress_number":1}')"
done
for path in federated/task/verify/upload federated/task/train/upload; do
    says "… nor tell $path" '"code":403' "$(as $out $path '{"task_id":"T","f_url":"u","file_type":"py"}')"
done
says "… nor upload" '"code":403' "$(upload $out)"
[ "$(get $out "$url")" = 403 ] && ok "… nor fetch a file" || not_ok "… nor fetch a file" "$(cat got)"
says "… nor name itself in the path" '"code":404' "$(call POST /node/a/fed-service/api/v2/message/pop '{"task_id":"T","channel":"federated"}' -H "Authorization: Bearer $out")"
session=$(call POST '/alpha-med/fed-bass?cmb=Login' "{\"UserName\":\"out\",\"Password\":\"$out\"}" | grep -oE '[0-9a-f]{64}')
bass() { call POST "/alpha-med/fed-bass?cmb=$1" "$2" -H "token: $session"; }
says "… nor launch it" '"Code":"403"' "$(bass StartCalculationTaskRunning '{"TaskId":"T","ProgramObject":"x"}')"
says "… nor speak of its dataset" '"Code":"403"' "$(bass VerifyTaskDataSetCallback '{"TaskId":"T","VerifyResult":true,"CauseOfFailure":null}')"
says "a session is none of the other calls'" '"code":401' "$(call POST /fed-service/api/v2/message/pop '{"task_id":"T","channel":"federated"}' -H "token: $session")"
for request in "GET /admin/tasks" "POST /admin/tasks" "GET /admin/tasks/T" "DELETE /admin/tasks/T" "POST /admin/tasks/T/end"; do
    says "… nor $request" '"code":403' "$(call ${request% *} "${request#* }" '{"task_id":"T","members":[]}' -H "Authorization: Bearer $out")"
    says "without a token, $request is refused" '"code":401' "$(call ${request% *} "${request#* }" '{"task_id":"T","members":[]}')"
done
says "a task that is not there is told" '"code":404' "$(as $out pop '{"task_id":"none","channel":"federated"}')"

# ---- Nobody acts as another. ----

says "who shows no token is unknown" '"code":401' "$(call POST /fed-service/api/v2/message/pop '{"task_id":"T","channel":"federated"}')"
says "a wrong token too" '"code":401' "$(as token-of-a-012345678 pop '{"task_id":"T","channel":"federated"}')"
says "an empty token too" '"code":401' "$(as "" pop '{"task_id":"T","channel":"federated"}')"
says "the admin is no node" '"code":401' "$(as "$admin_token" pop '{"task_id":"T","channel":"federated"}')"
says "a login as another is refused" '"Code":"401"' "$(call POST '/alpha-med/fed-bass?cmb=Login' '{"UserName":"a","Password":"token-of-b-0123456789"}')"
as token-of-b-0123456789 push "$(message T '["a"]' '{"type":"x","sender_id":"a"}' | sed 's/^{/{"sender_id":"a",/')" >/dev/null
says "the sender is who called, whatever is said" '"sender_id":"b"' "$(as token-of-a-0123456789 pop '{"task_id":"T","channel":"federated"}')"
says "a node gets its own queue" '"data":{}' "$(as token-of-a-0123456789 pop '{"task_id":"T","channel":"federated"}')"
says "a target outside of the task is refused" '"code":400' "$(as token-of-a-0123456789 push "$(message T '["out"]')")"
says "a web page cannot call" '"code":403' "$(as token-of-a-0123456789 pop '{"task_id":"T","channel":"federated"}' -H 'Origin: http://evil')"
says "what an outsider tried changed nothing" 'SECRETCONTENT' "$(as token-of-b-0123456789 pop '{"task_id":"T","channel":"federated"}')"
never_says "the command line holds no secret" token-of "$(tr '\0' ' ' </proc/$serve_pid/cmdline; tr '\0' '\n' </proc/$serve_pid/environ)"
metrics=$(call GET /metrics '')
status_text=$(call GET /status '')
stop_serve
for word in token-of-a token-of-out $admin_token SECRETCONTENT SECRETFILE "$session"; do
    never_says "no message holds ${word:0:20}" "$word" "$(cat serve.out serve.err)"
    never_says "nor metrics and status" "$word" "$metrics$status_text"
done
stat -c '%a %n' afrun.db* afrun.db.files afrun.db.files/* | grep -vE '^[67]00 ' >open
[ ! -s open ] && ok "what it writes is its owner's alone" || not_ok "what it writes is its owner's alone" "$(cat open)"

# ---- A token of one node on a path of another. ----

start_serve --tokens tokens --prefix-nodes --open-tasks --node me
says "a token does not go with another's path" '"code":403' "$(ask b pop '{"task_id":"N","channel":"federated"}' -H 'Authorization: Bearer token-of-a-0123456789')"
says "… but with its own" '"code":0' "$(ask a pop '{"task_id":"N","channel":"federated"}' -H 'Authorization: Bearer token-of-a-0123456789')"
says "a proxy's caller is not on this machine" '"code":401' "$(ask a pop '{"task_id":"N","channel":"federated"}' -H 'X-Forwarded-For: 192.0.2.1')"
says "a wrong token is not made good by a path" '"code":401' "$(ask a pop '{"task_id":"N","channel":"federated"}' -H 'Authorization: Bearer x')"
says "a wrong token is not made good by being here" '"code":401' "$(as x pop '{"task_id":"N","channel":"federated"}')"
stop_serve

# ---- What it refuses to start. ----

expect_error "must say who they are" 2 "$AFRUN" serve --listen 0.0.0.0:0 --node a
expect_error "must say who they are" 2 "$AFRUN" serve --listen '[::]:0' --prefix-nodes
expect_error "nobody could call" 2 "$AFRUN" serve --listen 127.0.0.1:0
chmod 644 tokens
expect_error "chmod 600" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tokens tokens
chmod 600 tokens
chmod 604 admin
expect_error "chmod 600" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tokens tokens --admin-token admin
secret twice "token-0123456789-0 a
token-0123456789-0 b"
expect_error "one token" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tokens twice
never_says "the error does not show it" token-0123456789 "$(cat "$ERR")"
secret broken "token-0123456789-0"
expect_error "broken:1" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tokens broken
never_says "nor this one" token-0123456789 "$(cat "$ERR")"
secret empty "# nobody"
expect_error "holds no token" 2 "$AFRUN" serve --listen 127.0.0.1:0 --tokens empty
expect_error "is a service itself, and is served to one node" 2 "$AFRUN" serve --listen 127.0.0.1:0 --bus http://127.0.0.1:1
expect_error "expected ADDRESS:PORT" 2 "$AFRUN" serve --listen nowhere --node a
start_serve --listen 0.0.0.0:0 --tokens tokens
expect_output "can be read on the way" cat serve.err
says "beyond this machine, with tokens, it serves" "ok" "$(curl -sS "http://127.0.0.1:${URL##*:}/healthz")"
stop_serve
