-- afrun FILE --mock --allow-fail --trace - --trace-data
local af = require "af"
return af.part { name = "part",
  --[[af.PartKeys.version]]
  --[[af.PartKeys.mock]]
  --[[af.PartKeys.params]]
  --[[af.PartKeys.invariants]]
  --[[af.PartKeys.monitors]]
  roles = { one = function(at) return { start = "begun", states = { begun = {
    enter = function(party) return at.done(party--[[at.done(result)]]) end,
  } } } end },
}
