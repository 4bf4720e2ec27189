-- afrun FILE --mock: 2
-- there is no global 'load': code stands in files
local af = require "af"
load("return 1")
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
