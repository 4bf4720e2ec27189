-- afrun FILE --mock: 2
-- column 18: a full-width '，': write ','
local x = 1
local t = { a = 1，b = 2 }
