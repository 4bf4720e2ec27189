-- afrun FILE --mock: 1
-- :6: the options have no 'substract'; did you mean 'subtract'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    af.vector.mask("12345678", "k", "l", { substract = true })
    return af.done()
  end,
} } } } }
