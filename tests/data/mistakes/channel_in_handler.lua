-- afrun FILE --mock: 1
-- :6: send_stream: a handler does not wait for events; let a state do it: af.data_channel.sending { … }
local af = require "af"
return af.flow { name = "x", mock = { giver = 1, taker = 1 }, roles = {
  giver = { start = "giving", states = { giving = { enter = function(party)
    af.data_channel(party.contractor):send_stream { target = "taker-1", data_stream = "bytes" }
    return af.done()
  end } } },
  taker = { start = "taking", states = { taking = { may_end = true } } },
} }
