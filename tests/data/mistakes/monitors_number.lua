-- afrun FILE --mock: 2
-- 'monitors' must be a table, got a number
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = 5, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
