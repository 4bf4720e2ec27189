-- afrun FILE --mock: 2
-- there is no global 'Qery'
local af = require "af"
local Query = af.event("query", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  [Qery] = "s",
} } } } }
