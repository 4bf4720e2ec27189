-- afrun FILE --mock: 1
-- a handler returns the next state's name, nothing, af.done() or af.fail(); got a number
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    if true then return 1 end
    return af.done()
  end,
} } } } }
