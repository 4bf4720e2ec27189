-- afrun FILE --mock: 1
-- :4: af.done() or af.fail() ends nothing by itself
local af = require "af"
local function finish() af.done() end
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function(party)
    finish()
    if true then return nil end
    return af.done()
  end,
} } } } }
