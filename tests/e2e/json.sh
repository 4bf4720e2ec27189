#!/usr/bin/env bash
# --json: one object a command, whatever comes of it, and what it says where a program looks for it. That each answer
# is as its schema says is looked at where each test ends (lib/e2e.sh).
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 62
flows=$ROOT/flows
mkdir -p deep
printf 'local af = require "af"\nreturn af.flow { name = "raises", roles = { a = { start = "s", states = { s = { enter = function(party)\nerror("boom") end } } } } }\n' >deep/raises.lua
cat >deep/asks.lua <<'LUA'
local af = require "af"
local Ask = af.event("ask", {})
local Answer = af.event("answer", {})
return af.flow { name = "asks", mock = { a = 1, b = 1 }, roles = {
  a = { start = "idle", states = { idle = { enter = function(party) party:send("b-1", Ask {}) return "asking" end },
    asking = { [Answer] = function() return af.done() end } } },
  b = { start = "listening", states = { listening = { may_end = true,
    [Ask] = function(party, event, from) party:send(from, Answer {}) end } } } } }
LUA

# has EXPRESSION N COMMAND…: it exits with N, and of its answer, d, the Python expression is true.
has() {
    local expression=$1 expected=$2
    shift 2
    run "$@"
    if [ "$status" -eq "$expected" ] && /usr/bin/python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
assert d["format"] == 1
assert eval(sys.argv[2]), d' "$OUT" "$expression" 2>>"$ERR"; then
        ok "$(title "$@"): $expression"
    else
        not_ok "$(title "$@"): $expression" "$(explain "status $status" "$@")"
    fi
}

# What was found: kind, party, file, line; of who is stuck, for what it waits and from whom nothing has come.
has 'd["kind"] == "run" and "error" not in d and d["findings"] == []' 0 "$AFRUN" "$flows/sync_state.lua" --mock --json
has 'd["findings"][0].items() >= {"kind": "error", "party": "a-1", "file": "deep/raises.lua", "line": 3}.items()' 1 "$AFRUN" deep/raises.lua --mock --json
has 'd["error"].items() >= {"kind": "flow", "status": 1, "file": "deep/raises.lua", "line": 3}.items()' 1 "$AFRUN" deep/raises.lua --mock --json
has '[f["waits_for"] for f in d["findings"]] == [{"state": "asking", "file": "deep/asks.lua", "line": 6, "handler": None, "events": ["answer"], "timer": None, "deferred": 0, "silent": ["b-1"]}]' 1 \
    "$AFRUN" deep/asks.lua --mock --drop 1 --json
has 'd["party_list"][2]["waits_for"]["timer"]["name"] == "after"' 1 "$AFRUN" "$flows/sync_state.lua" --mock --until 1ms --json
has 'd["failed_runs"] == 3 and d["findings"][0]["line"] == 3 and d["error"]["status"] == 1' 1 "$AFRUN" deep/raises.lua --mock --runs 3 --json
has 'd["runs"] == 3 and d["findings"] == []' 0 "$AFRUN" "$flows/sync_state.lua" --mock --runs 3 --json

# A counterexample is steps.
has 'd["violations"][0]["steps"] == [{"kind": "drop", "party": "b-1", "event": "ask", "from": "a-1", "timer": None}]' 1 "$AFRUN" check deep/asks.lua --drop 1 --json
has '[w["party"] + w["state"] + w["events"][0] for w in d["violations"][0]["waiting"]] == ["a-1askinganswer"]' 1 "$AFRUN" check deep/asks.lua --drop 1 --json
has '(d["violations"][0]["file"], d["violations"][0]["line"]) == ("deep/raises.lua", 3)' 1 "$AFRUN" check deep/raises.lua --json
has '{s["kind"] for v in d["violations"] for s in v["steps"]} == {"deliver", "recall", "timeout"} and d["violations"][0]["steps"][-1]["event"] == "order" and d["violations"][0]["steps"][2]["timer"] == "noon"' 1 \
    "$AFRUN" check "$ROOT/tests/data/check/recalling.lua" --arg strict=true --json
has 'd["exhaustive"] and d["violations"] == []' 0 "$AFRUN" check "$flows/sync_state.lua" --json

has '{"count": 3, "role": "participant", "status": "done", "state": None} in d["ends"][0]["parties"]' 0 "$AFRUN" check "$flows/sync_state.lua" --json
has '("shop", "closing", None) in [(u["role"], u["state"], u["event"]) for u in d["unreached"]]' 1 "$AFRUN" check "$ROOT/tests/data/check/recalling.lua" --arg strict=true --json

