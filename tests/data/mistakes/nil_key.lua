-- afrun FILE --mock: 2
-- :9: table index is nil; what stands in brackets has no value (perhaps [events.pong])
local af = require "af"
local events = { ping = af.event("ping", {}) }
return af.flow { name = "f", roles = { a = { start = "s", states = { s = {
  [events.ping] = function(party) party.data[party.id] = 1 end,
  [events.pong] = function(party)
    party.data[party.id] = 2
  end,
} } } } }
