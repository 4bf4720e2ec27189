-- afrun FILE --mock: 2
-- leads_to 'l': must be { function(world), function(world) }
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, leads_to = { l = { function() return true end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
