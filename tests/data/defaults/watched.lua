-- afrun FILE --mock --allow-fail --trace - --trace-data
local af = require "af"
return af.flow { name = "watched", roles = { one = { start = "begun", states = { begun = {
    enter = function() return af.done() end,
  } } } },
  monitors = { ["it has begun"] = { --[[af.MonitorKeys.start]]
    step = function(seen) return next(seen) == nil end,
  } },
}
