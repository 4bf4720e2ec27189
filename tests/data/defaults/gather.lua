-- afrun FILE --mock --allow-fail --trace - --trace-data
-- Asks three of which one is silent at first; who answers says so for another too.
local af = require "af"
local Ask, Answer = af.event("ask", {}), af.event("answer", { n = af.integer, name = af.id })
local Late = af.event("late", {})
return af.flow { name = "gather", mock = { server = 1, client = 3 }, roles = {
  server = { start = "collect", states = { collect = af.patterns.gather {
    from = function(party) return party:nodes("client") end,
    --[[af.GatherOptions.ask]]
    answer = Answer, every = 5,
    --[[af.GatherOptions.who]]
    --[[af.GatherOptions.accept]]
    --[[af.GatherOptions.take]]
    --[[af.GatherOptions.need]]
    --[[af.GatherOptions.tries]]
    done = function(_, ids) return af.done(ids) end,
    --[[af.GatherOptions.short]]
    --[[af.GatherOptions.more]]
  } } },
  client = { start = "begun", states = { begun = {
    enter = function(party)
      local server = party:nodes("server")
      if party.id ~= "client-3" then party:send(server, Answer { n = 1, name = "client-1" }) end
      party:send(server, Late {})
    end,
    [Ask] = function(party, _, from) party:send(from, Answer { n = 2, name = party.id }) end,
    ignore = { Late, af.PartyFailed },
    may_end = true,
  } } },
} }
