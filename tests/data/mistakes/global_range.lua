-- afrun FILE --mock: 1
-- global_range.lua:6: there is no global 'range': write for i = 1, n do … end
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) for i in range(3) do party:log(i) end end,
  [E] = function() end, may_end = true,
} } } } }
