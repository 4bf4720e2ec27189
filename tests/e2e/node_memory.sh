#!/usr/bin/env bash
# What a worker of a node may take of the machine's memory: a cgroup of its own says so where the node may make one; a
# worker that takes more is killed, its party is told so, and the node and its other parties go on.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 13
source "$ROOT/tests/lib/parties.sh"
peers=(--peers 'a=n')

mkdir flows
cat >flows/eats.lua <<'END'
local af = require "af"
return af.flow { name = "eats", roles = { a = { start = "s", states = { s = {
  after = { 0.2, function(party) party:log(("taken: %d"):format(#("x"):rep(28 * 1024 * 1024))) return af.done() end } } } } } }
END
cat >flows/ticks.lua <<'END'
local af = require "af"
return af.flow { name = "ticks", roles = { a = {
  start = "s", states = { s = { may_end = true, after = { 0.1, function(party) party:log("a step") return "s" end } } } } } }
END

# node ARGUMENT…
node() {
    start_party node node --node n --bus local:bus.db --flows flows --state n.state -v "$@"
    wait_line node.out "afrun node: node n" || not_ok "a node starts" "$(cat node.err)"
    export AFRUN_CONTROL=$PWD/n.state/control.sock
}
status_has() { "$PROGRAM" ctl status --json | grep -qE "$1"; }

if [ "$mode" = sanitize ]; then node; else node --worker-memory 48; fi
if [ "$mode" = sanitize ]; then
    skip 11 "a build for the sanitizers takes more by itself"
    kill_party node TERM
elif status_has '"memory":"cgroup"'; then
    expect_in node.err "memory: the cgroup of each worker lets it take 48 MiB" "a cgroup is told with -v"
    check "what counts its steps is launched" "$AFRUN" ctl launch ticks --task t1 --role a "${peers[@]}"
    check "what eats is launched" "$AFRUN" ctl launch eats --task t2 --role a "${peers[@]}"
    if wait_line node.err "took more than 48 MiB of memory, after a time, in n, and was killed"; then ok "what takes more is killed, and that is told"; else
        not_ok "what takes more is killed, and that is told" "$(cat node.err)"
    fi
    if until_true status_has '"status":"held".*took more than 48 MiB|took more than 48 MiB.*"held"'; then ok "its party is held, and knows why"; else
        not_ok "its party is held, and knows why" "$("$AFRUN" ctl status --json)"
    fi
    steps() { wc -l <n.state/logs/t1.log; }
    n=$(steps)
    moved() { [ "$(steps)" -gt "$n" ]; }
    if until_true moved; then ok "the other party goes on"; else not_ok "the other party goes on" "$n"; fi
    group=$(sed -nE 's/^[0-9]+:([^:]*)memory[^:]*:/\/sys\/fs\/cgroup\/memory/p; s/^0::(.*)\/afrun-node$/\/sys\/fs\/cgroup\1/p' "/proc/${party_pids[node]}/cgroup" | head -n 1)
    worker=$("$PROGRAM" ctl status t1 --json | grep -oE '"worker":[0-9]+' | cut -d: -f2)
    if grep -qx "$worker" "$group/afrun-worker-$worker/cgroup.procs"; then ok "each worker has a group"; else
        not_ok "each worker has a group" "$worker: $(ls "$group")"
    fi
    kill -TERM "${party_pids[node]}"
    expect_ended node 0 "the node ends well"
    if [ -e "$group/afrun-worker-$worker" ]; then not_ok "its group is gone"; else ok "its group is gone"; fi
    node
    check "with more room" "$AFRUN" ctl retry t2
    if wait_line n.state/logs/t2.log "taken: 29360128"; then ok "the same party is done"; else not_ok "the same party is done" "$("$AFRUN" ctl status)"; fi
    kill_party node TERM
else
    skip 11 "no cgroup is to be had here"
    kill_party node TERM
fi

# A node that may make none says which limit holds: here it may see none, as where they are not mounted for it.
if unshare -m true 2>/dev/null; then
    : >node.out
    unshare -m bash -c 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"' - "$PROGRAM" node --node n --bus local:bus.db --flows flows --state n.state -v >node.out 2>node.err </dev/null &
    party_pids[node]=$!
    wait_line node.out "afrun node: node n"
    expect_in node.err "memory: no cgroup for workers (there is none): each has 8192 MiB of addresses instead (RLIMIT_AS)" "which limit holds instead is told with -v"
    if status_has '"memory":"addresses"'; then ok "and in the status"; else not_ok "and in the status" "$("$AFRUN" ctl status --json)"; fi
    kill_party node TERM
else
    skip 2 "no mount is to be had here"
fi
