-- afrun FILE --mock: 1
-- send_swapped.lua:6: party:send: the targets come first: party:send(targets, event)
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:send(E {}, party:nodes("a")) end,
  [E] = function() end, may_end = true,
} } } } }
