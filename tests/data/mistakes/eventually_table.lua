-- afrun FILE --mock: 2
-- eventually 'e': must be a function(world), got a table
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, eventually = { e = { function() return true end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
