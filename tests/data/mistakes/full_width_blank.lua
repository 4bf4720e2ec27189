-- afrun FILE --mock: 2
-- a full-width blank: write ' '
local x = 1
local　y = 2
