-- afrun FILE --mock: 2
-- af.flow{…} is called but not returned; write `return af.flow {…}`
local af = require "af"
local f = af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
