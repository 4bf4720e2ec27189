-- afrun FILE --mock: 1
-- expected an integer, got "one"
local af = require "af"
local X = af.event("x", {})
local P = af.part { name = "p", params = { n = af.integer }, roles = { r = function(at) return { start = "q", states = { q = {
  enter = function(party) local n = at.param(party, "n") return at.done(party) end } } } end } }
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = P.r { n = function() return "one" end, done = "t" },
  t = { enter = function() return af.done() end },
} } } }
