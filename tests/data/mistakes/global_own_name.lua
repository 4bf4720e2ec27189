-- afrun FILE --mock: 2
-- there is no global 'limt'; did you mean 'limit'?
local af = require "af"
limit = 3
local twice = 2 * limt
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
