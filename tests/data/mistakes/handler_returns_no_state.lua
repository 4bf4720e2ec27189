-- afrun FILE --mock: 1
-- returned 'wait', which is no state of role 'a'
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    if true then return "wait" end
    return af.done()
  end,
} } } } }
