-- numbers.lua: measures `af.vector` and `af.crypto`; what each line means is in README.md. Returns
-- a function that run.lua calls with what they share.

---@param lib table      tell, by_turns, run_once of run.lua
---@param afrun string
---@param programs string  the folder of the floor
return function(lib, afrun, programs)
  local function tell(name, spent, least, target)
    lib.tell(name, "%7.3f s  floor %.3f s  times the floor %.2f  (target: %s)", spent, least,
      spent / least, target)
  end
  local lines = {
    { "20 masks of 1,000,000 u64", "mask", 20, "at most 1.30" },
    { "mean of 20 x 1,000,000 f64", "mean", 10, "at most 1.50" },
    { "20,000 items hashed and blinded", "points", 20000, "at most 0.56, with two threads" },
    { "1,000 secrets in 30 shares, 20 back", "shares", 1000, "at most 1.30" },
  }
  for _, line in ipairs(lines) do
    local name, work, times, target = table.unpack(line)
    local ours = ("%s tests/bench/numbers_flow.lua --mock -q --arg work=%s --arg times=%%d"):format(
      afrun, work)
    local floor = ("%s/floor_numbers %s %%d"):format(programs, work)
    local seconds = lib.by_turns(5, { ours:format(0), ours:format(times), floor:format(0),
      floor:format(times) })
    tell(name, seconds[2] - seconds[1], seconds[4] - seconds[3], target)
  end

  ---Medians of processors' seconds a party, by turns: of a command, and of the floor of so many.
  local function tell_cpu(name, times, ours, parties, floor, floor_parties, target)
    local spent, least = {}, {}
    for i = 1, times do
      spent[i] = select(3, lib.run_once(ours)) / parties
      least[i] = select(3, lib.run_once(floor)) / floor_parties
    end
    tell(name, lib.median(spent), lib.median(least), target)
  end

  -- Of a set's intersection each party hashes and blinds its own, and blinds the other's. Sets are
  -- files, as people's are: those of an example stand in the parties' data, for an invariant.
  local folder = os.tmpname()
  assert(os.remove(folder) and os.execute("mkdir " .. folder))
  for place, id in ipairs { "initiator-1", "collaborator-1" } do
    local file <close> = assert(io.open(("%s/%s"):format(folder, id), "w"))
    for i = place, place + 99999 do file:write(("patient-%06d\n"):format(i)) end
  end
  tell_cpu("PSI, 100,000 x 100,000, CPU a party", 1,
    ("%s flows/psi.lua --mock -q --parties collaborator=1 --allow-read %s "
      .. "--arg file=%s/{id}"):format(afrun, folder, folder), 2,
    programs .. "/floor_numbers psi 100000", 1, "at most 1.30")
  assert(os.execute("rm -r " .. folder))
  assert(os.execute("cp -r tests/bench/secure_sum.lua flows/secure_aggregation.lua "
    .. "flows/secure_aggregation " .. programs)) -- what it plays stands beside it
  tell_cpu("secure sum, 20 x 1,000,000, CPU a party", 3,
    ("%s %s/secure_sum.lua --mock -q"):format(afrun, programs), 20,
    programs .. "/floor_numbers secure 20", 20, "at most 1.50")
end
