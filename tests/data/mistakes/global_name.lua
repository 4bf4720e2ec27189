-- afrun FILE --mock: 2
-- :4: there is no global 'prnt'; did you mean 'print'?
local af = require "af"
prnt("hello")
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
