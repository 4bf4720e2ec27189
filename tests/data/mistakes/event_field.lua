-- afrun FILE --mock: 1
-- :8: event 'x' has no field 'rond'; did you mean 'round'?
local af = require "af"
local X = af.event("x", { round = af.integer })
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:send(party.id, X { round = 1 }) end,
  [X] = function(party, event)
    if event.rond == nil then return af.done() end
    return af.done()
  end,
} } } } }
