#!/usr/bin/env bash
# An open task whose five processes are started in any order: an initiator that names all, two parties that name nobody,
# and two plain clients, which know the platform's fields only. Then the same with an aggregator that names nobody, begins with
# whoever is there, and ends first: who was not there is told by what it said to all. Each ends well. All 120 orders in a long run.
source "$(dirname "$0")/../lib/e2e.sh"
plan 23 241
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
start_serve --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"

cat >plain.py <<'PY'
"""A participant of sync_state as the platform's client would be: asks, answers, waits for the end."""
import json, sys
sys.path.insert(0, sys.argv[1])
from plain_client import PlainClient
url, task, node = sys.argv[2:]
client = PlainClient("%s/node/%s" % (url, node), task)
client.push(["i"], {"type": "query", "querier": node})
while True:
    event = client.wait(50)["message_content"]
    if event["type"] == "sync":
        client.push(["i"], {"type": "sync_resp", "querier": node})
    elif event["type"] == "notice_task_completion":
        break
PY

start() { # start NODE
    case $1 in
    i) start_party i "$ROOT/flows/sync_state.lua" --role initiator --node i --task "$task" --bus "$URL/node/i" \
        --peers 'initiator=i;participant=p1,p2,x1,x2' --json ;;
    p?) start_party "$1" "$ROOT/flows/sync_state.lua" --role participant --node "$1" --task "$task" --bus "$URL/node/$1" --json ;;
    x?)
        python3 plain.py "$ROOT/tests/lib" "$URL" "$task" "$1" >"$1.out" 2>"$1.err" </dev/null &
        party_pids[$1]=$!
        ;;
    esac
}

start_unnamed() { # start_unnamed NODE: of a training, whose aggregator begins with whom it knows
    case $1 in
    i) start_party i "$ROOT/flows/fed_avg.lua" --role aggregator --node i --task "$task" --bus "$URL/node/i" \
        --arg rounds=1 --arg quorum=1 --arg linger=0 --arg every=1 --arg tries=2 --json ;;
    p?) start_party "$1" "$ROOT/flows/fed_avg.lua" --role participant --node "$1" --task "$task" --bus "$URL/node/$1" \
        --arg every=2 --json ;;
    x?)
        python3 "$ROOT/tests/lib/fed_avg_peer.py" "$URL/node/$1" "$task" "$1" participant 1 vector >"$1.out" 2>"$1.err" </dev/null &
        party_pids[$1]=$!
        ;;
    esac
}

tries=0 start=start
try() { # try NODE…: in this order, each begun when the one before has
    local node bad=
    task="$start-$*" task=${task// /}
    for node in "$@"; do $start "$node" && sleep 0.02; done
    for node in "$@"; do
        wait_party "$node"
        [ "$status" -eq 0 ] || bad+="$node: $status
$(head -n 4 "$node.out" "$node.err")
"
    done
    if [ -z "$bad" ]; then ok "$start: in the order $*"; else not_ok "$start: in the order $*" "$bad"; fi
}
every=11
is_short || every=1
orders() { # orders CHOSEN -- LEFT…
    local chosen=$1 at node
    shift 2
    if [ $# -eq 0 ]; then
        ((tries++ % every)) || try $chosen # words of it
        return
    fi
    for ((at = 1; at <= $#; at++)); do
        node=${!at}
        orders "$chosen $node" -- "${@:1:at-1}" "${@:at+1}"
    done
}
orders '' -- i p1 p2 x1 x2
start=start_unnamed
orders '' -- i p1 p2 x1 x2
stop_serve
