-- afrun FILE --mock: 1
-- the options have no 'cuont'; did you mean 'count'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    af.vector.dequantise("12345678", { bits = 3, cuont = 2 })
    return af.done()
  end,
} } } } }
