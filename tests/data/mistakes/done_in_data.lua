-- afrun FILE --mock: 1
-- ends nothing by itself
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { data = function() af.done() return {} end, start = "s", states = { s = {
  may_end = true,
} } } } }
