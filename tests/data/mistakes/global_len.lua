-- afrun FILE --mock: 1
-- global_len.lua:6: there is no global 'len': the length of a list or a text is #list
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party.data.n = len(party:nodes()) end,
  [E] = function() end, may_end = true,
} } } } }
