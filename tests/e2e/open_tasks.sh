#!/usr/bin/env bash
# Tasks that spring up by use: whoever comes first, each node has the role in which it comes.
source "$(dirname "$0")/../lib/e2e.sh"
plan 32
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
start_serve --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"

peers='initiator=i;participant=p1,p2,plain'
plain() { # COMMAND ARGUMENT…: the node "plain", which knows the platform's fields only
    python3 "$ROOT/tests/lib/plain_client.py" "$URL/node/plain" "$task" "$@"
}
party() { # NODE [OPTION…]: of the flow
    local node=$1 role=participant
    shift
    [ "$node" != i ] || role=initiator
    start_party "$node" "$ROOT/flows/sync_state.lua" --role $role --node "$node" --task "$task" \
        --bus "$URL/node/$node" --json "$@"
}
nodes() { plain nodelist | sort | xargs; }
nodes_are() { [ "$(nodes)" = "$1" ]; }
wait_nodes() { # NODES NAME
    if until_true nodes_are "$1"; then ok "$2"; else not_ok "$2" "$(nodes)"; fi
}
asks() { plain push i '{"type":"query","querier":"plain"}' >/dev/null; }
answers() { # takes the sync, and what comes at the end
    local got
    got=$(plain wait 30)
    [[ $got == *'"aggregator": "i"'* ]] || not_ok "$task: the plain client is given the sync" "$got"
    plain push i '{"type":"sync_resp","querier":"plain"}' >/dev/null
}
ends() { # NODE…: all well, and each in its role
    local node
    for node in "$@"; do
        expect_ended "$node" 0 "$task: $node ends well"
    done
    expect_in i.out "\"result\":{\"synced\":$synced}" "$task: the initiator has all"
}

# ---- The initiator is named by the plain client before it is there. ----
task=plain-first synced=3
asks
wait_nodes "i 0 plain 2" "who is only named has no role yet"
party p1
party p2
wait_nodes "i 0 p1 2 p2 2 plain 2" "participants join without --peers"
wait_line p1.err "its node 'i' has not come yet" && ok "and wait for who was named" || not_ok "and wait for who was named" "$(cat p1.err)"
party i --peers "$peers"
answers
ends i p1 p2
wait_nodes "i 1 p1 2 p2 2 plain 2" "each has its role"

# ---- The initiator first, which names all. ----
task=initiator-first
party i --peers "$peers"
wait_nodes "i 1" "who comes has its role"
ask plain push "$(message $task '["p1","p2"]' | sed 's/"federated"/"automl"/')" >/dev/null
wait_nodes "i 1 p1 0 p2 0 plain 2" "who has only been named has none"
party p2
party p1
asks
answers
ends i p1 p2
wait_nodes "i 1 p1 2 p2 2 plain 2" "each has its role"

# ---- Participants first, and nobody names anybody. ----
task=no-peers synced=1
party p1
wait_line p1.err "has no node of role 'initiator' yet" || not_ok "a participant waits" "$(cat p1.err)"
party i
ends i p1
wait_nodes "i 1 p1 2" "each has its role"

# ---- A node, too: it is launched when the others have come. ----
task=node synced=1
start_party n node --node n1 --bus "$URL/node/n1" --flows "$ROOT/flows" --state n.state
wait_line n.out "afrun node: node n1" || not_ok "the node starts" "$(cat n.err)"
expect_error "has no node of role 'initiator' yet" 3 "$AFRUN" ctl launch sync_state --task node --role participant --state n.state
party i
wait_nodes "i 1 n1 2" "a node joins in its role"
check "it is launched" "$AFRUN" ctl launch sync_state --task node --role participant --state n.state
ends i
kill_party n TERM

# ---- Who joins when a party has begun is none of its nodes, and that is told. ----
cat >late.lua <<'LUA'
local af = require "af"
local Hello = af.event("hello", {})
return af.flow { name = "late", roles = {
  host = { start = "open", states = { open = { may_end = true, [Hello] = function() end } } },
  guest = { start = "there", states = { there = { may_end = true,
    enter = function(party) party:send(party:nodes "host", Hello {}) end } } },
} }
LUA
task=late
guest() { start_party "$1" late.lua --role guest --node "$1" --task late --bus "$URL/node/$1"; }
start_party h late.lua --role host --node h --task late --bus "$URL/node/h"
wait_line h.err "has no node of role 'guest' yet" || not_ok "a host waits for a guest" "$(cat h.err)"
guest g1
wait_line h.err "h goes on" || not_ok "a host goes on with its guest" "$(cat h.err)"
guest g2
wait_line h.err "a contract from g2 is not delivered: its sender was no node of the task when this party began" &&
    ok "a guest that comes later is told of" || not_ok "a guest that comes later is told of" "$(cat h.err)"
for node in h g1 g2; do kill_party $node INT; done
# ---- A role is kept: it is no other one for who asks in another. ----
task=kept
party i --peers 'initiator=i;participant=p1'
wait_nodes "i 1" "an initiator"
start_party other "$ROOT/flows/sync_state.lua" --role participant --node i --task kept --bus "$URL/node/i"
party p1
ends i p1
expect_ended other 2 "who comes in another role is told"
expect_in other.err "'i' has the role 'initiator' in task 'kept', not 'participant'" "and why"
stop_all
stop_serve
