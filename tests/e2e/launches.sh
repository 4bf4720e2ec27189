#!/usr/bin/env bash
# Who may launch what on a node (--launches): rules and their order, what none fits, a file that is wrong or changes, launches
# that wait for an operator: shown, approved, refused, over a kill, of a flow that has changed, in bounded number, and logged.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 103 109
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
mkdir flows n.dir
flow() { # flow NAME VERSION [CODE]: rests in role a, ends at an event in b
    cat >"flows/$1.lua" <<LUA
local af = require "af"
local Wake = af.event("wake", { word = af.string })
return af.flow { name = "$1", version = $2, args = { rounds = af.optional(af.integer), word = af.optional(af.string) }, mock = { a = 2, b = 1 }, roles = {
  a = { start = "s", states = { s = { may_end = true, [Wake] = function(party) ${3:-} return af.done() end } } },
  b = { start = "s", states = { s = { enter = function(party) party:send(party:nodes("a"), Wake { word = "up" }) return af.done() end } } },
} }
LUA
}
for name in good odd watched; do flow $name 1; done
secret admin 'admin-secret-of-some-length'
start_serve --bus local:serve.db --prefix-nodes --admin-token admin
begin() {
    start_party n node --node n --bus "$URL/node/n" --flows flows --state n.state --audit audit.log --metrics 127.0.0.1:0 --launches rules "$@"
    wait_line n.out "afrun node: node n" || not_ok "the node starts" "$(cat n.err)"
}
ctl() { "$AFRUN" ctl "$@" --state n.state; }
task() { # task NAME: of n in role a, and of two that launch
    call POST /admin/tasks "{\"task_id\":\"$1\",\"members\":[{\"node_id\":\"n\",\"role\":\"a\"},{\"node_id\":\"h1\",\"role\":\"b\"},{\"node_id\":\"h2\",\"role\":\"b\"}]}" \
        -H 'Authorization: Bearer admin-secret-of-some-length' >admin.out
    grep -q '"code":0' admin.out || not_ok "task $1 is made" "$(cat admin.out)"
}
launch() { # launch NODE TASK FLOW [ARGS-AS-JSON]: the service is told by a node
    task "$2"
    tell "$@"
}
tell() {
    printf '{"afrun_launch":1,"flow":"%s.lua","args":%s}' "$3" "${4:-[]}" >bundle
    local key
    key=$(curl -sS -F File=@bundle "$URL/node/$1/alpha-med/fed-bass?cmb=UploadFile" | sed -E 's/.*"FileKey":"([^"]*)".*/\1/')
    call POST "/node/$1/alpha-med/fed-bass?cmb=StartCalculationTaskRunning" "{\"TaskId\":\"$2\",\"ProgramObject\":\"$key\"}" |
        grep -q '"Status":"OK"' || not_ok "the service takes the launch of $2"
}
says_status() { "$PROGRAM" ctl status --json --state n.state 2>/dev/null | jq -e "$1" >/dev/null; }
status_is() { # status_is NAME JQ-FILTER
    if until_true says_status "$2"; then ok "$1"; else not_ok "$1" "$(ctl status --json | head -c 3000)"; fi
}
runs() { status_is "$1 is launched" ".parties | any(.task == \"$1\" and .status == \"resting\")"; }
refused() { status_is "$1 is refused: $2" ".refused | any(.task == \"$1\" and (.why | contains(\"$2\")))"; }
waits() { status_is "$1 waits" ".asked | any(.task == \"$1\")"; }
judged() { status_is "the verdict on $1 is there" ".asked | any(.task == \"$1\" and .verdict == \"$2\")"; }
over() { status_is "$1 waits no more" ".asked | all(.task != \"$1\")"; }
entry() { until_true grep -qE "$2" audit.log && ok "$1" || not_ok "$1" "$(tail -n 8 audit.log)"; }
me="user $(id -u)"

# ---- A file that is wrong is none to start with. ----
bad() { # bad TEXT EXPECTED
    printf '%b' "$1" >rules
    expect_error "$2" 2 "$AFRUN" node --node n --bus "$URL/node/n" --flows flows --state n.state --launches rules
}
bad 'allow good\nallow odd form h1\n' "rules:2: expected from, task, roles or args, got 'form'; did you mean 'from'?"
bad 'allow good.lua\n' "rules:1: a flow is named without .lua or .afb"
bad 'permit *\n' "rules:1: expected allow, ask or refuse, got 'permit'"
rm rules
expect_error "rules: No such file" 2 "$AFRUN" node --node n --bus "$URL/node/n" --flows flows --state n.state --launches rules
echo 'allow *' >rules
chmod 666 rules
expect_error "others may change it: chmod go-w" 2 "$AFRUN" node --node n --bus "$URL/node/n" --flows flows --state n.state --launches rules
chmod 600 rules
if [ "$(id -u)" -eq 0 ]; then
    chown 65534 rules
    expect_error "is another user's, who may change it" 2 "$AFRUN" node --node n --bus "$URL/node/n" --flows flows --state n.state --launches rules
    chown 0 rules
