-- afrun FILE --mock: 1
-- eventually 'e' cannot be judged: eventually_nothing.lua:4: it returns nothing; write `return`
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, eventually = { e = function(world) local _ = world.parties end }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
