-- afrun FILE --mock: 1
-- keep it in party.data
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    party.count = 1
    return af.done()
  end,
} } } } }