else
    skip 1 "not root"
fi

# ---- The first that fits counts; what none fits is refused. ----
cat >rules <<'RULES'
# of the trial, what h1 starts
refuse *    task no-*
allow  good from h1  task trial-*  roles a  args rounds=[1-9]
refuse good args word=*      # h2 may not choose it
ask    good,watched
allow  odd  roles b
RULES
begin
launch h1 trial-1 good '["rounds=4"]'
runs trial-1
launch h1 no-1 good
refused no-1 "line 2 refuses that h1 launches 'good'"
launch h2 trial-2 odd
refused trial-2 "no rule lets h2 launch 'odd' in role a with these arguments"
launch h1 trial-3 good '["rounds=40"]'
waits trial-3
launch h1 trial-4 good '["rounds=4","word=y"]'
refused trial-4 "line 4 refuses that h1"
entry "what is refused is a line" '"who":"service","from":"http[^"]*","what":"launch","task":"no-1","flow":"good.lua","outcome":2,'
entry "and what waits" '"who":"service","from":"http[^"]*","what":"ask","task":"trial-3","flow":"good.lua","outcome":0,'

# ---- The operator, whose launches are allowed where no rule is for him. ----
task own
expect_output "launched: task 'own', role a of odd" ctl launch odd --task own --role a --peers 'a=n;b=h1'

# ---- What the operator sees. ----
judged trial-3 fine
expect_output "trial-3  waits for afrun ctl approve (or --refuse) for " ctl status
expect_output "h1 wants good.lua launched in role a" ctl status trial-3
expect_output "    with rounds=40" ctl status trial-3
expect_output "    it is good, version 1, of whoever wrote it (no --trust)" ctl status trial-3
expect_output "    file good.lua, $(stat -c %s flows/good.lua) bytes, SHA-256 $(sha256sum flows/good.lua | cut -d' ' -f1)" ctl status trial-3
expect_output "    afrun check (a=1,b=1): " ctl status trial-3
expect_output "exhaustive: no violation" ctl status trial-3
metrics=$(sed -nE 's,.*metrics at (http[^ ]*)$,\1,p' n.out)
says "metrics count it" "afrun_launches_waiting 1" "$(curl -sS "$metrics")"

# ---- Approved, refused. ----
expect_error "trial-2: no launch of such a task waits; did you mean 'trial-3'?" 2 ctl approve trial-2
expect_output "trial-3: launched" ctl approve trial-3
runs trial-3
over trial-3
entry "who approved it is a line" "\"who\":\"$me\",\"from\":null,\"what\":\"approve\",\"task\":\"trial-3\",\"flow\":\"good.lua\",\"outcome\":0,"
expect_error "trial-3: no launch of such a task waits" 2 ctl approve trial-3
launch h2 trial-5 good
waits trial-5
expect_output "trial-5: refused" ctl approve trial-5 --refuse
over trial-5
status_is "and does not run" '.parties | all(.task != "trial-5")'
entry "who refused it is a line" "\"who\":\"$me\",\"from\":null,\"what\":\"refuse\",\"task\":\"trial-5\",\"flow\":\"good.lua\",\"outcome\":0,"

# ---- It waits over a kill, and has the verdict still. ----
launch h2 trial-6 good '["rounds=7"]'
judged trial-6 fine
ctl status --json | jq -S '.asked' >before
kill_party n
begin
ctl status --json | jq -S '.asked' >after
cmp -s before after && ok "after a kill the same is shown" || not_ok "after a kill the same is shown" "$(diff before after)"
expect_output "trial-6: launched" ctl approve trial-6
runs trial-6

# ---- Another launch does not take the place of what was looked at; the same is told twice at no harm. ----
launch h2 trial-7 good '["rounds=7"]'
waits trial-7
tell h1 trial-7 watched
refused trial-7 "a launch of it waits for the operator already"
tell h2 trial-7 good '["rounds=999"]'
launch h2 no-2 good # behind it
refused no-2 "line 2"
status_is "it is what it was" '[.asked[] | select(.task == "trial-7") | .args] == [["rounds=7"]]'
status_is "the same is not refused" '[.refused[] | select(.task == "trial-7")] | length == 1'

