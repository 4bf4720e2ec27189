-- afrun FILE --mock: 1
-- :6: party:deadline: no state of the role has a `timeout` 'giveup'; did you mean 'give_up'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    party:deadline("giveup", 5)
    return af.done()
  end,
  timeout = { give_up = "s" },
} } } } }
