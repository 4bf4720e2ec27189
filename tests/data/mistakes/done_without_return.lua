-- afrun FILE --mock: 1
-- :6: af.done() or af.fail() ends nothing by itself; write `return af.done(…)`
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    af.done(1)
    if true then return nil end
    return af.done()
  end,
} } } } }
