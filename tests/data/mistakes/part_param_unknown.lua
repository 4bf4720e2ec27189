-- afrun FILE --mock: 2
-- part 'p' has no parameter 'm'; did you mean 'n'?
local af = require "af"
local X = af.event("x", {})
local P = af.part { name = "p", params = { n = af.integer }, roles = { r = function(at) return { start = "q", states = { q = {
  enter = function(party)  return at.done(party) end } } } end } }
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = P.r { n = 1, m = 2, done = "t" },
  t = { enter = function() return af.done() end },
} } } }
