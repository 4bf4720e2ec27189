-- afrun FILE --mock: 1
-- event 'x' has no field 'rond'; did you mean 'current_round'?
local af = require "af"
local X = af.event("x", { who = af.boolean, current_round = af.integer })
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:send(party.id, X { who = true, current_round = 2 }) end,
  [X] = function(party, event)
    local r = event.rond
    return af.done()
  end,
} } } } }
