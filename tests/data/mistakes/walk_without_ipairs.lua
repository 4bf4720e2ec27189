-- afrun FILE --mock: 1
-- a list is walked by ipairs(list)
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) for _, id in party:nodes() do party:log(id) end end,
  [E] = function() end, may_end = true,
} } } } }
