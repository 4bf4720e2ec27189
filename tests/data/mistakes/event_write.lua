-- afrun FILE --mock: 1
-- event 'x' cannot be changed: writing field 'round'
local af = require "af"
local X = af.event("x", { round = af.integer })
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:send(party.id, X { round = 1 }) end,
  [X] = function(party, event)
    event.round = 2
    return af.done()
  end,
} } } } }
