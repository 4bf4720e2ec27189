-- afrun FILE --mock: 2
-- :4: af.integer: 'mim' is not an option of it; did you mean 'min'? It has max, min
local af = require "af"
local Ask = af.event("ask", { n = af.integer { mim = 0 } })
return Ask
