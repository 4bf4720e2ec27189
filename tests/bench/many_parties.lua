--- Very many parties: each participant asks the initiator, is answered, and responds. The initiator
--- does the same little work for each, so that time and memory should grow with their number only.

local af = require "af"

local Query = af.event("query", { querier = af.id })
local Sync = af.event("sync", {
  aggregator = af.id, current_round = af.integer { min = 0 }, participants = af.list(af.id),
})
local SyncResp = af.event("sync_resp", { querier = af.id })

return af.flow {
  name = "many_parties",
  args = { participants = af.integer { min = 1 } }, -- as many as --parties says
  mock = { initiator = 1, participant = 3 },
  roles = {
    initiator = {
      data = function() return { synced = 0 } end,
      start = "answering",
      states = {
        answering = {
          [Query] = function(party, event, from)
            af.expect(event.querier == from, "a query for another")
            party:send(from, Sync {
              aggregator = party.id, current_round = 11,
              participants = { "participant-1", "participant-2", "participant-3" },
            })
          end,
          [SyncResp] = function(party)
            party.data.synced = party.data.synced + 1
            if party.data.synced == party.args.participants then
              return af.done { synced = party.data.synced }
            end
          end,
        },
      },
    },
    participant = {
      start = "querying",
      states = {
        querying = {
          enter = function(party) party:send("initiator-1", Query { querier = party.id }) end,
          [Sync] = function(party, event)
            party.data.round = event.current_round
            party:send(event.aggregator, SyncResp { querier = party.id })
            return af.done { round = event.current_round }
          end,
        },
      },
    },
  },
}
