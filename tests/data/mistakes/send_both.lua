-- afrun FILE --mock: 2
-- :4: data_channel.sending: 'data' and 'ref': one of data, path and ref is sent
local af = require "af"
return af.flow { name = "x", roles = { giver = { start = "giving", states = { giving = af.data_channel.sending {
  target = { "taker-1" }, data = "bytes", ref = function(party) return party.data.model end, done = "giving" } } } } }
