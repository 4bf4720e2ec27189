-- afrun FILE --mock: 1
-- :6: party has no 'rol'; did you mean 'role'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    local r = party.rol
    return af.done()
  end,
} } } } }
