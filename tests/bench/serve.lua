-- serve.lua: measures `afrun serve` beside floors of the same disk; what each line means is in
-- README.md. Returns a function that run.lua calls with what they share.

local lib, turns, build, with_serve

local function bench_hops(times, count)
  local medians = turns.by_turns(times, {
    ("%s/floor_hop %s/hop.dat %d"):format(build, build, count),
    ("%s %s/serve_hops %d"):format(with_serve, build, count),
    ("%s --sidecar %s/serve_hops %d"):format(with_serve, build, count),
  })
  local floor, hop, far = medians[1], medians[2], medians[3]
  lib.tell("hop, durable, 2 processes",
    "%9.2f ms  floor %.2f ms  ratio %.2f  (target < 0.3 ms)",
    hop[1] * 1e3, floor[1] * 1e3, floor[1] / hop[1])
  lib.tell("hop, durable, 99th percentile",
    "%9.2f ms  floor %.2f ms  ratio %.2f  (target < 0.7 ms)",
    hop[2] * 1e3, floor[2] * 1e3, floor[2] / hop[2])
  lib.tell("push, until it is confirmed",
    "%9.2f ms  99th percentile %.2f ms  floor %.2f ms", hop[3] * 1e3, hop[4] * 1e3, floor[1] * 1e3)
  lib.tell("hop through a sidecar and a hub, both durable",
    "%9.2f ms  99th percentile %.2f ms, confirmed after %.2f ms  (target < 1.5 ms)", far[1] * 1e3,
    far[2] * 1e3, far[3] * 1e3)
end

local function bench_load(times, seconds)
  local medians = turns.by_turns(times, {
    ("%s/floor_sqlite %s/floor.db %d"):format(build, build, seconds),
    ("%s %s/serve_load load 64 %d"):format(with_serve, build, seconds),
    ("%s %s/serve_load load 1000 %d"):format(with_serve, build, seconds),
  })
  local floor, few, many = medians[1][1], medians[2][1], medians[3][1]
  turns.tell_rate("push and pop, 64 connections", few, floor, "SQLite", 0.15)
  turns.tell_rate("push and pop, 1,000 connections", many, few, "64", 0.80)
end

---What a page costs that follows a task with its live chart, of which all contracts are.
local function bench_followed(times, seconds)
  local load = ("%s %s/serve_load load 64 %d "):format(with_serve, build, seconds)
  local medians = turns.by_turns(times, { load .. "0", load .. "0 follow", load .. "1000",
    load .. "1000 follow" })
  turns.tell_rate("push and pop, followed by a page", medians[2][1], medians[1][1], "alone", 0.95)
  local cpu, followed = medians[3][3], medians[4][3]
  lib.tell("1,000 contracts/s, followed by a page",
    "%9s/s  %.3f s of a processor, alone %.3f s, %.1f %% of one more  (target < 5 %%)",
    lib.grouped(medians[4][1]), followed, cpu, 100 * (followed - cpu) / (seconds + 0.5))
end

local function bench_parked(times, count)
  local medians = turns.by_turns(times, {
    ("%s %s/serve_load park 0"):format(with_serve, build),
    ("%s %s/serve_load park %d"):format(with_serve, build, count),
  })
  local none, parked = medians[1][1], medians[2][1]
  lib.tell(("%s parked polls"):format(lib.grouped(count)),
    "%9.1f MB  none %.1f MB, %s bytes a poll  (target < 100 MB)", parked / 1e6, none / 1e6,
    lib.grouped((parked - none) / count))
end

---Of contracts that are no longer queued; what they cost must not grow with what is.
local function bench_late(times, count)
  local medians = turns.by_turns(times, {
    ("%s %s/serve_load late 0"):format(with_serve, build),
    ("%s %s/serve_load late %d"):format(with_serve, build, count),
  })
  lib.tell(("100 late acks, %s queued"):format(lib.grouped(count)),
    "%9.1f ms  none queued %.1f ms  (target < 5 ms)", medians[2][1] * 1e3, medians[1][1] * 1e3)
end

-- Files. -----------------------------------------------------------------------------------------

local function free_bytes()
  return turns.numbers_of(("df -P -B1 %s | awk 'NR == 2 { print $4 }'"):format(build))[1]
end

local function tell_file(name, size, seconds, floor)
  lib.tell(name, "%9.0f MB/s  cp, sha256sum %.0f MB/s  ratio %.2f  (target 0.50)",
    size / seconds / 1e6, size / floor / 1e6, floor / seconds)
end

