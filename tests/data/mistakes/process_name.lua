-- afrun FILE --mock: 1
-- :6: af.process has no 'runn'; did you mean 'run'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    local r = af.process.runn("true")
    return af.done()
  end,
} } } } }
