-- afrun FILE --mock: 2
-- :4: af has no 'zzz'
local af = require "af"
local x = af.zzz
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
