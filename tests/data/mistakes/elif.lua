-- afrun FILE --mock: 2
-- Lua writes 'elseif'
local x = 1
if x == 1 then elif x == 2 then end
