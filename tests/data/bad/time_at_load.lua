-- 2: af.now
local af = require "af"
local start = af.now() -- HERE
return af.flow {
  name = "time_at_load",
  roles = { one = { data = function() return { at = start } end, start = "a", states = { a = {} } } },
}
