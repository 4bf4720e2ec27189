--- The handshake without invariants, each query to the initiator alone: a million states of ten.

local af = require "af"

local Query = af.event("query", {})
local Sync = af.event("sync", { round = af.integer })
local Response = af.event("response", { round = af.integer })

return af.flow {
  name = "handshake",
  mock = { initiator = 1, participant = 3 },
  roles = {
    initiator = {
      data = function() return { responded = 0 } end,
      start = "telling",
      states = {
        telling = {
          [Query] = function(party, _, from) party:send(from, Sync { round = 11 }) end,
          [Response] = function(party)
            party.data.responded = party.data.responded + 1
            if party.data.responded == #party:nodes("participant") then return af.done() end
          end,
        },
      },
    },
    participant = {
      start = "asking",
      states = {
        asking = {
          enter = function(party) party:send("initiator-1", Query {}) end,
          [Sync] = function(party, event, from)
            party:send(from, Response { round = event.round })
            return af.done { round = event.round }
          end,
          ignore = { Query }, -- of the other participants, who cannot tell
        },
      },
    },
  },
}
