-- afrun FILE --mock: 2
-- 'monitors': a name must be a string, got 1
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { { step = function() end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
