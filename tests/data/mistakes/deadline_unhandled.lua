-- afrun FILE --mock: 1
-- no state of the role has a `timeout` 'late'
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    party:deadline("late", 5)
    return af.done()
  end,
} } } } }
