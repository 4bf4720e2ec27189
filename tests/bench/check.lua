-- check.lua: measures `afrun check`; what each line means is in README.md. Returns a function that
-- run.lua calls with what they share.

---@param lib table      tell, median, grouped, fail of run.lua
---@param program string afrun
---@param million boolean ten million states, too
return function(lib, program, million)
  ---One check: what it says of itself.
  ---@return table<string, number>
  local function once(command)
    local pipe = assert(io.popen(program .. " check " .. command .. " --json"))
    local text = pipe:read("a")
    local said = {}
    for _, name in ipairs { "states", "transitions", "state_bytes", "elapsed_ms" } do
      said[name] = tonumber(text:match('"' .. name .. '":([%d.]+)'))
    end
    local fine, _, status = pipe:close() -- 1: it has found something
    if not (fine or status == 1) or not said.elapsed_ms then lib.fail("check " .. command) end
    return said
  end

  ---The median of three: thousands of states a second; and what the last one said.
  local function rate(command)
    local rates, said = {}, nil
    for i = 1, 3 do
      said = once(command)
      rates[i] = said.states / said.elapsed_ms
    end
    return lib.median(rates), said
  end

  ---The training round, with other invariants: a file of its own.
  ---@return string path
  local function round_with(invariants)
    local file = assert(io.open("flows/protocols/training_round.lua"))
    local text = file:read("a"):gsub("\n  invariants = %b{},", function() return invariants end)
    file:close()
    local path = os.tmpname()
    file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
    return path
  end

  local unread, read_all = round_with "", round_with [[
  invariants = { ["parties are as they were made"] = function(world)
    for _, one in ipairs(world:with_role("aggregator")) do
      for id in pairs(one.data.answers) do if not one.data.present[id] then return false end end
    end
    for _, one in ipairs(world:with_role("participant")) do
      if one.data.tries > 3 then return false end
    end
    return true
  end },]]
  ---Builds SPIN's search of a model of tests/bench, in a folder of its own.
  ---@return string folder
  local function spin_of(model, flags)
    local folder = os.tmpname()
    os.remove(folder)
    local build = "mkdir %s && cp tests/bench/%s %s && cd %s && spin -a %s "
      .. "&& gcc -O2 -DSAFETY %s -w -o pan pan.c"
    if not os.execute(build:format(folder, model, folder, folder, model, flags)) then
      lib.fail("spin")
    end
    return folder
  end

  ---SPIN's search of the handshake, exhaustive: thousands of states a second; how many.
  local function spin()
    local rates, states = {}, nil
    local folder = spin_of("handshake.pml", "")
    for i = 1, 3 do
      local pipe = assert(io.popen(("cd %s && ./pan -m100000 -w24"):format(folder)))
      local text = pipe:read("a")
      local seconds = tonumber(text:match("elapsed time ([%d.e+]+)"))
      states = tonumber(text:match("(%d+) states, stored"))
      if not pipe:close() or not seconds or not text:find("errors: 0", 1, true) then
        lib.fail("spin")
      end
      rates[i] = states / seconds / 1e3
    end
    os.execute("rm -r " .. folder)
    return lib.median(rates), states
  end

  ---Seconds from start to end until the wrong Paxos is found out: ours, and SPIN's breadth first.
  local function wrong_paxos()
    local folder = spin_of("paxos.pml", "-DBFS")
    local seconds = lib.by_turns(9, {
      ("sh -c '%s check flows/protocols/paxos.lua --arg quorum=1 --first --quiet; true'")
        :format(program),
      ("sh -c 'cd %s && ./pan -w18; true'"):format(folder),
    })
    os.execute("rm -r " .. folder)
    return seconds[1], seconds[2]
  end

  local faults = " --drop 1 --crash 1 --timeouts 2 --no-reduction"
  local round, said = rate(unread .. " --jobs 1" .. faults)
  lib.tell("FedAvg round, faults", "%9.0f k states/s  (target >= 500)  %s states", round,
    lib.grouped(said.states))
  local read = rate(read_all .. " --jobs 1" .. faults)
  os.remove(unread)
  os.remove(read_all)
  lib.tell("  with an invariant that reads all", "%9.0f k states/s  (target >= 100)", read)
  local plain = "tests/bench/handshake.lua --no-reduction --parties participant="
  local small = rate(plain .. "8 --jobs 1")
  local large, all = rate(plain .. "10 --jobs 1")
  local spin_rate, spin_states = spin()
  lib.tell("handshake of 10", "%9.0f k states/s  %s states; of 8: %.0f", large,
    lib.grouped(all.states), small)
  lib.tell("  beside SPIN's", "%9.0f k states/s  ratio %.2f  (target 1.20)  %s states", spin_rate,
    large / spin_rate, lib.grouped(spin_states))
  lib.tell("  a stored state", "%9.0f bytes  (target <= 56)", all.state_bytes / all.states)
  if million then
    local huge = once(plain .. "12 --jobs 1")
    lib.tell("  loss to ten million", "%9.2f times  (target < 3)  %s states",
      small / (huge.states / huge.elapsed_ms), lib.grouped(huge.states))
  end
  local wide = once(plain .. "20 --jobs 1 --states 500000")
  lib.tell("  a stored state of 21 parties", "%9.0f bytes  (target <= 120)",
    wide.state_bytes / wide.states)
  local two = rate(plain .. "10 --jobs 2")
  lib.tell("  two jobs", "%9.2f of one  (target >= 1.80)", two / large)
  local ours, its = wrong_paxos()
  lib.tell("wrong Paxos, first violation",
    "%9.3f s  SPIN %.3f s: %.2f times  (target < 0.2, 2)", ours, its, ours / its)
  local six = once("flows/protocols/handshake.lua --parties participant=6 --drop 1 --crash 1")
  lib.tell("handshake of 6, loss and crash", "%9.2f s  (target < 60)", six.elapsed_ms / 1e3)
end
