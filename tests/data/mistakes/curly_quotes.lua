-- afrun FILE --mock: 2
-- a curly '“': write '"'
local x = 1
local s = “hi”
