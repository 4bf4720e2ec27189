# Many parties that have not started, as their first handler raises: each was tried for a reload in a call of the one before it,
# until the stack of the node was full.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 4
source "$ROOT/tests/lib/parties.sh"
mkdir flows
put() { # put VERSION BODY: of what begins
    put_flow slow <<LUA
local af = require "af"
return af.flow {
  name = "slow", version = $1,
  roles = { counter = {
    data = function() $2 return {} end,
    start = "counting",
    states = { counting = { may_end = true } },
  } },
}
LUA
}
put 1 'error "planned"'
kilobytes=512 parties=200
( # so that fewer do
    ulimit -S -s $kilobytes
    exec "$PROGRAM" node --node i --bus local:bus.db --flows flows --state i.state --no-watch >i.out 2>i.err </dev/null
) &
party_pids[i]=$!
wait_line i.out "afrun node: node i" || not_ok "the node starts" "$(cat i.err)"
cat >ask.py <<'PY'
import json, socket, sys
for i in range(int(sys.argv[1])):
    asker = socket.socket(socket.AF_UNIX)
    asker.connect("i.state/control.sock")
    asker.sendall(json.dumps({"cmd": "launch", "flow": "slow", "task": "t%d" % i, "role": "counter", "peers": ["counter=i"]}).encode() + b"\n")
    answer = json.loads(asker.makefile().readline())
    assert answer["ok"], answer
PY
check "parties are launched" python3 ask.py $parties
count() { [ "$(ctl status --json | jq "[.parties[] | select(.status == \"$1\")] | length")" = $parties ]; }
PATIENCE=60
if until_true count held; then ok "all are held"; else not_ok "all are held" "$(ctl status | head)"; fi
put 2 ''
check "their mend is taken" ctl reload slow
kill_party i TERM
stop_all
