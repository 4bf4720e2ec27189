-- afrun FILE --mock: 1
-- party.args has no 'rounds'; did you mean 'round'?
local af = require "af"
return af.flow { name = "f", args = { round = af.optional(af.integer, 1) }, mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    local n = party.args.rounds
    return af.done()
  end,
} } } } }
