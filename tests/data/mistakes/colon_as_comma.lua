-- afrun FILE --mock: 2
-- a full-width '：': write ':'
local x = {}
x：y()
