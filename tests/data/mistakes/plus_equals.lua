-- afrun FILE --mock: 2
-- column 3: Lua has no '+='; write x = x + …
local x = 1
x += 1
