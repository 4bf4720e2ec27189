-- afrun FILE --mock: 2
-- Lua writes 'or' for '||'
local x = 1
if x == 1 || x == 1 then end
