-- afrun FILE --mock: 1
-- event 'x' has no field 'text'; it has round
local af = require "af"
local X = af.event("x", { round = af.integer })
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:send(party.id, X { round = 1 }) end,
  [X] = function(party, event)
    print(event.text)
    return af.done()
  end,
} } } } }
