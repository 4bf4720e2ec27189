-- afrun FILE --mock: 2
-- column 6: Lua writes '~=' for '!='
local x = 1
if x != 2 then end
