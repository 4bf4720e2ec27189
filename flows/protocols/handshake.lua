--- The handshake of the platform's tutorial: who has state, tells it to whoever asks.
---
---   participant  ── query ─────>  all others     who can tell me where we are?
---   participant  <───── sync ──  initiator       here
---   participant  ── response ──>  initiator      I know
---
--- It stands any order of messages, and crashes:
--- `afrun check flows/protocols/handshake.lua --crash 1`. A lost message leaves parties stuck, for
--- nobody asks again (flows/sync_state.lua does): with `--drop 1` it is drawn how.

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
        asking = { -- lint: allow endless-wait: nothing is lost here
          enter = function(party) party:broadcast(Query {}) end,
          [Sync] = function(party, event, from)
            party:send(from, Response { round = event.round })
            return af.done { round = event.round }
          end,
          ignore = { Query }, -- of the other participants, who cannot tell
        },
      },
    },
  },
  invariants = {
    ["who is counted knows the round"] = function(world)
      local known = 0
      for _, one in ipairs(world:with_role("participant")) do
        if one.ended == "done" and one.result.round == 11 then known = known + 1 end
      end
      return world:with_role("initiator")[1].data.responded <= known
    end,
  },
}
