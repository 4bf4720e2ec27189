-- afrun FILE --mock: 1
-- a handler sets the global 'count'
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    count = 1
    return af.done()
  end,
} } } } }
