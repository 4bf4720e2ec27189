-- nats.lua: measures the NATS bus beside libnats alone, on the same servers; what each line means
-- in README.md. Returns a function that run.lua calls with what they share.

---@param lib table      tell, median, grouped, fail of run.lua
---@param program string afrun
---@param folder string  where the benches are, and files may be
return function(lib, program, folder)
  if not os.execute("command -v nats-server >/dev/null") then
    lib.tell("NATS", "not measured: there is no nats-server")
    return
  end
  local turns = assert(loadfile("tests/bench/turns.lua"))(lib)
  local function with(servers, command)
    return ("bash tests/bench/with_nats.sh %s/nats %d %s"):format(folder, servers, command)
  end
  local function ring(servers, what, nodes, tokens)
    return with(servers, ("%s/nats_load %s PORTS %d %d 3 %d"):format(folder, what, nodes, tokens,
      servers))
  end
  local load = turns.by_turns(3, { ring(1, "bare", 64, 64), ring(1, "ours", 64, 64) })
  turns.tell_rate("push, pop, acknowledge, 64 nodes", load[2][1], load[1][1], "libnats", 0.60)
  local hop = turns.by_turns(3, { ring(1, "bare", 2, 1), ring(1, "ours", 2, 1) })
  local floor_ms, ms = 1e3 / hop[1][1], 1e3 / hop[2][1]
  lib.tell("hop through one server", "%9.2f ms  libnats %.2f ms  %.2f times  (target < 1.5)", ms,
    floor_ms, ms / floor_ms)
  local three = turns.by_turns(3, { ring(3, "bare", 2, 1), ring(3, "ours", 2, 1) })
  local floor_three_ms, three_ms = 1e3 / three[1][1], 1e3 / three[2][1]
  lib.tell("hop through three, replicated", "%9.2f ms  libnats %.2f ms; more than through one: "
    .. "%.2f ms, libnats %.2f ms", three_ms, floor_three_ms, three_ms - ms,
    floor_three_ms - floor_ms)
  local function idle(parties)
    return with(1, ("env AFRUN_BENCH_BUS=nats://127.0.0.1:PORTS python3 tests/bench/durable.py %s "
      .. "%s/durable idle %d"):format(program, folder, parties))
  end
  local rest = turns.by_turns(1, { idle(1), idle(1000) })
  lib.tell("1,000 idle parties over NATS, memory", "%9.1f MB  of one %.1f MB  (target < 40 MB); go "
    .. "on after a kill in %.2f s", rest[2][2] / 1e6, rest[1][2] / 1e6, rest[2][1])
end
