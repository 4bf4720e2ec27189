--- Synchronising state: the initiator tells each participant where the training stands.
---
---   participant  ── query ────────────────────>  initiator      where are we?
---   participant  <─────────────────── sync ────  initiator      the round, and who takes part
---   participant  ── sync_resp ────────────────>  initiator      I know
---   participant  <─ notice_task_completion ────  initiator      all know
---
--- The initiator serves one participant after the other. Any message may be lost, come twice or
--- overtake another, and any party may crash. So who waits for an answer asks again after a while,
--- and who has responded rests, ready to respond again, until it hears that all know.

local af = require "af"

local Query = af.event("query", { querier = af.id })
local Sync = af.event("sync", {
  aggregator = af.id, current_round = af.integer { min = 0 }, participants = af.list(af.id),
})
local SyncResp = af.event("sync_resp", { querier = af.id })

return af.flow {
  name = "sync_state",
  args = { round = af.optional(af.integer { min = 0 }, 11) },
  mock = { initiator = 1, participant = 3 },
  roles = {
    initiator = {
      data = function() return { synced = {} } end, -- participant → true: counts each of them once
      start = "waiting_query",
      states = {
        waiting_query = {
          [Query] = function(party, event)
            if party.data.synced[event.querier] then return end -- a copy of an answered query
            party.data.querier = event.querier
            return "waiting_response"
          end,
          ignore = { SyncResp }, -- a copy: the first one has ended waiting_response
        },
        waiting_response = {
          enter = function(party)
            party:send(party.data.querier, Sync {
              aggregator = party.id, current_round = party.args.round, participants = party:nodes(),
            })
          end,
          after = { 10, "waiting_response" }, -- enters it again, so sends again
          [SyncResp] = function(party, event)
            if event.querier ~= party.data.querier then return end -- a copy of an earlier one
            party.data.synced[event.querier] = true
            for _, id in ipairs(party:nodes("participant")) do
              if not party.data.synced[id] then return "waiting_query" end
            end
            party:send(party:nodes("participant"), af.NoticeTaskCompletion { result = true })
            return af.done { synced = #party:nodes("participant") }
          end,
          defer = { Query }, -- the next participants wait for their turn
        },
      },
    },
    participant = {
      start = "querying",
      states = {
        querying = {
          enter = function(party)
            party:send(party:nodes("initiator")[1], Query { querier = party.id })
          end,
          after = { 30, "querying" }, ignore = { Query }, -- a peer's, which it told to everybody
          [Sync] = function(party, event)
            party.data = { aggregator = event.aggregator, round = event.current_round }
            return "synced"
          end,
        },
        synced = {
          enter = function(party)
            party:send(party.data.aggregator, SyncResp { querier = party.id })
          end,
          [Sync] = "synced", -- the response was lost, or this is a copy: respond again
          [af.NoticeTaskCompletion] = function(party) return af.done(party.data) end,
          ignore = { Query }, may_end = true, -- should the notice be lost
        },
      },
    },
  },
  invariants = {
    ["who is counted knows the round"] = function(world)
      for id in pairs(world:with_role("initiator")[1].data.synced) do
        if world.parties[id].data.round == nil then return false end
      end
      return true
    end,
  },
}
