-- afrun FILE --mock: 2
-- af.event: the type "" must not be empty
local af = require "af"
local X = af.event("", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
