-- afrun FILE --mock: 2
-- 'af' cannot be changed: writing field 'x'
local af = require "af"
af.x = 1
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
