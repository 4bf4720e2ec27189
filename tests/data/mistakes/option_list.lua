-- afrun FILE --mock: 2
-- :4: af.list: 'min' is not an option of it; did you mean 'min_length'?
local af = require "af"
local Ask = af.event("ask", { l = af.list(af.id, { min = 1 }) })
return Ask
