-- afrun FILE --mock: 1
-- there is no global 'io': files are read by af.download()
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    io.write("x")
    return af.done()
  end,
} } } } }
