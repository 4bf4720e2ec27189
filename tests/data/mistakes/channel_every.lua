-- afrun FILE --mock: 2
-- :4: data_channel.sending: 'every' must be a number of seconds above 0, got 0
local af = require "af"
return af.flow { name = "x", roles = { giver = { start = "giving", states = { giving = af.data_channel.sending {
  target = { "taker-1" }, data = "bytes", every = 0, done = "giving" } } } } }
