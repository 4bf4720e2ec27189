-- afrun FILE --mock: 1
-- :5: more than 100 states were entered in a row, the last 's'
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = { enter = function() return "t" end }, t = { enter = "s" },
} } } }
