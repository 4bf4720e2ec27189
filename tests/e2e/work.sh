#!/usr/bin/env bash
# What is done beside the network takes virtual time where it is asked for: --work for programs, --bandwidth for files, for a role
# or for all; and a flow's own stand-ins of programs (mock_programs) answer in mock and check, so that a flow that trains
# can be checked.
source "$(dirname "$0")/../lib/e2e.sh"
plan 42
source "$ROOT/tests/lib/parties.sh"
cat >train.lua <<'LUA'
local af = require "af"
local Go = af.event("go", {})
local Model = af.event("model", { url = af.string })
local count = 0
return af.flow {
  name = "train", mock = { server = 1, client = 3 }, args = { program = af.optional(af.string, "trainer") },
  mock_programs = {
    trainer = function(args, input) return { status = 0, output = input .. table.concat(args, ",") } end,
    failing = function() return { status = 3, errors = "no data" } end,
    impure = function() count = count + 1 return { output = tostring(count) } end,
    wrong = function() return "done" end,
    raises = function() error "planted" end, misspelt = function() return { outptu = "text" } end,
  },
  roles = {
    server = { start = "waits", data = function() return { got = {} } end, states = { waits = {
      enter = function(party) party:send(party:nodes("client"), Go {}) end,
      [Model] = function(party, event)
        party.data.got[#party.data.got + 1] = af.download(event.url)
        if #party.data.got == #party:nodes("client") then return af.done(party.data.got) end
      end,
    } } },
    client = { start = "idle", states = { idle = { [Go] = function(party, _, from)
      local result = af.process.run(party.args.program, { args = { "fast", "1" }, input = "data:" })
      if result.status ~= 0 then return af.fail(result.status .. " " .. result.errors) end
      party:send(from, Model { url = party:upload_file(af.content(result.output), false, "model") })
      return af.done()
    end } } },
  },
}
LUA
mock() { "$AFRUN" train.lua --mock "$@"; }
finds() { # finds TEXT ARGUMENT…: a check of it, as a violation
    run "$AFRUN" check train.lua "${@:2}"
    if [ "$status" -eq 1 ] && grep -qF -e "$1" "$OUT"; then ok "a check finds: $1"; else not_ok "a check finds: $1" "$(explain "status $status" check)"; fi
}
says() { # says CASE PYTHON: of the records r of t.jsonl
    if python3 -c 'import json, sys
r = [json.loads(line) for line in open("t.jsonl")][1:]
of = lambda kind: [one for one in r if one["kind"] == kind]
sys.exit(not eval(sys.argv[1]))' "$2"; then ok "$1"; else not_ok "$1" "$(cut -c1-200 t.jsonl)"; fi
}

# ---- Stand-ins. ----
expect_output '"result":["data:fast,1","data:fast,1","data:fast,1"]' mock --json --trace t.jsonl
says "what a stand-in answered is in the trace" '[one["status"] for one in of("run")] == [0] * 3 and not of("wait") and r[-1]["t"] < 10**8'
expect_output "all the same" "$AFRUN" replay t.jsonl
expect_output "exhaustive: no violation" "$AFRUN" check train.lua
expect_output "exhaustive: no violation" "$AFRUN" check train.lua --crash 1 --parties client=1 --no-reduction
expect_error "failed: 3 no data" 1 mock --arg program=failing
expect_error "train.lua:10: a handler changes the variable 'count'" 1 mock --arg program=impure
finds "train.lua:10: a handler changes the variable 'count'" --arg program=impure
expect_error "must return { status =, output = }, got a string" 1 mock --arg program=wrong
expect_error "returns 'outptu', which is nothing that a program has; did you mean 'output'?" 1 mock --arg program=misspelt
expect_error "train.lua:12: planted" 1 mock --arg program=raises
expect_error "grant it with --allow-run none, or have the flow answer for it: mock_programs" 1 mock --arg program=none
finds "give it a stand-in in the flow's mock_programs" --arg program=none
sed 's/raises = function() error "planted" end/raises = 5/' train.lua >unfit.lua
expect_error "'mock_programs' must be" 2 "$AFRUN" unfit.lua --mock
start_party server train.lua --role server --node s --task t --bus local:bus.db --peers "server=s;client=c"
expect_error "trainer: is outside of what the script may run" 1 "$AFRUN" train.lua --role client --node c --task t \
    --bus local:bus.db --peers "server=s;client=c"
kill_party server

# ---- Work takes time: drawn from the seed, in traces and replays. ----
check "programs take their time" mock --work 10s..30s --trace t.jsonl
says "each takes what was drawn" 'sorted({1 if 10 < w["t"] / 1e9 < 30.1 else 0 for w in of("run")}) == [1] and len({w["t"] for w in of("run")}) == 3'
says "who waits is told" '[w["call"] for w in of("wait")] == ["run"] * 3'
expect_output "all the same" "$AFRUN" replay t.jsonl
cp t.jsonl first.jsonl
check "again" mock --work 10s..30s --trace t.jsonl
check "the same seed draws the same" cmp t.jsonl first.jsonl
check "another draws other" mock --work 10s..30s --trace t.jsonl --seed 2
cmp -s t.jsonl first.jsonl && not_ok "it is another run" || ok "it is another run"
expect_output "waits for run" "$AFRUN" chart first.jsonl
check "of a role alone" mock --work 'server=1h,client=5s' --trace t.jsonl
says "that of its role holds" 'all(5 < w["t"] / 1e9 < 5.1 for w in of("run")) and len(of("run")) == 3'
check "files take theirs" mock --bandwidth 'client=11' --trace t.jsonl
says "size by bandwidth: 11 bytes" 'all(1 < u["t"] / 1e9 < 1.1 for u in of("upload")) and {w["call"] for w in of("wait")} == {"upload"}'
check "down as well" mock --bandwidth 1 --trace t.jsonl
says "one after the other" '33 < of("done")[-1]["t"] / 1e9 - 11 < 34 and {w["call"] for w in of("wait")} == {"upload", "download"}'
check "whoever is lost at work is gone" bash -c '"$0" train.lua --mock --work 10s --lose client:1@5s --trace t.jsonl; [ $? = 1 ]' "$AFRUN"
says "its program never ends" 'len(of("run")) == 2 and len(of("lost")) == 1'
sed 's/name = "train",/name = "train", version = 2, migrate = function(old) return old end,/' train.lua >train2.lua
check "an upgrade waits for a handler that works" mock --work 10s --upgrade train2.lua@5s --trace t.jsonl
says "it comes after the work" 'all(one["t"] >= 10**10 for one in of("reload") if one["party"] != "server-1")'
expect_error "--work: the flow 'train' has no role 'king'" 2 mock --work king=1s
expect_error "--bandwidth: the flow 'train' has no role 'king'" 2 mock --bandwidth king=1K
expect_error "--work" 2 mock --work 5
expect_error "--bandwidth" 2 mock --bandwidth 0
expect_output "10 runs, 0 failed" mock --work 1s..1h --runs 10

# ---- Scripts: no roles. ----
cat >alone.lua <<'LUA'
local af = require "af"
local begun = af.now()
af.process.run("true")
print("it took", af.now() - begun)
LUA
expect_output "it took	7" "$AFRUN" alone.lua --mock --allow-run true --work 7s
expect_error "a sequential script has no roles" 2 "$AFRUN" alone.lua --mock --work a=1s
