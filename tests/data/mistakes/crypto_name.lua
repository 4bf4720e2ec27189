-- afrun FILE --mock: 1
-- af.crypto has no 'sha25'; did you mean 'sha256'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    af.crypto.sha25("x")
    return af.done()
  end,
} } } } }
