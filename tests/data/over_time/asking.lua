--- One asks until it is answered; the other answers the first `deaf` times with nothing.

local af = require "af"
local Ask = af.event("ask", {})
local Answer = af.event("answer", { good = af.boolean })

return af.flow {
  name = "asking", mock = { asker = 1, oracle = 1 },
  args = { wise = af.optional(af.boolean, true), most = af.optional(af.integer, 10) },
  roles = {
    asker = { start = "asking", states = { asking = {
      enter = function(party) party:send("oracle-1", Ask {}) end,
      after = { 5, "asking" },
      [Answer] = function(_, event) if event.good then return af.done {} end end,
    } } },
    oracle = { start = "listening", states = { listening = {
      may_end = true,
      [Ask] = function(party, _, from)
        party:send(from, Answer { good = party.args.wise })
      end,
    } } },
  },
  monitors = {
    ["few questions"] = {
      start = { asked = 0 },
      step = function(seen, step)
        if step.kind == "send" and Ask:is(step.event) then
          seen.asked = seen.asked + 1
          return seen.asked <= 2 and seen
        end
      end,
    },
  },
  eventually = {
    ["answered"] = function(world) return world.parties["asker-1"].ended == "done" end,
  },
  leads_to = {
    ["an asker is answered"] = {
      function(world) return world.parties["asker-1"].state == "asking" end,
      function(world) return world.parties["asker-1"].ended == "done" end,
    },
  },
}
