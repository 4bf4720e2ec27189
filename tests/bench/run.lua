-- run.lua BUILD [--million] [--only run|serve|node|nats|check|numbers|studio] [--file-bytes N]:
-- measures the program beside its floors and prints a table; what each line means is in README.md.
--
-- The machine's speed changes from second to second, so a line's programs take turns, several
-- times, and medians are told. Only ratios of one run can be compared with those of another.
-- Exit status 1 if something does not run; never because of a time.

local build = arg[1]
local options = { file_bytes = 1 << 30 }
local parts = { run = true, serve = true, node = true, nats = true, check = true,
  numbers = true, studio = true }
local afrun = build .. "/afrun"
local measure = build .. "/tests/bench/measure"
local floor = build .. "/tests/bench/floor_messages"
local trace_file = build .. "/tests/bench/trace.jsonl"

local function read_options()
  local i = 2
  while arg[i] do
    if arg[i] == "--million" then
      options.million = true
    elseif arg[i] == "--only" and parts[arg[i + 1]] then
      i = i + 1
      options.only = arg[i]
    elseif arg[i] == "--file-bytes" and math.tointeger(tonumber(arg[i + 1])) then
      i = i + 1
      options.file_bytes = math.tointeger(tonumber(arg[i]))
    else
      return false
    end
    i = i + 1
  end
  return build ~= nil
end

if not read_options() then
  io.stderr:write("usage: lua5.4 run.lua BUILD [--million] ",
    "[--only run|serve|node|nats|check|numbers|studio] [--file-bytes N]\n")
  os.exit(2)
end

local function fail(command)
  io.stderr:write("does not run: ", command, "\n")
  os.exit(1)
end

---Runs a command once.
---@return number seconds, integer bytes, number cpu  wall clock, peak memory, processors' seconds
local function run_once(command)
  local pipe = assert(io.popen(measure .. " " .. command))
  local seconds, bytes, cpu = pipe:read("n", "n", "n")
  if not pipe:close() or not cpu then
    fail(command)
  end
  return seconds, bytes, cpu
end

