-- afrun FILE --mock: 1
-- af.crypto.ristretto has no 'mull'; did you mean 'mul'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    af.crypto.ristretto.mull("x")
    return af.done()
  end,
} } } } }
