-- afrun FILE --mock: 1
-- :6: data_channel.sending: path: this is what party:keep gave, and no file; write ref = for it
local af = require "af"
return af.flow { name = "x", mock = { giver = 1, taker = 1 }, roles = {
  giver = { data = function(party) return { model = party:keep("bytes") } end, start = "giving", states = {
    giving = af.data_channel.sending { target = { "taker-1" },
      path = function(party) return party.data.model end, done = function() return af.done() end } } },
  taker = { start = "taking", states = { taking = { [af.ApplySfSendingData] = function() return af.done() end } } },
} }
