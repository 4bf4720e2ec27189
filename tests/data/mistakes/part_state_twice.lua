-- afrun FILE --mock: 2
-- role 'a': state 'sum.on' is of the part at 'sum', and stands beside it, too
local af = require "af"
local Part = af.part { name = "p", roles = { server = function() return { start = "on", states = { on = {} } } end } }
return af.flow { name = "f", roles = { a = { start = "sum", states = {
  sum = Part.server {},
  ["sum.on"] = { may_end = true },
} } } }
