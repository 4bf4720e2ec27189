-- afrun FILE --mock: 2
-- must have no control characters
local af = require "af"
local X = af.event("a\nb", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
