-- afrun FILE --mock: 1
-- :6: party.args has no 'm'; did you mean 'n'?
local af = require "af"
return af.flow { name = "f", args = { n = af.optional(af.integer, 1) }, mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    local n = party.args.m
    return af.done()
  end,
} } } } }
