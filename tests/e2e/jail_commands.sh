#!/usr/bin/env bash
# Commands that run flows by themselves jail themselves first: each of them, what they still do, and
# what they say where the system lacks a part.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 120
source "$ROOT/tests/lib/parties.sh"
flow=$ROOT/flows/sync_state.lua

# walls COMMAND…: which of them it says to stand: "seccomp landlock", or one, or none.
walls() {
    "$AFRUN" "$flow" --mock -q --json "$@" |
        python3 -c 'import json, sys; print(*(wall for wall, stands in json.load(sys.stdin)["jail"].items() if stands))'
}

here=$(walls)
echo "# here stand: ${here:-no walls}"
case $AFRUN in
*/sanitize/* | */coverage/*) whole= ;;
*) whole=1 ;;
esac
case $whole:$here in
1:seccomp* | *:) ok "what stands is told" ;; # nothing: an emulator, or a build for the sanitizers
1:*) not_ok "what stands is told" "$here" ;;
*) skip 1 "a build that is none of ours" ;;
esac

# ---- Each command, while it runs: it writes to a pipe that nobody reads. ----

"$AFRUN" "$flow" --mock -q --trace long.jsonl --runs 1 --parties participant=400 >/dev/null
cat >loud.lua <<'END'
local af = require "af"
return af.flow { name = "loud", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    for i = 1, 2000 do party:log(("line %d of many that nobody reads"):format(i)) end
    return af.done()
  end } } } } }
END
cat >loud_test.lua <<'END'
local t = require "af.test"
for i = 1, 3000 do t.test("a case of many, and its name is rather long: " .. i, function() end) end
END
flows=()
for _ in $(seq 1500); do flows+=("growing.lua"); done
cat >growing.lua <<'END'
local af = require "af"
local Tick = af.event("tick", { n = af.integer })
return af.flow { name = "growing", mock = { a = 2 }, roles = { a = {
  data = function() return { all = {} } end,
  start = "s", states = { s = {
    may_end = true,
    enter = function(party) party:send(party:nodes("a"), Tick { n = 1 }) end,
    [Tick] = function(party, event) table.insert(party.data.all, event.n) end } } } } }
END
mkfifo unread
exec 9<>unread

# is_jailed PID: by what the kernel says of it.
is_jailed() {
    grep -q '^NoNewPrivs:.1$' "/proc/$1/status" && grep -q '^CapEff:.0*$' "/proc/$1/status" &&
        { [[ $here != *seccomp* ]] || grep -q '^Seccomp:.2$' "/proc/$1/status"; }
} 2>/dev/null

# jails NAME COMMAND…
jails() {
    local name=$1 pid
    shift
    "$PROGRAM" "$@" >unread 2>&1 9>&- </dev/null &
    pid=$!
    if until_true is_jailed $pid; then ok "$name jails itself"; else
        not_ok "$name jails itself" "$(grep -E 'Priv|Cap|Seccomp' "/proc/$pid/status" 2>&1)"
    fi
    kill -KILL $pid
    wait $pid 2>/dev/null
    python3 -c 'import os; os.set_blocking(9, False)
while True:
    try: os.read(9, 1 << 20)
    except BlockingIOError: break'
}

jails "run --mock" loud.lua --mock
jails "run --mock --runs" "$flow" --mock --runs 1000000
jails "run --mock --trace" "$flow" --mock --trace - --parties participant=400
jails "check" check "$ROOT/flows/protocols/paxos.lua" --parties acceptor=7,proposer=5
jails "chart" chart long.jsonl --all
jails "lint" lint "${flows[@]}"
jails "test" test loud_test.lua
mkfifo steps
exec 8<>steps
"$PROGRAM" replay long.jsonl "$flow" --step <steps >stepped 2>&1 8>&- 9>&- &
pid=$!
if until_true is_jailed $pid; then ok "replay jails itself"; else not_ok "replay jails itself"; fi
echo x >&8
if wait $pid; then ok "and steps, and ends"; else not_ok "and steps, and ends" "$(cat stepped)"; fi
exec 8>&- 9>&-

# The jobs of --runs, too, which it may interrupt.
"$PROGRAM" "$flow" --mock --runs 100000000 >out.txt 2>&1 &
pid=$!
job_is_jailed() {
    local job
    for job in $(cat /proc/$pid/task/*/children 2>/dev/null); do ! is_jailed "$job" || return 0; done
    return 1
}
if until_true job_is_jailed; then ok "so do the jobs of --runs"; else not_ok "so do the jobs of --runs"; fi
kill -INT $pid
wait $pid
if [ $? -eq 130 ] && grep -q interrupted out.txt; then ok "and end with it"; else
    not_ok "and end with it" "$(cat out.txt)"
