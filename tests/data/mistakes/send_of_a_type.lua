-- afrun FILE --mock: 1
-- :7: send: 'x' is an event type; send an event of it: x { … }
local af = require "af"
local X = af.event("x", { round = af.integer })
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    party:send(party.id, X)
    return af.done()
  end,
} } } } }
