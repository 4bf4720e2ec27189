-- afrun FILE --mock: 2
-- must not be longer than 128 bytes
local af = require "af"
local X = af.event(("x"):rep(129), {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
