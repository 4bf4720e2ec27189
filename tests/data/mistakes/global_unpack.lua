-- afrun FILE --mock: 1
-- there is no global 'unpack': it is table.unpack()
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    print(unpack { 1 })
    return af.done()
  end,
} } } } }
