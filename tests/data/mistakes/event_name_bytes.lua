-- afrun FILE --mock: 2
-- must be valid UTF-8
local af = require "af"
local X = af.event("a\xff", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