fi

# ---- What the broker does. ----

mkdir -p granted parts
echo "within" >granted/in.txt
cat >parts/words.lua <<'END'
return { "one", "two" }
END
cat >asks.lua <<'END'
local af = require "af"
local words = require "parts.words"
print(#words .. " words")
print(af.download("file://granted/in.txt"))
af.download("file://granted/in.txt", { path = "granted/out.txt" })
print("ran " .. af.process.run("sh", { args = { "-c", "grep ^Seccomp: /proc/self/status; cat" }, input = "x" }).output)
local fine, why = pcall(af.download, "file:///etc/passwd")
print(tostring(fine) .. ": " .. tostring(why))
END
run "$AFRUN" asks.lua --mock --allow-run sh
if [ "$status" -eq 0 ] && grep -q "2 words" "$OUT" "$ERR" && grep -q within "$OUT" "$ERR" && cmp -s granted/in.txt granted/out.txt; then
    ok "modules and files are read and written"
else
    not_ok "modules and files are read and written" "$(cat "$OUT" "$ERR")"
fi
if grep -qE "Seccomp:.0" "$OUT" "$ERR"; then ok "programs run outside of the jail"; else
    not_ok "programs run outside of the jail" "$(cat "$ERR")"
fi
if grep -q 'false: .*/etc/passwd: is outside of what the script may reach; grant its folder with --allow-read' "$OUT" "$ERR"; then
    ok "what is not granted is refused"
else
    not_ok "what is not granted is refused" "$(cat "$ERR")"
fi
expect_error "jail: programs that --allow-run grants run outside of it" 0 "$AFRUN" asks.lua --mock --allow-run sh -v

# A module by a link is Lua, or none.
ln -s "$TMP/parts/words.lua" linked.lua
ln -s /etc/passwd users.lua
echo 'local af = require "af"; print(#require "linked")' >links.lua
echo 'require "users"' >leads_out.lua
expect_output "1 party done" "$AFRUN" links.lua --mock
expect_error "users.lua: is no file of the flow" 2 "$AFRUN" leads_out.lua --mock

# By standard input, as a bundle, in a folder; by a library of one's own.
check "a flow comes by standard input" bash -c '"$0" - --mock --runs 10 <"$1"' "$AFRUN" "$flow"
check "a bundle is made" "$AFRUN" bundle "$flow" --output sync.afb
expect_output "4 parties done" "$AFRUN" sync.afb --mock --runs 1
expect_output "exhaustive: no violation" "$AFRUN" check sync.afb
AFRUN_SCRIPTS=$ROOT/scripts expect_output "4 parties done" "$AFRUN" "$flow" --mock

# Nothing is left: neither of a command that ends, nor of one that is killed.
cat >sleeps.lua <<'END'
require("af").process.run("sleep", { args = { "1000.25" } })
END
"$PROGRAM" sleeps.lua --mock --allow-run sleep >/dev/null 2>&1 &
pid=$!
sleeper() { pgrep -f '^sleep 1000.25$' >/dev/null; }
no_sleeper() { ! sleeper; }
until_true sleeper
kill -KILL $pid
wait $pid 2>/dev/null
if until_true no_sleeper; then ok "a program ends with the command that is killed"; else
    not_ok "a program ends with the command that is killed"
fi
"$PROGRAM" sleeps.lua --mock --allow-run sleep >/dev/null 2>&1 &
pid=$!
until_true sleeper
kill -INT $pid
wait $pid
if [ $? -eq 130 ] && until_true no_sleeper; then ok "and with one that is interrupted"; else
    not_ok "and with one that is interrupted"
fi

# ---- The same as without. ----

for options in "--drop 0.1 --crash participant:0.1" "--trace-data --fifo"; do
    "$AFRUN" "$flow" --mock -q $options --trace with.jsonl >/dev/null
    "$AFRUN" "$flow" --mock -q $options --trace without.jsonl --no-jail >/dev/null
    check "traces are the same: $options" cmp with.jsonl without.jsonl
done
if [ "$(walls --no-jail)" = "" ]; then ok "--no-jail is told"; else not_ok "--no-jail is told"; fi
expect_error "--require-jail: does not go with --no-jail" 2 "$AFRUN" "$flow" --mock --no-jail --require-jail

# What a party has kept is played in a jail, too, by a process that has nothing of the store.
cat >kept.lua <<'END'
local af = require "af"
return af.flow { name = "kept", roles = { a = { start = "s", states = { s = {
  after = { 0.01, function() return af.done(require("parts.words")[2]) end } } } } } }
END
peers=(--role a --node a --task t --bus local:kept.db --peers a=a)
check "a party is kept" "$AFRUN" kept.lua "${peers[@]}" --state kept.state
expect_output "2 steps replayed, all the same" "$AFRUN" replay kept.state kept.lua
if "$AFRUN" replay kept.state --json | grep -q '"same":true.*"jail":{'; then ok "its code is kept with it"; else
    not_ok "its code is kept with it" "$("$AFRUN" replay kept.state 2>&1)"
fi

# ---- For real: the flow is in a process beside, which has a socket and nothing else. ----

# in_jail PID: a child of it is a worker that has jailed itself.
in_jail() {
    local child
    for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
        if tr '\0' ' ' </proc/"$child"/cmdline | grep -q '^afrun worker' && is_jailed "$child" && [ "$(ls /proc/"$child"/fd 2>/dev/null)" = 3 ]; then
            worker=$child
            return 0
        fi
    done
    return 1
} 2>/dev/null
# A sanitizer's reports stay open, and its process is in no jail.
[ -n "$whole" ] || in_jail() { worker=$(pgrep -P "$1"); }

cat >hostile.lua <<'END'
local af = require "af"
local Go = af.event("go", {})
local function try(party, name, fn, ...)
  local fine, why = pcall(fn, ...)
  party:log(("%s: %s, %s"):format(name, fine, tostring(why)))
end
return af.flow { name = "hostile", roles = { a = { start = "s", states = { s = {
  after = { 0.01, function(party)
    try(party, "a file", af.download, "file:///etc/passwd")
    try(party, "a link", af.download, "file://granted/out")
    try(party, "a file out", af.download, "file://granted/in.txt", { path = "/tmp/afrun-was-here" })
    try(party, "the service", af.download, "http://127.0.0.1:9/healthz")
    try(party, "a program", af.process.run, "sh", { args = { "-c", "id" } })
    try(party, "a module", require, "users")
    for _, name in ipairs { party.args.own .. ".state", "./" .. party.args.own .. ".state-wal", party.args.own .. ".state.key", "hostile.db", "hostile.db.files/1", "linked.db", "secret.conf" } do
      try(party, "read " .. name, af.download, "file://" .. name)
      try(party, "write " .. name, af.download, "file://granted/in.txt", { path = name })
    end
    try(party, "what is granted", af.download, "file://granted/in.txt")
    return "computes"
  end } },
  computes = { after = { 0.01, function() for _ = 1, 1e7 do end return "computes" end } },
} } } }
END
sed -i 's/name = "hostile"/name = "hostile", args = { own = af.string }/' hostile.lua
ln -s /etc granted/out
ln -s hostile.db linked.db
echo "# of whoever runs it" >secret.conf
chmod 600 secret.conf
tries() { # FILE: what it has tried, and was refused
    local name way
    for name in "a file" "a link" "a file out" "the service" "a program" "a module"; do
        grep -qF "$name: false" "$1" || { echo "not refused: $name"; return 1; }
    done
    # What keeps this run, and its secrets, are not for it: of those that are there and are its own.
    for name in "$2.state" "$2.state-wal" secret.conf ${3:-}; do
        for way in read write; do
            grep -F "$way " "$1" | grep -qF -e "$name: false" || { echo "not refused: $way $name"; return 1; }
        done
    done
    grep -qF "what is granted: true, within" "$1"
}
start_party serve serve --open-tasks --prefix-nodes --listen 127.0.0.1:0
wait_line serve.out listening || not_ok "a service starts" "$(cat serve.err)"
url=$(sed -nE 's,.* listening at (https?://[^ ]+)\, .*,\1,p' serve.out)
for bus in local:hostile.db "$url/node/a"; do
    start_party hostile hostile.lua --role a --node a --task t --bus "$bus" --peers a=a --state "${bus%%:*}.state" --arg "own=${bus%%:*}" --config secret.conf
    until_true grep -qF "what is granted" hostile.out hostile.err
    cat hostile.out hostile.err >said.txt
    own=
    if [ "${bus%%:*}" = local ]; then
        own=hostile.db
        if grep -qF "read linked.db: false" said.txt; then ok "nor its bus by a link"; else not_ok "nor its bus by a link"; fi
    fi
    if tries said.txt "${bus%%:*}" "$own"; then ok "what is not granted is refused over ${bus%%:*}"; else
        not_ok "what is not granted is refused over ${bus%%:*}" "$(cat said.txt)"
    fi
    before=$(cut -d' ' -f14 "/proc/${party_pids[hostile]}/stat")
    if until_true in_jail "${party_pids[hostile]}"; then ok "its process has one socket over ${bus%%:*}"; else
        not_ok "its process has one socket over ${bus%%:*}" "$(cat hostile.err)"
    fi
    computed() { [ "$(cut -d' ' -f14 "/proc/$worker/stat")" -gt 100 ]; }
    until_true computed
    after=$(cut -d' ' -f14 "/proc/${party_pids[hostile]}/stat")
    if [ $((after - before)) -lt 50 ]; then ok "it computes there, and not here"; else not_ok "it computes there, and not here" "$before $after"; fi
    kill -KILL "$worker"
    wait_line hostile.err "it is started again" && other_worker() { was=$worker; in_jail "${party_pids[hostile]}" && [ "$worker" != "$was" ]; }
    if until_true in_jail "${party_pids[hostile]}"; then ok "one that dies is started again, jailed"; else not_ok "one that dies is started again, jailed"; fi
    kill_party hostile
    if until_true is_gone "$worker"; then ok "and goes with its parent"; else not_ok "and goes with its parent"; fi
done
kill_party serve TERM
if [ -e /tmp/afrun-was-here ]; then not_ok "nothing was written"; else ok "nothing was written"; fi

# So is a script, on a bus and on a shared store; what it asks for is done outside.
cat >script.lua <<'END'
local af = require "af"
print(af.download("file://granted/in.txt"))
print("ran " .. af.process.run("sh", { args = { "-c", "grep ^Seccomp: /proc/self/status" } }).output)
print(tostring(select(2, pcall(af.download, "file:///etc/passwd"))))
af.sleep(1000)
END
start_party script script.lua --node n --task t --bus local:script.db --allow-run sh
wait_line script.out "is outside of what the script may reach" || wait_line script.err "is outside of"
expect_in script.out within "a script reads what is granted"
expect_in script.out "Seccomp:	0" "its program runs outside of the jail"
expect_in script.out "/etc/passwd: is outside of what the script may reach" "and what is not granted is refused"
if until_true in_jail "${party_pids[script]}"; then ok "it is jailed"; else not_ok "it is jailed"; fi
kill -INT "${party_pids[script]}"
expect_ended script 130 "Ctrl-C ends it"
if until_true is_gone "$worker"; then ok "with its process"; else not_ok "with its process"; fi
printf 'local af = require "af"\naf.mock_context({ id = "m", nodes = { "m" } }, function() af.sleep(1000) end)\n' >shared.lua
start_party shared shared.lua --mock --shared shared.db
if until_true in_jail "${party_pids[shared]}"; then ok "a script on a shared store is jailed"; else not_ok "a script on a shared store is jailed" "$(cat shared.err)"; fi
kill_party shared

# What is printed while a file is loaded is told once; one that computes then is stopped at its line, or by Ctrl-C.
printf 'print("at its load")\n' | cat - kept.lua >prints.lua
run "$AFRUN" prints.lua --role a --node a --task t3 --bus local:kept.db --peers a=a
if [ "$(cat "$ERR")" = "afrun: prints.lua: at its load" ]; then ok "what is printed at the load is told once"; else not_ok "what is printed at the load is told once" "$(cat "$ERR")"; fi
printf 'local n = 0\nwhile true do n = n + 1 end\n' >endless.lua
expect_error "endless.lua:2:" 2 "$AFRUN" endless.lua --node n --task t --bus local:script.db
start_party endless endless.lua --node n --task t --bus local:script.db
has_worker() { worker=$(pgrep -P "${party_pids[endless]}"); }
until_true has_worker
kill -STOP "$worker" # however long it takes
kill -INT "${party_pids[endless]}"
expect_ended endless 130 "Ctrl-C ends one that is being loaded"
if until_true is_gone "$worker"; then ok "and its process"; else not_ok "and its process"; fi
start_party script script.lua --node n --task t --bus local:script.db --allow-run sh
until_true in_jail "${party_pids[script]}"
wait_line script.out "Seccomp"
kill -KILL "$worker"
expect_ended script 1 "a script whose process dies has failed"
expect_in script.err "was killed by signal 9" "and why is told"
if grep -q "started again" script.err; then not_ok "it is not started again"; else ok "it is not started again"; fi

real="kept.lua ${peers[*]}"
expect_error "jail: programs that --allow-run grants run outside of it" 0 "$AFRUN" $real --allow-run sh -v
if "$AFRUN" $real --no-jail --json | grep -q '"jail":{"seccomp":false,"landlock":false}'; then ok "--no-jail is told of a party for real"; else
    not_ok "--no-jail is told of a party for real"
fi

# ---- Where a part is missing. ----

without() { "$ROOT/tests/lib/without.py" "$@"; }
commands=("$flow --mock" "$flow --mock --runs 3" "check $flow" "chart long.jsonl" "chart --states $flow" "replay long.jsonl $flow" "lint $flow"
    "test loud_test.lua" "replay kept.state kept.lua" "$real" "links.lua --node n --bus local:links.db")
if [ "$here" = "seccomp landlock" ]; then
    for command in "${commands[@]}"; do
        check "$command --require-jail" "$AFRUN" $command --require-jail
        expect_error "--require-jail: this system, or this build, lacks Landlock" 3 \
            without landlock "$AFRUN" $command --require-jail
        expect_error "--require-jail: this system, or this build, lacks a filter of system calls (seccomp)" 3 \
            without seccomp "$AFRUN" $command --require-jail
        check "$command without Landlock" without landlock "$AFRUN" $command
        check "$command without seccomp" without seccomp "$AFRUN" $command
    done
    expect_error "jail: this system, or this build, lacks Landlock" 0 without landlock "$AFRUN" "$flow" --mock -v
    run without landlock "$AFRUN" "$flow" --mock --runs 10 -v
    if [ "$(grep -c 'lacks Landlock' "$ERR")" -eq 1 ]; then ok "jobs say nothing of their own"; else
        not_ok "jobs say nothing of their own" "$(cat "$ERR")"
    fi
    expect_error "--require-jail" 3 without landlock "$AFRUN" "$flow" --mock --require-jail --trace none.jsonl
    if ls none.jsonl* >/dev/null 2>&1; then not_ok "nothing is left of a run that is refused"; else
        ok "nothing is left of a run that is refused"
    fi
elif [ -z "$here" ]; then
    for command in "${commands[@]}"; do
        expect_error "--require-jail: this system, or this build, lacks" 3 "$AFRUN" $command --require-jail
    done
    skip 48 "there are no walls"
else
    skip 59 "there is a part of the walls"
fi
