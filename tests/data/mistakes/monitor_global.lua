-- afrun FILE --mock: 1
-- monitor_global.lua:4: what watches a run sets the global 'count', which the next run would find changed
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen) count = 1 return seen end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
