-- afrun FILE --mock: 2
-- a full-width '（': write '('
local x = 1
print（x）