local function median(values)
  table.sort(values)
  return values[#values // 2 + 1]
end

---Runs the commands by turns.
---@return number[] seconds, integer[] bytes  medians, in the commands' order
local function by_turns(times, commands)
  local seconds, bytes = {}, {}
  for turn = 1, times do
    for i, command in ipairs(commands) do
      seconds[i], bytes[i] = seconds[i] or {}, bytes[i] or {}
      seconds[i][turn], bytes[i][turn] = run_once(command)
    end
  end
  for i = 1, #commands do
    seconds[i], bytes[i] = median(seconds[i]), median(bytes[i])
  end
  return seconds, bytes
end

---12345678 → "12,345,678"
local function grouped(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

local function tell(name, format, ...)
  print(("%-34s %s"):format(name, format:format(...)))
  io.flush()
end

-- Messages. --------------------------------------------------------------------------------------

local function tell_messages(name, count, seconds, floor_seconds, target)
  tell(name, "%9s/s  floor %s/s  ratio %.2f  (target %.2f)", grouped(count / seconds),
    grouped(count / floor_seconds), floor_seconds / seconds, target)
end

local function ring(program, parties, rounds)
  return ("%s tests/bench/ping_pong.lua --mock --parties player=%d --arg rounds=%d"):format(program,
    parties, rounds)
end

---@param target number, traced number  ratios
local function bench_messages(times, parties, rounds, target, traced)
  local flow = ring(afrun, parties, rounds)
  local seconds = by_turns(times, {
    ("%s ring %d %d"):format(floor, parties, rounds), flow, flow .. " --trace " .. trace_file,
  })
  local name = ("messages, %s parties"):format(grouped(parties))
  tell_messages(name, parties * rounds, seconds[2], seconds[1], target)
  tell_messages(name .. ", traced", parties * rounds, seconds[3], seconds[1], traced)
end

---The program of `make MODE=fast`, or nil.
local function fast_program()
  local name = build:gsub("[^/]+$", "fast") .. "/afrun"
  local file = io.open(name)
  return file and file:close() and name
end

---The same of the build that is installed, where it stands beside.
local function bench_fast_messages(times, parties, rounds, target)
  local fast, name = fast_program(), ("messages, %s parties, MODE=fast"):format(grouped(parties))
  if not fast then
    tell(name, "not measured: `make MODE=fast` has not made it")
    return
  end
  local seconds = by_turns(times, {
    ("%s ring %d %d"):format(floor, parties, rounds), ring(fast, parties, rounds),
  })
  tell_messages(name, parties * rounds, seconds[2], seconds[1], target)
end

---The languages that are installed here, with the same ring in each.
local function peers(parties, rounds)
  local found = {}
  if os.execute("command -v node >/dev/null") then
    table.insert(found, { name = "Node, JSON",
      command = ("node tests/bench/peer_messages.js %d %d"):format(parties, rounds) })
  end
  if os.execute("command -v erlc >/dev/null") then
    local folder = build .. "/tests/bench"
    if not os.execute(("erlc -o %s tests/bench/peer_messages.erl"):format(folder)) then
      fail("erlc")
    end
    table.insert(found, { name = "Erlang, term_to_binary",
      command = ("erl -noshell -pa %s -run peer_messages main %d %d -s erlang halt"):format(folder,
        parties, rounds) })
  end
  return found
end

---Ours beside theirs: the build that is installed, where it is there, else the default one.
local function bench_peers(times, parties, rounds)
  local fast, all = fast_program(), peers(parties, rounds)
  local commands = { ring(fast or afrun, parties, rounds) }
  for _, peer in ipairs(all) do
    table.insert(commands, peer.command)
  end
  local name = ("messages, %s parties, beside"):format(grouped(parties))
  if #all == 0 then
    tell(name, "not measured: neither Node nor Erlang is installed")
    return
  end
  local seconds = by_turns(times, commands)
  for i, peer in ipairs(all) do
    tell(name, "%9s/s  %s: %s/s  ratio %.2f", grouped(parties * rounds / seconds[1]), peer.name,
      grouped(parties * rounds / seconds[i + 1]), seconds[i + 1] / seconds[1])
  end
end

-- Many parties. ----------------------------------------------------------------------------------

local function many(parties)
  return ("%s query %d"):format(floor, parties),
    ("%s tests/bench/many_parties.lua --mock --parties participant=%d --arg participants=%d")
    :format(afrun, parties, parties)
end

---One participant's time and memory are the program's own, and not the parties'.
local function bench_parties(times, parties, base_seconds, base_bytes)
  local floor_command, command = many(parties)
  local seconds, bytes = by_turns(times, { floor_command, command })
  local each = (bytes[2] - base_bytes) / parties
  tell(("query, %s parties"):format(grouped(parties)),
    "%7.3f s  floor %.3f s  ratio %.2f%s  %s bytes a party, floor %s%s", seconds[2], seconds[1],
    seconds[1] / seconds[2], parties == 100000 and "  (target < 1.5 s)" or "", grouped(each),
    grouped(bytes[1] / parties), parties == 100000 and "  (target < 2,000)" or "")
  return (seconds[2] - base_seconds) / parties
end

-- What would grow with the square of the participants, were each step to look at all. -------------

local function bench_growth(times, name, flow, participants, target)
  local seconds = by_turns(times, {
    ("%s %s --mock --parties participant=%d"):format(afrun, flow, participants),
  })
  tell(("%s, %s"):format(name, grouped(participants)), "%7.3f s%s", seconds[1],
    target and ("  (target < %.1f s)"):format(target) or "")
end

-- Start. -----------------------------------------------------------------------------------------

local function bench_start(times)
  local seconds = by_turns(times, {
    "true", floor .. " state", afrun .. " flows/sync_state.lua --mock",
  })
  tell("start to end, sync_state", "%7.1f ms  floor %.1f ms, `true` %.1f ms  (target < 4)",
    seconds[3] * 1e3, seconds[2] * 1e3, seconds[1] * 1e3)
end

local function bench_run()
  bench_messages(5, 2, 200000, 0.75, 0.5)
  bench_messages(5, 1000, 400, 0.65, 0.5)
  bench_fast_messages(5, 2, 200000, 1.0)
  bench_fast_messages(5, 1000, 400, 0.9)
  bench_peers(5, 2, 200000)
  bench_peers(5, 1000, 400)

  local _, one = many(1)
  local base_seconds, base_bytes = by_turns(5, { one })
  local small = bench_parties(5, 1000, base_seconds[1], base_bytes[1])
  bench_parties(5, 10000, base_seconds[1], base_bytes[1])
  local large = bench_parties(3, 100000, base_seconds[1], base_bytes[1])
  tell("time a party, 100,000 to 1,000", "%7.2f times  (target: near 1)", large / small)
  if options.million then
    bench_parties(1, 1000000, base_seconds[1], base_bytes[1])
  end
  local two_phase, handshake = "flows/protocols/two_phase_commit.lua", "tests/bench/handshake.lua"
  bench_growth(3, "two-phase commit", two_phase, 1000)
  bench_growth(3, "two-phase commit", two_phase, 4000, 1.5)
  bench_growth(3, "handshake, nodes()", handshake, 10000, 0.2)
  bench_growth(3, "handshake, nodes()", handshake, 30000, 0.8)
  bench_start(50)
  os.remove(trace_file)
end

local shared = { run_once = run_once, tell = tell, median = median, grouped = grouped, fail = fail,
  by_turns = by_turns }
local function wanted(part)
  return options.only == nil or options.only == part
end

if wanted("run") then
  bench_run()
end
if wanted("serve") then
  dofile("tests/bench/serve.lua")(shared, afrun, build .. "/tests/bench", options.file_bytes)
end
if wanted("node") then
  dofile("tests/bench/node.lua")(shared, afrun, build .. "/tests/bench")
end
if wanted("nats") then
  dofile("tests/bench/nats.lua")(shared, afrun, build .. "/tests/bench")
end
if wanted("numbers") then
  dofile("tests/bench/numbers.lua")(shared, afrun, build .. "/tests/bench")
end
if wanted("studio") then
  dofile("tests/bench/studio.lua")(shared, afrun)
end
if wanted("check") then dofile("tests/bench/check.lua")(shared, afrun, options.million) end