# ---- Files that change. ----
flow good 2 'party.data.x = 1'
expect_error "the flow's files have changed since they were shown" 1 ctl approve trial-7
entry "which is a line" '"what":"approve","task":"trial-7","flow":"good.lua","outcome":1,'
status_is "it waits as it is now" '[.asked[] | select(.task == "trial-7") | .version] == [2]'
status_is "and is not launched" '.parties | all(.task != "trial-7")'
judged trial-7 fine
expect_output "trial-7: launched" ctl approve trial-7
runs trial-7

# ---- Verdicts. ----
flow watched 1 'if party.data.done == nil then error "broken on purpose" end'
launch h2 trial-8 watched
judged trial-8 violation
expect_output "a violation: " ctl status trial-8
expect_output "broken on purpose" ctl status trial-8
cat >flows/watched.lua <<'LUA'
local af = require "af"
local Ping, Pong = af.event("ping", { n = af.integer }), af.event("pong", { n = af.integer })
return af.flow { name = "watched", version = 2, mock = { a = 2, b = 1 }, roles = {
  a = { start = "s", states = { s = { may_end = true, [Ping] = function(party, event, from) party:send(from, Pong { n = event.n + 1 }) end } } },
  b = { start = "s", states = { s = {
    enter = function(party) for i = 1, 6 do party:send(party:nodes("a"), Ping { n = i * 1000000 }) end end,
    [Pong] = function(party, event, from) party:send(from, Ping { n = event.n }) return "s" end } } },
} }
LUA
launch h2 trial-9 watched
checks() { pgrep -P "${node_pid:-0}" -f 'afrun check' >pids; }
node_pid=${party_pids[n]}
if until_true checks; then ok "a check is a program beside the node"; else not_ok "a check is a program beside the node" "$node_pid"; fi
expect_output "19" ps -o ni= -p "$(head -n 1 pids)"
check "the node answers meanwhile" ctl status
expect_output "under way" ctl status trial-9
kill -KILL "$(head -n 1 pids)"
judged trial-9 none
expect_output "no verdict: the check ended with status 137" ctl status trial-9
check "a launch without a verdict may be refused" ctl approve trial-9 --refuse
if ! is_short; then
    launch h2 trial-10 watched
    judged trial-10 bounded
    expect_output "not exhaustive" ctl status trial-10
    check "refused" ctl approve trial-10 --refuse
    launch h2 trial-11 watched
    until_true checks && kill -STOP "$(head -n 1 pids)"
    judged trial-11 none
    expect_output "no verdict: afrun check: not over after 30 s, so it was ended" ctl status trial-11
    check "refused" ctl approve trial-11 --refuse
fi
check "refused" ctl approve trial-8 --refuse

# ---- Read again when it changes, and at SIGHUP; what is wrong changes nothing. ----
last=$(grep -c '"what":"launches"' audit.log)
read_again() { [ "$(grep -c '"what":"launches"' audit.log)" -gt "$last" ]; }
echo 'allow odd' >rules.new && mv rules.new rules
until_true read_again
launch h2 later-1 odd
runs later-1
entry "that they were read is a line" '"who":"watch","from":null,"what":"launches","task":null,"outcome":0,'
printf 'allow good\nrefuse\n' >rules.new && mv rules.new rules
status_is "a wrong one is told" '.launches_wrong == "rules:2: expected the name of a flow behind allow, ask or refuse; * is any"'
expect_output "the rules of launches stay as they were: rules:2" ctl status
launch h2 later-2 odd
runs later-2
launch h2 later-3 good
refused later-3 "no rule lets h2"
rm rules
status_is "so is one that is gone" '.launches_wrong | contains("No such file")'
printf 'ask * from operator\nallow good,odd from *\n' >rules
chmod 600 rules
status_is "one that is right again" '.launches_wrong == null'
kill -HUP "$node_pid"
launch h2 later-4 good
runs later-4

# ---- An operator whose launches ask. ----
task own-2
expect_output "task 'own-2', role a of odd waits for afrun ctl approve" ctl launch odd --task own-2 --role a --peers 'a=n;b=h1'
entry "he asks" "\"who\":\"$me\",\"from\":null,\"what\":\"ask\",\"task\":\"own-2\",\"flow\":\"odd\",\"outcome\":0,"
expect_output "the operator wants odd.lua launched in role a" ctl status own-2
expect_output "    among a=n, b=h1" ctl status own-2
for command in stop pause log trace; do
    expect_error "own-2: waits to be launched: afrun ctl approve (or --refuse) comes first" 2 ctl $command own-2
