-- afrun FILE --mock: 1
-- :8: this record has no field 'nme'; did you mean 'name'?
local af = require "af"
local X = af.event("x", { who = af.record { name = af.string } })
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:send(party.id, X { who = { name = "n" } }) end,
  [X] = function(party, event)
    local n = event.who.nme
    return af.done()
  end,
} } } } }
