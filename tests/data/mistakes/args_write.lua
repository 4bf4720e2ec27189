-- afrun FILE --mock: 1
-- 'party.args' cannot be changed
local af = require "af"
return af.flow { name = "f", args = { n = af.optional(af.integer, 1) }, mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    party.args.n = 2
    return af.done()
  end,
} } } } }
