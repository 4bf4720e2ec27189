--- Gives up when no answer comes in time; a crash of who answers makes it late.

local af = require "af"
local Ask = af.event("ask", {})
local Reply = af.event("reply", {})
return af.flow { name = "unsent", mock = { asker = 1, teller = 1 }, roles = {
  asker = { start = "asking", states = {
    asking = { enter = function(party) party:send("teller-1", Ask {}) end,
      [Reply] = function() return af.done() end,
      after = { 5, "given_up" } },
    given_up = { after = { 60, function() return af.done() end } },
  } },
  teller = { start = "telling", states = { telling = { may_end = true,
    [Ask] = function(party, _, from) party:send(from, Reply {}) end } } } } }
