-- afrun check FILE --json
-- Two askers that give up after some tries, of which one fails where a fault is allowed.
local af = require "af"
local Ask, Answer = af.event("ask", { n = af.integer }), af.event("answer", { n = af.integer })
return af.flow {
  name = "checked", mock = { asker = 1, oracle = 1 },
  args = { tries = af.optional(af.integer, 2) },
  roles = {
    asker = { data = function() return { n = 0 } end, start = "asking", states = { asking = {
      enter = function(party)
        party.data.n = party.data.n + 1
        party:send(party:nodes("oracle"), Ask { n = 1 })
        party:send(party:nodes("oracle"), Ask { n = 2 })
      end,
      after = { 1, function(party)
        return party.data.n >= party.args.tries and af.fail("no answer") or "asking"
      end },
      [Answer] = function(_, event) if event.n == 2 then return af.done() end end,
    } } },
    oracle = { data = function() return { last = 0 } end, start = "idle", states = { idle = {
      may_end = true,
      [Ask] = function(party, event, from)
        party.data.last = event.n
        party:send(from, Answer { n = event.n })
      end,
    } } },
  },
}
