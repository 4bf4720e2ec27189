-- afrun FILE --mock: 2
-- is empty: a flow's file ends with `return af.flow { … }`

--[[ nothing ]]
