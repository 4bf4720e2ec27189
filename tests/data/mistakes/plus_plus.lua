-- afrun FILE --mock: 2
-- column 2: Lua has no '++'
local x = 1
x++
