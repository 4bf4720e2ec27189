-- afrun FILE --mock: 1
-- :5: data_channel.sending: ref: expected what party:keep gave ("kept:" and 64 hex digits), got a string of 5 bytes
local af = require "af"
return af.flow { name = "x", mock = { giver = 1, taker = 1 }, roles = {
  giver = { start = "giving", states = { giving = af.data_channel.sending { target = { "taker-1" },
    ref = "bytes", done = function() return af.done() end } } },
  taker = { start = "taking", states = { taking = { [af.ApplySfSendingData] = function() return af.done() end } } },
} }
