-- node.lua: measures what kept parties cost, beside SQLite on the same disk; what each line means
-- is in README.md. Returns a function that run.lua calls with what they share.

---@param lib table      tell, median, grouped, fail of run.lua
---@param program string afrun
---@param folder string  where the benches are, and files may be
return function(lib, program, folder)
  local turns = assert(loadfile("tests/bench/turns.lua"))(lib)
  local function durable(what)
    return ("python3 tests/bench/durable.py %s %s/durable %s"):format(program, folder, what)
  end
  local function sqlite(messages)
    return ("%s/floor_sqlite %s/floor.db 3 %d"):format(folder, folder, messages)
  end
  local rates = turns.by_turns(3, { sqlite(1), durable("one"), sqlite(16), durable("many") })
  turns.tell_rate("one kept party, events", rates[2][1], rates[1][1], "SQLite", 0.50)
  turns.tell_rate("16 kept parties of a node, events", rates[4][1], rates[3][1], "SQLite", 0.33)
  local idle = turns.by_turns(3, { durable("idle 1"), durable("idle 1000") })
  local none, all = idle[1], idle[2]
  lib.tell("1,000 parties go on after a kill", "%9.2f s  (target < 2 s)", all[1])
  lib.tell("1,000 idle parties, memory", "%9.1f MB  of one %.1f MB, %s bytes a party", all[2] / 1e6,
    none[2] / 1e6, lib.grouped((all[2] - none[2]) / 999))
  local alone = turns.by_turns(3, { durable("reload 1") })[1]
  for _, of in ipairs { { 1000, "1,000", 5 }, { 4000, "4,000", 20 } } do
    local many = turns.by_turns(3, { durable("reload " .. of[1]) })[1]
    lib.tell(("reload of %s parties"):format(of[2]), "%9.2f s  of one %.2f s", many[1], alone[1])
    lib.tell("worst pause of a party over it",
      "%9.1f ms  (target < %d)  median %.1f ms, alone %.1f ms", many[3] / 1e3, of[3],
      many[2] / 1e3, alone[2] / 1e3)
    lib.tell("longest answer meanwhile", "%9.1f ms  alone %.1f ms", many[4] / 1e3,
      alone[4] / 1e3)
  end
end