---There are three of the file at a time: itself, the service's and the one that came back.
local function bench_file(times, size)
  local big, copy = build .. "/big", build .. "/copy"
  local free = free_bytes()
  if free < 3 * size + (1 << 30) then
    lib.tell("file", "not measured: %s MB are free, %s are needed", lib.grouped(free / 1e6),
      lib.grouped((3 * size + (1 << 30)) / 1e6))
    return
  end
  if not os.execute(("head -c %d /dev/urandom > %s"):format(size, big)) then
    lib.fail("head")
  end
  local medians = turns.by_turns(times, {
    ("sync; %s/measure sh -c 'cp %s %s && sha256sum %s'"):format(build, big, copy, copy),
    ("rm -f %s; sync; %s %s/serve_file %s %s"):format(copy, with_serve, build, big, copy),
  })
  local floor, up, down, peak = medians[1][1], medians[2][1], medians[2][2], medians[2][3]
  os.remove(big)
  os.remove(copy)
  tell_file("file, up", size, up, floor)
  tell_file("file, down", size, down, floor)
  lib.tell("file, memory", "%9.1f MB  of a file of %s MB", peak / 1e6, lib.grouped(size / 1e6))
end

---From one party to another: up, and down again, and a check of the digest on each way.
local function bench_channel(times, size, program)
  local file, copy = build .. "/channel.bin", build .. "/channel.copy"
  if not os.execute(("head -c %d /dev/urandom > %s"):format(size, file)) then
    lib.fail("head")
  end
  local medians = turns.by_turns(times, {
    ("sync; %s/measure sh -c 'cp %s %s && sha256sum %s'"):format(build, file, copy, copy),
    ("rm -f %s; sync; %s tests/bench/channel.sh %s %s %s"):format(copy, with_serve, program, build,
      file),
  })
  local floor, channel, peak = medians[1][1], medians[2][1], medians[2][2]
  os.remove(file)
  os.remove(copy)
  tell_file(("data channel, %s MB"):format(lib.grouped(size / 1e6)), size, channel, floor)
  lib.tell("data channel, memory", "%9.1f MB  the larger of both parties", peak / 1e6)
end

---A round of fed_avg: the model goes up once and down to each participant, theirs go up and down;
---what is made of them is the next round's model, or goes up as a file, as the task's model, too,
---and down to each. Beside it as many processes that move the files of one round, and do nothing
---else. A round more is what a job of many rounds takes, whose parties have started.
local function bench_fed_avg(times, participants, numbers, program)
  local file, more = build .. "/fed.bin", 3
  if not os.execute(("head -c %d /dev/urandom > %s"):format(8 * numbers, file)) then
    lib.fail("head")
  end
  local function rounds(count)
    return ("sync; %s tests/bench/fed_avg.sh %s %d %d %d"):format(with_serve, program, participants,
      numbers, count)
  end
  local medians = turns.by_turns(times, {
    ("sync; %s %s/serve_file %s %s.copy %d"):format(with_serve, build, file, file, participants),
    rounds(1), rounds(1 + more),
  })
  os.remove(file)
  local first = 8 * numbers * (4 * participants + 3)
  local floor, round, peak = first / medians[1][1], first / medians[2][1], medians[2][2]
  local further = 8 * numbers * (3 * participants + 1) * more / (medians[3][1] - medians[2][1])
  local name = ("fed_avg, %d x %s doubles"):format(participants, lib.grouped(numbers))
  lib.tell(name, "%9.0f MB/s  files %.0f MB/s  ratio %.2f  (target 0.50)", further / 1e6,
    floor / 1e6, further / floor)
  lib.tell(("fed_avg, one round, with %d starts"):format(participants + 1),
    "%9.0f MB/s  files %.0f MB/s  ratio %.2f", round / 1e6, floor / 1e6, round / floor)
  lib.tell("fed_avg, memory", "%9.1f MB  the aggregator", peak / 1e6)
end

---@param shared table       tell, median, grouped, fail of run.lua
---@param program string     afrun
---@param folder string      where the benches are, and files may be
---@param file_bytes integer size of the file
return function(shared, program, folder, file_bytes)
  lib, build = shared, folder
  turns = assert(loadfile("tests/bench/turns.lua"))(lib)
  with_serve = ("%s/with_serve %s %s/serve"):format(folder, program, folder)
  bench_hops(3, 2000)
  bench_load(3, 3)
  bench_followed(5, 3)
  bench_parked(1, 1000)
  bench_late(3, 10000)
  bench_file(3, file_bytes)
  bench_channel(3, math.min(file_bytes, 200000000), program)
  bench_fed_avg(3, 20, 1000000, program)
end
