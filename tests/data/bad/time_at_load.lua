-- 2: chance, time and waiting are not to be had while a flow is loaded
local af = require "af"
local start = af.now() -- HERE
return af.flow {
  name = "time_at_load",
  roles = {
    one = { data = function() return { at = start } end, start = "a", states = { a = {} } },
  },
}
