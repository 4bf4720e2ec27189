--- What both halves of the tutorial share: the events, and the contractor that sends them.

local af = require "af"

local events = {
  Query = af.event("query", { querier = af.id }),
  Sync = af.event("sync", {
    aggregator = af.id,
    current_round = af.integer { min = 0 },
    participants = af.list(af.id),
  }),
  SyncResp = af.event("sync_resp", { querier = af.id }),
}

-- The predefined events stay, these are added.
local EventFactory = af.TaskMessageEventFactory:extend {
  events.Query, events.Sync, events.SyncResp,
}

local SyncContractor = af.TaskMessageContractor:extend { event_factory = EventFactory }

--- The querier does not know who aggregates, so it asks everyone.
function SyncContractor:query_state(querier)
  self:new_contract(self.EVERYONE, events.Query { querier = querier })
end

function SyncContractor:sync_state(querier, aggregator, current_round, participants)
  self:new_contract(querier, events.Sync {
    aggregator = aggregator, current_round = current_round, participants = participants,
  })
end

function SyncContractor:sync_response(aggregator, querier)
  self:new_contract(aggregator, events.SyncResp { querier = querier })
end

return { SyncContractor = SyncContractor, events = events }
