-- check.lua: measures `afrun check`; what each line means is in README.md. Returns a function that
-- run.lua calls with what they share.

---@param lib table      tell, median, grouped, fail of run.lua
---@param program string afrun
return function(lib, program)
  ---One check: what it says of itself.
  ---@return table<string, number>
  local function once(command)
    local pipe = assert(io.popen(program .. " check " .. command .. " --json"))
    local text = pipe:read("a")
    local said = {}
    for _, name in ipairs { "states", "transitions", "state_bytes", "elapsed_ms" } do
      said[name] = tonumber(text:match('"' .. name .. '":([%d.]+)'))
    end
    if not pipe:close() or not said.elapsed_ms then lib.fail("check " .. command) end
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
  local faults = " --drop 1 --crash 1 --duplicate 1 --timeouts 2 --no-reduction"
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
  lib.tell("handshake of 10", "%9.0f k states/s  %s states; of 8: %.0f", large,
    lib.grouped(all.states), small)
  lib.tell("  a stored state of 11 parties", "%9.0f bytes  (target <= 120)",
    all.state_bytes / all.states)
  local two = rate(plain .. "10 --jobs 2")
  lib.tell("  two jobs", "%9.2f of one  (target >= 1.40)", two / large)
  local six = once("flows/protocols/handshake.lua --parties participant=6 --crash 1")
  lib.tell("handshake of 6, a crash, reduced", "%9.2f s  (target < 60)", six.elapsed_ms / 1e3)
end
