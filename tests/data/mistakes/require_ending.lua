-- afrun FILE --mock: 2
-- require_ending.lua:4: there is no module 'helper.lua': a module is named without '.lua'
local af = require "af"
local helper = require "helper.lua"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  
  [E] = function() end, may_end = true,
} } } } }
