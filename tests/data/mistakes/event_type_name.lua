-- afrun FILE --mock: 2
-- :5: event type 'x' has no 'TIPE'; did you mean 'TYPE'?
local af = require "af"
local X = af.event("x", { round = af.integer })
local t = X.TIPE
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {

} } } } }
