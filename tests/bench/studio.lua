-- studio.lua: measures the studio's page in Chromium; what its line means is in README.md. Returns
-- a function that run.lua calls with what they share.

---@param lib table      tell, fail of run.lua
---@param program string afrun
return function(lib, program)
  local turns = assert(loadfile("tests/bench/turns.lua"))(lib)
  local took = turns.numbers_of(("/usr/bin/python3 tests/bench/studio.py %s %s 20"):format(program,
    "flows/sync_state.lua"))
  lib.tell("studio, sync_state, knob to picture",
    "%9.1f ms  (target < 30)  as many bytes from memory, and a frame: %.1f ms", took[1] / 1e3,
    took[2] / 1e3)
end
