-- afrun FILE --mock: 2
-- :5: extend: 'keeps' is not an option of it; did you mean 'keep'?
local af = require "af"
local Ask = af.event("ask", {})
local Factory = af.TaskMessageEventFactory:extend({ Ask }, { keeps = false })
print(Factory.events.party_failed)
