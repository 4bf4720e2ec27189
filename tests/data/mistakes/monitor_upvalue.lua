-- afrun FILE --mock: 1
-- monitor_upvalue.lua:6: what watches a run changes the variable 'count'
local af = require "af"
local count = 0
local function step(seen)
  count = count + 1
  return seen
end
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = step } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
