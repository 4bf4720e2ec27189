-- afrun FILE --mock: 2
-- Lua writes 'and' for '&&'
local x = 1
if x == 1 && x == 1 then end