done
expect_output '"asked":true' ctl launch odd --task own-4 --role a --peers 'a=n;b=h1' --json
expect_output '"kind":"ctl-approve"' ctl approve own-2 --json
runs own-2
expect_output "own-5: is too much to be kept until an operator approves it" python3 -c '
import json, socket
at = socket.socket(socket.AF_UNIX)
at.connect("n.state/control.sock")
at.sendall(json.dumps({"cmd": "launch", "flow": "odd", "task": "own-5", "role": "a", "peers": ["a=n", "b=h1"],
                       "args": ["word=" + "x" * 300000]}).encode() + b"\n")
answer = json.loads(at.makefile().readline())
print(answer["what"] + ": " + answer["why"])'

# ---- As long as the task is there, and so many and no more. ----
echo 'ask *' >rules
chmod 600 rules
last=$(grep -c '"what":"launches"' audit.log)
kill -HUP "$node_pid"
until_true read_again
check "refused" ctl approve own-4 --refuse
launch h1 short odd
waits short
call POST /admin/tasks/short/end '{}' -H 'Authorization: Bearer admin-secret-of-some-length' >/dev/null
over short
entry "what lapses is a line" '"who":"node","from":null,"what":"lapse","task":"short","flow":"odd.lua","outcome":0,'
for i in $(seq 1 18); do launch h2 "flood-$i" odd; done
launch h1 calm odd
waits calm
status_is "of one node 16 wait" '[.asked[] | select(.from == "h2")] | length == 16'
refused flood-18 "16 launches wait for the operator already, of the same node"

# ---- A week, and what somebody else wrote. ----
kill_party n
expect_output '[["rounds","7"]]' python3 -c '
import json, sqlite3
for (about,) in sqlite3.connect("n.state/node.db").execute("SELECT about FROM party WHERE task = ?", ("trial-6",)):
    print(json.dumps(json.loads(about)["args"], separators=(",", ":")))'
python3 - <<'END'
import json, sqlite3
store = sqlite3.connect("n.state/node.db")
for task, about in store.execute("SELECT task, about FROM ask").fetchall():
    about = about.replace('"asked":', '"asked":%d,"was":' % 1) if task == "flood-1" else about
    store.execute("UPDATE ask SET about = ? WHERE task = ?", (about if task != "flood-2" else "{", task))
store.commit()
END
begin
over flood-1
entry "for its age" '"what":"lapse","task":"flood-1",'
wait_line n.err "task 'flood-2': what is kept of a launch that waits cannot be read" && ok "what cannot be read is told" ||
    not_ok "what cannot be read is told" "$(cat n.err)"
check "its log is whole" "$AFRUN" audit verify audit.log
kill_party n TERM
stop_serve

# ---- A bundle that is signed and wants something; a flow whose name looks like an option. ----
minisign -G -W -p author.pub -s author.key >/dev/null
number=$(sed -n '1s/.* //p' author.pub)
number=$(printf '%16s' "$number" | tr ' ' 0) # older ones of minisign write no zeros before it
mkdir bundles data
check "a bundle is made" "$AFRUN" bundle flows/odd.lua -o bundles/-odd.afb --allow-run train --allow-read data --sign author.key
echo 'ask -odd from operator' >rules
start_party m node --node m --bus local:bus.db --flows bundles --state m.state --launches rules --trust author.pub --allow-read data
wait_line m.out "afrun node: node m" || not_ok "a node with --trust starts" "$(cat m.err)"
expect_output "waits for afrun ctl approve" "$AFRUN" ctl launch --task B --role a --peers 'a=m;b=x' --state m.state -- -odd
has_verdict() { "$PROGRAM" ctl status B --json --state m.state 2>/dev/null | grep -q '"verdict":"fine"'; }
until_true has_verdict && ok "it is checked" || not_ok "it is checked" "$("$AFRUN" ctl status --state m.state)"
expect_output "    it is odd, version 1, signed by key $number" "$AFRUN" ctl status B --state m.state
expect_output "    file manifest.json, " "$AFRUN" ctl status --state m.state
expect_output "    it wants --allow-read data, --allow-run train" "$AFRUN" ctl status --state m.state
expect_output "    of which it has not --allow-run train" "$AFRUN" ctl status --state m.state
kill_party m TERM
start_party m node --node m --bus local:bus.db --flows bundles --state m.state --trust author.pub
wait_line m.out "afrun node: node m" || not_ok "it starts without rules" "$(cat m.err)"
expect_output "B: launched" "$AFRUN" ctl approve B --state m.state
kill_party m TERM
