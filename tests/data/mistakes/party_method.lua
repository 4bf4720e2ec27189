-- afrun FILE --mock: 1
-- :6: party has no 'sned'; did you mean 'send'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    party:sned()
    return af.done()
  end,
} } } } }
