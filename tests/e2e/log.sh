#!/usr/bin/env bash
# --log json: what any command says besides its answer is lines of JSON, each with time, level and message; the first
# line of a service and a node too.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 17
source "$ROOT/tests/lib/parties.sh"
flow=$ROOT/flows/sync_state.lua

# lines FILE TEXT: each line of it is such an object, and one has the text in its message.
lines() {
    /usr/bin/python3 -c 'import json, re, sys
seen = [json.loads(line) for line in open(sys.argv[1])]
for line in seen:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line
    assert line["level"] in ("error", "warning", "info", "debug"), line
    assert set(line) <= {"time", "level", "message", "party", "at", "address", "node"}, line
assert any(sys.argv[2] in line["message"] for line in seen), seen' "$1" "$2" 2>told
}
# says TEXT STATUS COMMAND…: on standard error, so.
says() {
    local text=$1 expected=$2
    shift 2
    run "$@"
    if [ "$status" -eq "$expected" ] && lines "$ERR" "$text"; then
        ok "$(title "$@")says it in lines of JSON"
    else
        not_ok "$(title "$@")says it in lines of JSON" "$(explain "status $status: $(tail -n 2 told)" "$@")"
    fi
}
printf 'local af = require "af"\nreturn af.flow { name = "raises", roles = { a = { start = "s", states = { s = { enter = function(party)\nparty:log("here") error("boom") end } } } } }\n' >raises.lua
says "here" 1 "$AFRUN" raises.lua --mock --log json
says "a-1: raises.lua:3: boom" 1 "$AFRUN" raises.lua --mock --log json
says "a-1: raises.lua:3: boom" 1 "$AFRUN" raises.lua --mock --runs 3 --log json
says "n: raises.lua:3: boom" 1 "$AFRUN" raises.lua --bus local:bus.db --role a --node n --task t --peers a=n --log json
says "cannot be read" 2 "$AFRUN" no.lua --mock --log json
says "unknown option" 2 "$AFRUN" "$flow" --mock --log json --drp 1
says "cannot be read" 2 "$AFRUN" check --log json no.lua
says "cannot be read" 2 "$AFRUN" chart --log json no.jsonl
says "no node answers" 3 "$AFRUN" ctl status --log json --control no.sock
printf 'local af = require "af"\nreturn af.flow { name = "plain", roles = { a = function() end } }\n' >plain.lua
says "is a plain function" 0 "$AFRUN" plain.lua --mock --log json
check "a trace" "$AFRUN" "$flow" --mock -q --trace run.jsonl
sed 's/"round":11/"round":12/' run.jsonl >other.jsonl
says "the run now goes otherwise" 1 "$AFRUN" replay other.jsonl "$flow" --log json
(cat "$flow" && echo "-- changed") >sync_state.lua
says "sync_state.lua has changed since" 0 "$AFRUN" replay run.jsonl sync_state.lua --log json
expect_error "--log" 2 "$AFRUN" "$flow" --mock --log xml

# A service and a node.
start_party serve serve --open-tasks --prefix-nodes --listen 127.0.0.1:0 --log json
wait_line serve.out listening && lines serve.out "afrun serve: listening at http" && grep -q '"address":"http://127.0.0.1:[0-9]*"' serve.out &&
    ok "a service says that it listens in a line of JSON" || not_ok "a service says that it listens in a line of JSON" "$(cat serve.out serve.err told)"
mkdir flows && cp "$flow" flows
start_party node node --node n --bus local:node.db --flows flows --state n.state --metrics 127.0.0.1:0 --log json --no-jail
wait_line node.out metrics && lines node.out "afrun node: node n" && lines node.out "metrics at" &&
    ok "a node says that it has started in a line of JSON" || not_ok "a node says that it has started in a line of JSON" "$(cat node.out node.err told)"
kill_party serve TERM
kill_party node TERM
lines serve.err "ending" && ok "and what comes after" || not_ok "and what comes after" "$(cat serve.err told)"
