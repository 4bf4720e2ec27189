-- afrun FILE --mock: 2
-- :5: role 'a', state 's': 'defer' must be a list of event types; put braces around: { x }
local af = require "af"
local X = af.event("x", { round = af.integer })
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  defer = X,
} } } } }
