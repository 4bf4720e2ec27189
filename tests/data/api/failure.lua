-- A failure is told to the others. Expected with --allow-fail: exit 0.
local af = require "af"

return af.flow {
  name = "failure", mock = { bad = 1, good = 2 },
  roles = {
    bad = { start = "s", states = { s = {
      enter = function() return af.fail "for a reason" end,
    } } },
    good = { start = "s", states = { s = { [af.PartyFailed] = function(_, event, from)
      af.expect(event.peer_id == "bad-1" and event.reason == "for a reason" and from == "bad-1")
      return af.done()
    end } } },
  },
}
