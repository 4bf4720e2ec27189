-- A flow of which each event does something else that a delivery can do; for the tests that compare
-- what a worker process makes of it with what this process does.
local af = require "af"
local Do = af.event("do", {
  what = af.string,
  number = af.optional(af.integer, 0),
  bytes = af.optional(af.bytes),
  more = af.optional(af.any),
})
local Reply = af.event("reply", { number = af.number, list = af.list(af.integer), any = af.any })
local Later = af.event("later", {})
local Loose = af.event("loose", { n = af.integer { min = 1, max = 9 } })

local count = 0 -- which no handler may change
print("numbers are loaded")

local acts = {}

function acts.add(party, event, from)
  party.data.sum = party.data.sum + event.number
  party.data.seen[#party.data.seen + 1] = from or af.null
  party.data.more = event.more
end

function acts.send(party, event, from)
  party:send(from, Reply { number = 1, list = {}, any = af.null })
  party:send({ "b", "a", "b" },
    Reply { number = -0.0, list = { 1, -(1 << 63) }, any = "ü\u{1F600}" })
  party:broadcast(Reply { number = 1e300, list = { 3 }, any = { deep = { 1.5, true, {} } } })
  party:send(af.EVERYONE, Later {})
  party:notify_task_completion(true)
  party.data.sum = event.number
end

function acts.draw(party)
  party.data.drawn = { af.uuid(), math.random(1 << 40), math.random(), af.now(), party:now() }
  party:send("a", Reply { number = math.random(), list = {}, any = af.uuid() })
end

function acts.log(party)
  party:log("a line %d of %s", 1, "two")
  party:log("with \0 zero and \xFF no UTF-8")
  print("printed", { 1 }, print)
end

function acts.times(party)
  party:deadline("soon", 1.5)
  party:deadline("late", 31536000)
  party:deadline("soon", nil)
  party:report_progress(40)
  party:report_progress(41)
end

function acts.raise(party, event)
  party.data.sum = -1
  party.data.junk = {}
  party:send("a", Later {})
  party:deadline("soon", 1)
  party:log("told before it raised")
  error("on purpose " .. event.number)
end

function acts.raise_table()
  error { "no text" }
end

function acts.raise_deep()
  local function down(n)
    return n == 0 and error("at the bottom") or down(n - 1) + 1
  end
  return down(50)
end

function acts.keep_function(party)
  party.data.f = print
end

function acts.nowhere()
  return "nowhere"
end

function acts.number()
  return 5
end

function acts.endless()
  while true do end
end

function acts.memory()
  return nil, (("x"):rep(80 << 20))
end

function acts.big(party, event)
  party.data.big = ("0123456789abcdef"):rep(event.number)
end

function acts.big_send(party, event)
  for _ = 1, 3 do
    party:send("b", Reply { number = 1, list = {}, any = ("y"):rep(event.number) })
  end
end

function acts.bytes(party, event)
  party.data.bytes = #event.bytes
  party.data.last = event.bytes:byte(-1)
end

function acts.up(party, event)
  local url = party:upload_file(af.content(("z\0"):rep(event.number)), true, "name.bin")
  party.data.url = url
end

function acts.down(party, event)
  local bytes = af.download("mock://file/1", { max_bytes = 64 << 20 })
  party.data.down = { #bytes, bytes:sub(1, 8), bytes:sub(-8) }
  party.data.sum = party.data.sum + event.number
end

function acts.twice(party)
  local ok, why = pcall(party.upload_file, party, "no/such/file")
  party.data.first = { ok, why }
  party.data.second = #af.download("mock://file/2")
end

function acts.aside(party)
  local own = coroutine.wrap(function()
    return pcall(af.download, "mock://file/aside")
  end)
  party.data.aside = { own() }
end

acts["and then"] = function(party)
  af.download("mock://file/1")
  error("after the wait")
end

function acts.run()
  return af.process.run("true", { args = { "x" }, input = "y" })
end

function acts.done(party)
  return af.done { sum = party.data.sum, list = {} }
end

function acts.fail()
  return af.fail "no more"
end

function acts.move()
  return "moved"
end

function acts.stay()
  return "open"
end

function acts.spin()
  local a, b = ("x"):rep(10 << 20), ("x"):rep(10 << 20)
  while a == b do end -- each time a long comparison in one instruction
end

function acts.count(party)
  party.data.count = (party.data.count or 0) + 1
end

function acts.impure()
  count = count + 1
end

return af.flow {
  name = "numbers",
  version = 3,
  args = { first = af.optional(af.integer, 10), name = af.optional(af.string) },
  report_failure = false,
  roles = {
    initiator = {
      start = "open",
      data = function(party)
        return { sum = party.args.first, seen = {}, name = party.args.name }
      end,
      states = {
        open = {
          enter = function(party) party:deadline("soon", 5) end,
          after = { 60, "open" },
          timeout = {
            soon = function(party) party.data.sum = -1 return "moved" end,
            late = "moved",
          },
          [Do] = function(party, event, from) return acts[event.what](party, event, from) end,
          ignore = { Loose },
        },
        moved = {
          after = { function(party) return party.data.sum * 0.5 end, "open" },
          defer = { Do },
          [Later] = "open",
          may_end = true,
        },
      },
    },
    participant = {
      start = "resting",
      states = {
        resting = {
          may_end = true,
          [Reply] = function(party, event) party.data.last = event.number end,
          [Do] = function(party, event, from) return acts[event.what](party, event, from) end,
        },
      },
    },
    walker = function(party)
      party:log("walks at %.1f", party:now())
      local bytes = af.download("mock://file/1")
      party:log("walked %d until %.1f", #bytes, party:now())
      return af.done { bytes = #bytes }
    end,
  },
}
