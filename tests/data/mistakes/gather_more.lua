-- afrun FILE --mock: 2
-- 'more' must not have 'after': the maker has it
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = X, every = 1, done = "t", more = { after = { 1, "t" } } },
  t = { enter = function() return af.done() end },
} } } }
