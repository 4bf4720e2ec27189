-- afrun FILE --mock: 2
-- monitor_key.lua:4: monitor 'm': key 'begin' is unknown; a monitor has start, step
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { begin = {}, step = function() end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
