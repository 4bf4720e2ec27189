-- afrun FILE --mock: 2
-- column 4: Lua writes 'not' for '!'
local x = 1
if !x then end
