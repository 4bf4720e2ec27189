-- afrun FILE --mock --allow-fail --trace - --trace-data
-- Asks one who answers the second question only.
local af = require "af"
local Ask, Answer = af.event("ask", {}), af.event("answer", { n = af.integer })
local Late = af.event("late", {})
return af.flow { name = "ask", mock = { server = 1, client = 1 }, roles = {
  server = { start = "asking", states = { asking = af.patterns.ask {
    to = function(party) return party:nodes("client")[1] end,
    say = function() return Ask {} end,
    answer = Answer, every = 5,
    --[[af.AskOptions.accept]]
    --[[af.AskOptions.take]]
    --[[af.AskOptions.tries]]
    done = function(party) return af.done(party.data) end,
    --[[af.AskOptions.short]]
    --[[af.AskOptions.more]]
  } } },
  client = { start = "begun", states = { begun = {
    enter = function(party)
      party:send(party:nodes("server"), Late {})
      party:send(party:nodes("server"), Answer { n = 0 })
    end,
    [Ask] = function(party, _, from) party:send(from, Answer { n = 1 }) end,
    ignore = { Late, af.PartyFailed },
    may_end = true,
  } } },
} }
