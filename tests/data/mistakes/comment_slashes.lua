-- afrun FILE --mock: 2
-- column 3: a comment begins with '--'
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  // it does nothing
  [E] = function() end, may_end = true,
} } } } }
