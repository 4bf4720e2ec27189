--- Where nobody crashes the run is over once the call has come, and the timer of its receiver never
--- fires. A caller that is down by then keeps the run from being over: time passes, the receiver
--- calls back, and that is not expected.

local af = require "af"

local Call = af.event("call")

local function call(role)
  return { may_end = true, enter = function(party) party:send(party:nodes(role), Call {}) end }
end

return af.flow {
  name = "over_but",
  mock = { caller = 1, called = 1 },
  roles = {
    caller = { start = "calling", states = { calling = call("called") } },
    called = {
      start = "waiting",
      states = {
        waiting = { [Call] = "resting" },
        resting = { may_end = true, after = { 1, "calling" } },
        calling = call("caller"),
      },
    },
  },
}
