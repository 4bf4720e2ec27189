-- afrun FILE --mock: 2
-- af.flow: 'name' must have no control characters
local af = require "af"
return af.flow { name = "f\t", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
