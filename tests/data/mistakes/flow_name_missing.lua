-- afrun FILE --mock: 2
-- :4: af.flow: 'name' is missing
local af = require "af"
return af.flow { mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
