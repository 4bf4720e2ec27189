-- afrun FILE --mock --allow-fail --trace - --trace-data
-- One taker of two takes nothing before 70 seconds.
local af = require "af"
local Hello, Ping = af.event("hello", {}), af.event("ping", {})
return af.flow { name = "sending", mock = { giver = 1, taker = 2 }, roles = {
  giver = { start = "giving", states = { giving = af.data_channel.sending {
    target = function(party) return party:nodes("taker") end,
    data = "bytes",
    --[[af.SendingOptions.timeout]]
    --[[af.SendingOptions.every]]
    --[[af.SendingOptions.tries]]
    --[[af.SendingOptions.need]]
    --[[af.SendingOptions.label]]
    --[[af.SendingOptions.ask]]
    done = function(_, receivers) return af.done(receivers) end,
    --[[af.SendingOptions.failed]]
    --[[af.SendingOptions.state]]
  } } },
  taker = { start = "waiting", states = {
    waiting = { defer = { af.ApplySfSendingData }, ignore = { Hello, af.PartyFailed },
      enter = function(party) party:send(party:nodes("giver"), Ping {}) end,
      after = { function(party) return party.id == "taker-1" and 1 or 70 end, "taking" } },
    taking = af.data_channel.receiving {
      source = function(party) return party:nodes("giver") end,
      received = function(party, _, bytes) party.data.size = #bytes end,
      done = function() return af.done() end,
      state = { ignore = { Hello, Ping, af.PartyFailed } },
    },
  } },
} }
