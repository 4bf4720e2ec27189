-- afrun FILE --mock: 2
-- 'then' expected near '='; Lua compares by '=='
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) if party.id = "a-1" then return "s" end end,
  [E] = function() end, may_end = true,
} } } } }
