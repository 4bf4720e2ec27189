-- afrun FILE --mock: 2
-- :4: af has no 'int'; did you mean 'integer'?
local af = require "af"
local X = af.event("x", { a = af.int })
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
