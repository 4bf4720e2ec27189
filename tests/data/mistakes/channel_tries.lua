-- afrun FILE --mock: 2
-- :4: data_channel.sending: 'tries' must be an integer >= 1, got 0.5
local af = require "af"
return af.flow { name = "x", roles = { giver = { start = "giving", states = { giving = af.data_channel.sending {
  target = { "taker-1" }, data = "bytes", every = 1, tries = 0.5, done = "giving" } } } } }