# A trace, drawn and run again.
cp "$flows/sync_state.lua" .
check "a trace" "$AFRUN" "$flows/sync_state.lua" --mock -q --trace run.jsonl
has '[p["id"] for p in d["parties"]][1] == "participant-1" and d["rows"][1]["event"] == "query" and d["outcome"] == "ok"' 0 "$AFRUN" chart run.jsonl --json
has 'open("run.jsonl").read().split("\n")[d["rows"][1]["line"] - 1].find("deliver") > 0' 0 "$AFRUN" chart run.jsonl --json
has 'all("after" not in row for row in d["rows"])' 0 "$AFRUN" chart run.jsonl --json
expect_error "--data: is for --json" 2 "$AFRUN" chart run.jsonl --data
# What each party holds after each row, beside the records up to the next row.
check "a trace with data" "$AFRUN" "$flows/sync_state.lua" --mock -q --drop 0.2 --duplicate 0.2 --crash participant:0.2 --seed 3 --trace held.jsonl --trace-data
cat >held.py <<'PY'
held = {}
records = [json.loads(line) for line in open("held.jsonl")]
rows, seen = d["rows"], set()
for row, after in zip(rows, rows[1:] + [None]):
    held |= {one["party"]: one for one in row.get("after", [])}
    if after is not None and "line" not in after: continue
    done = records[1:after["line"] - 1] if after else records[1:]
    for party, one in held.items():
        own = [r for r in done if party == r.get("party")]
        data = [r for r in own if "data" in r]
        assert (one["state"], one["data"]) == (data[-1]["state"], data[-1]["data"]), (row, one)
        came = lambda *kinds: [r["uuid"] for r in own if r["kind"] in kinds]
        sent = [r["uuid"] for r in done if r["kind"] == "send" and party in r["to"]] + came("duplicate")
        gone = came("deliver", "defer", "ignore", "late", "unexpected", "drop", "repeated")
        assert one["coming"] == len(set(sent) - set(gone)), (row, one)
        waits = [u for u in came("defer") if u not in came("deliver", "late", "ignore")]
        assert one["status"] in ("done", "failed", "lost") or len(one["deferred"]) == len(waits), (row, one)
        down = [r["kind"] for r in own if r["kind"] in ("crash", "restart")][-1:] == ["crash"]
        ended = any(r["kind"] in ("done", "fail") for r in own)
        assert one["status"] == ("done" if ended else "down" if down else "active"), (row, one)
        seen.add(one["status"])
        seen |= {"deferred"} if one["deferred"] else set()
assert seen >= {"active", "down", "done", "deferred"}, seen
PY
has 'exec(open("held.py").read()) is None' 0 "$AFRUN" chart held.jsonl --json --data
has '[r["count"] for r in d["rows"] if r["kind"] == "gap"] == [len(open("run.jsonl").readlines()) and d["rows"][0]["count"]]' 0 "$AFRUN" chart run.jsonl --tail 3 --json
has 'd["same"] and d["difference"] is None and d["records"] > 10' 0 "$AFRUN" replay run.jsonl --json
sed 's/"round":11/"round":12/' run.jsonl >other.jsonl
has 'not d["same"] and d["difference"]["recorded"] != d["difference"]["now"] and d["error"]["status"] == 1' 1 "$AFRUN" replay other.jsonl "$flows/sync_state.lua" --json
has 'd["lua"].startswith("5.4")' 0 "$AFRUN" --version --json
for form in mermaid svg html "width 80" ascii; do has 'd["error"]["kind"] == "usage"' 2 "$AFRUN" chart run.jsonl --json --$form; done

# Whatever goes wrong is an object too: the command line, the flow, the world.
printf 'local x = = 1\n' >deep/broken.lua
for words in "check --drp 1" "check" "check no.lua" "run" "$flows/sync_state.lua" "$flows/sync_state.lua --mock --parties nobody=1" "chart" "chart no.jsonl" \
    "replay no.jsonl" "serve --listen" "serve x" "node" "ctl status" "ctl stat --control x" "nothing" "--version now" "help nothing" "--completion"; do
    run "$AFRUN" $words --json
    if [ "$status" -ge 2 ] && grep -q '^{"format":1,"kind":"error","error":{"kind":"\(usage\|transport\)","status":[23],' "$OUT" && [ "$(wc -l <"$ERR")" -eq 1 ]; then
        ok "afrun $words --json: an object, and a message"
    else
        not_ok "afrun $words --json: an object, and a message" "$(explain "status $status" "$AFRUN" $words)"
    fi
done
has '(d["error"]["file"], d["error"]["line"]) == ("deep/broken.lua", 1)' 2 "$AFRUN" deep/broken.lua --mock --json
has 'd["kind"] == "check" and d["violations"] and d["error"]["status"] == 3' 3 bash -c '"$0" check deep/raises.lua --json --trace /dev/full 2>/dev/null' "$AFRUN"
has 'd["error"]["status"] == 3' 3 "$AFRUN" ctl status --control no.sock --json

# One party for real.
has '(d["kind"], d["file"], d["line"], d["raised"]) == ("party", "deep/raises.lua", 3, True)' 1 "$AFRUN" deep/raises.lua --bus local:bus.db --role a --node n --task t --peers a=n --json

# Validation can fail: a field that nobody has described, one that is missing, an error with status 0, two lines.
plant() {
    local name=$1 status=$2
    mkdir -p planted && rm -f planted/*
    cat >planted/x.out
    printf 'x\0' >planted/x.words
    echo "$status" >planted/x.status
    if /usr/bin/python3 "$ROOT/tests/lib/schemas.py" "$ROOT/tests/data/schema" planted >planted/told 2>&1; then
        [ "$name" = "what is right" ] && ok "$name is taken" || not_ok "$name is found" "$(cat planted/told)"
    else
        [ "$name" != "what is right" ] && ok "$name is found" || not_ok "$name is taken" "$(cat planted/told)"
    fi
}
"$PROGRAM" "$flows/sync_state.lua" --mock --json >right
plant "what is right" 0 <right
plant "a field that is not described" 0 < <(sed 's/"seed":1/"seed":1,"new":2/' right)
plant "a field that is missing" 0 < <(sed 's/"seed":1,//' right)
plant "a field that is not described, deep in it" 0 < <(sed 's/"id":"/"more":1,"id":"/' right)
plant "another format" 0 < <(sed 's/"format":1/"format":2/' right)
plant "a status without an error" 1 <right
plant "an unknown kind" 0 < <(sed 's/"kind":"run"/"kind":"ran"/' right)
plant "two answers" 0 < <(cat right right)
plant "no answer" 0 < <(echo)
