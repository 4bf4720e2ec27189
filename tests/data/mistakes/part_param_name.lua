-- afrun FILE --mock: 1
-- part 'p' has no parameter 'k'; did you mean 'n'?
local af = require "af"
local X = af.event("x", {})
local P = af.part { name = "p", params = { n = af.integer }, roles = { r = function(at) return { start = "q", states = { q = {
  enter = function(party) local n = at.param(party, "k") return at.done(party) end } } } end } }
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = P.r { n = 1, done = "t" },
  t = { enter = function() return af.done() end },
} } } }
