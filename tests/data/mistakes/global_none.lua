-- afrun FILE --mock: 1
-- there is no global 'None': use nil
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    local x = None
    return af.done()
  end,
} } } } }
