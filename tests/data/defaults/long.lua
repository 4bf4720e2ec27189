-- afrun FILE --mock
-- A day and a bit of steps, an hour apart; a row of a chart each.
local af = require "af"
local Tick = af.event("tick", {})
return af.flow { name = "long", mock = { clock = 1 }, roles = { clock = { start = "ticking", states = { ticking = {
  enter = function(party) party:send(party.id, Tick {}) end,
  [Tick] = function() end,
  after = { 3600, "ticking" },
} } } } }
