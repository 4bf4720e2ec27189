-- afrun FILE --mock: 1
-- this record has no field 'nme'
local af = require "af"
local X = af.event("x", { list = af.list(af.record { name = af.string }) })
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:send(party.id, X { list = { { name = "n" } } }) end,
  [X] = function(party, event)
    local n = event.list[1].nme
    return af.done()
  end,
} } } } }
