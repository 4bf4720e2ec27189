#!/usr/bin/env bash
# The audit log of a node: who asked it for what, what the service launched, what changed in the flows folder.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 28
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

entry() { # entry NAME TEXT: there is such a line, now or soon
    until_true grep -qE "$2" audit.log && ok "$1" || not_ok "$1" "$(tail -n 5 audit.log)"
}
PATIENCE=30
mkdir flows
flow() { # flow VERSION
    cat >flows/rest.lua <<LUA
local af = require "af"
local Wake = af.event("wake", { word = af.string })
return af.flow { name = "rest", version = $1, roles = { a = { start = "s", states = { s = {
  [Wake] = function(party, event) party.data.word = event.word .. $1 end } } } } }
LUA
}
flow 1
secret admin 'admin-secret-of-some-length'
start_serve --bus local:serve.db --prefix-nodes --open-tasks --admin-token admin
begin() {
    start_party n node --node n --bus "$URL/node/n" --flows flows --state n.state --audit audit.log "$@"
    wait_line n.out "afrun node: node n" || not_ok "the node starts" "$(cat n.err)"
}
ctl() { "$AFRUN" ctl "$@" --state n.state; }
me="user $(id -u)"
begin
check "a party is launched" ctl launch rest --task T --role a --peers a=n
entry "a launch" "\"who\":\"$me\",\"from\":null,\"what\":\"launch\",\"task\":\"T\",\"flow\":\"rest\",\"outcome\":0,"
run ctl launch rest --task T --role a --peers a=n
entry "a launch that is refused" '"what":"launch","task":"T","flow":"rest","outcome":2,'
check "an event is sent" ctl send T wake '{"word":"SECRETWORD"}'
entry "an event from outside" "\"who\":\"$me\",.*\"what\":\"send\",\"task\":\"T\",\"outcome\":0,"
check "it is looked at" ctl status T
check "its log is read" ctl log T
check "its journal is read" ctl trace T
entry "a journal that is given out" '"what":"trace","task":"T","outcome":0,'
check "a copy of all that it keeps is made" ctl backup copy.db
entry "a backup" "\"who\":\"$me\",\"from\":null,\"what\":\"backup\",\"task\":null,.*\"outcome\":0,"
flow 2
entry "a flow that was taken since it had changed" '"who":"watch","from":null,"what":"reload","task":null,"flow":"rest.lua","outcome":0,'
echo 'return 1' >flows/rest.lua
entry "one that was refused" '"who":"watch",.*"flow":"rest.lua","outcome":2,'
run ctl stop nothing
entry "a task that is not there" '"what":"stop","task":"nothing","outcome":2,'
flow 3
check "it is stopped" ctl stop T
entry "a stop" '"what":"stop","task":"T","outcome":0,'
lines=$(wc -l <audit.log)
ctl status >/dev/null
[ "$(wc -l <audit.log)" -eq "$lines" ] && ok "a look is no line" || not_ok "a look is no line" "$(tail -n 1 audit.log)"
never_says "contents are in no line" SECRETWORD "$(cat audit.log)"
never_says "nor is a look" '"status"' "$(cat audit.log)"

# ---- What the service tells of. ----
call POST /admin/tasks '{"task_id":"U","members":[{"node_id":"n","role":"a"}]}' -H 'Authorization: Bearer admin-secret-of-some-length' >/dev/null
for name in rest other; do
    printf '{"afrun_launch":1,"flow":"%s.lua"}' $name >bundle
    key=$(curl -sS -F File=@bundle "$URL/node/n/alpha-med/fed-bass?cmb=UploadFile" | sed -E 's/.*"FileKey":"([^"]*)".*/\1/')
    says "the service launches $name" '"Status":"OK"' \
        "$(call POST "/node/n/alpha-med/fed-bass?cmb=StartCalculationTaskRunning" "{\"TaskId\":\"U\",\"ProgramObject\":\"$key\"}")"
done
entry "a launch that the service tells of" '"who":"service","from":"http://[^"]*","what":"launch","task":"U","flow":"rest.lua","outcome":0,'
entry "one of a flow that is not here" '"who":"service",.*"task":"U","flow":"other.lua","outcome":2,'

# ---- It goes on, is whole, and what cannot be logged is not done. ----
kill_party n
begin
check "another is launched" ctl launch rest --task V --role a --peers a=n
entry "it goes on after a kill" '"what":"launch","task":"V","flow":"rest","outcome":0,'
expect_output "audit.log: whole" "$AFRUN" audit verify audit.log
sed -i 's/"what":"stop","task":"T"/"what":"stop","task":"X"/' audit.log
expect_error "was changed" 1 "$AFRUN" audit verify audit.log
kill_party n TERM
mkdir folder
expect_error "folder" 2 "$AFRUN" node --node n --bus "$URL/node/n" --flows flows --state n.state --audit folder
stop_serve
