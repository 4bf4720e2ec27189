-- afrun FILE --mock: 1
-- leads_to 'l' cannot be judged: leads_to_world_name.lua:4: the world has no 'partys'
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, leads_to = { l = { function(world) return world.partys end, function(world) return true end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
