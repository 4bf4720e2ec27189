-- afrun FILE --mock --allow-fail --until 2h --trace - --trace-data
-- One giver of two gives at once; the other after 70 seconds, or never if it is asked nothing.
local af = require "af"
local Hello, Ping = af.event("hello", {}), af.event("ping", {})
local function give(label)
  return af.data_channel.sending {
    target = function(party) return party:nodes("taker") end, label = label,
    data = "bytes", done = function() return af.done() end, state = { ignore = { Hello, Ping, af.PartyFailed } },
  }
end
return af.flow { name = "receiving", mock = { taker = 1, giver = 2 }, roles = {
  giver = { start = "waiting", states = {
    waiting = { ignore = { Hello, af.PartyFailed },
      enter = function(party) party:send(party:nodes("taker"), Ping {}) end,
      after = { function(party) return party.id == "giver-1" and 1 or 4000 end, "giving" } },
    giving = give("1"),
  } },
  taker = { start = "taking", states = { taking = af.data_channel.receiving {
    source = function(party) return party:nodes("giver") end,
    received = function(party, source, bytes) party.data[source] = #bytes end,
    --[[af.ReceivingOptions.path]]
    --[[af.ReceivingOptions.timeout]]
    --[[af.ReceivingOptions.every]]
    --[[af.ReceivingOptions.tries]]
    --[[af.ReceivingOptions.need]]
    --[[af.ReceivingOptions.label]]
    --[[af.ReceivingOptions.ask]]
    done = function(_, sources) return af.done(sources) end,
    --[[af.ReceivingOptions.failed]]
    --[[af.ReceivingOptions.state]]
  } } },
} }
