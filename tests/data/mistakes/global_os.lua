-- afrun FILE --mock: 1
-- there is no global 'os': time is af.now()
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    local t = os.time()
    return af.done()
  end,
} } } } }
