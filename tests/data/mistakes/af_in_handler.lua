-- afrun FILE --mock: 1
-- :6: af has no 'dome'; did you mean 'done'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    local outcome = af.dome()
    return af.done()
  end,
} } } } }
