-- afrun FILE --mock: 2
-- a block ends with 'end'; it has no braces
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) { party:log("begins") },
  [E] = function() end, may_end = true,
} } } } }
