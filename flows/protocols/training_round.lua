--- One round of training, with dropout: who does not check in, or answer, in time is left out.
---
---   participant ── checkin ────> aggregator    I am here
---   participant <─ start_round ─ aggregator    to all who are; again, to who does not answer
---   participant ── ready ──────> aggregator    trained
---   participant <─ close_round ─ aggregator    when all have answered, or time is up
---
--- Few tries, for a check has to end:
--- `afrun check flows/protocols/training_round.lua --drop 1 --crash 1`

local af = require "af"
local Checkin = af.event("checkin", { peer_id = af.id })
local Start = af.event("start_round", { round = af.integer })
local Ready = af.event("ready", { round = af.integer, peer_id = af.id })
local Close = af.event("close_round", { round = af.integer })
local TRIES = 2

--- Who has checked in, and not answered.
local function missing(party)
  local list = {}
  for _, id in ipairs(party:nodes("participant")) do
    if party.data.present[id] and not party.data.answers[id] then table.insert(list, id) end
  end
  return list
end

local function close(party, complete)
  party:send(party:nodes("participant"), Close { round = 1 })
  return af.done { complete = complete }
end

local function train(party)
  party.data.trained = true
  party:send(party:nodes("aggregator")[1], Ready { round = 1, peer_id = party.id })
end

return af.flow {
  name = "training_round",
  mock = { aggregator = 1, participant = 2 },
  roles = {
    aggregator = {
      data = function() return { present = {}, answers = {}, tries = 0 } end,
      start = "checking_in",
      states = {
        checking_in = {
          [Checkin] = function(party, event)
            party.data.present[event.peer_id] = true
            for _, id in ipairs(party:nodes("participant")) do
              if not party.data.present[id] then return end
            end
            return "training"
          end,
          after = { 20, "training" }, ignore = { Ready },
        },
        training = {
          enter = function(party) party:send(missing(party), Start { round = 1 }) end,
          [Ready] = function(party, event)
            party.data.answers[event.peer_id] = true
            if #missing(party) == 0 then return close(party, true) end
          end,
          after = { 10, function(party)
            party.data.tries = party.data.tries + 1
            return party.data.tries > TRIES and close(party, false) or "training"
          end },
          ignore = { Checkin },
        },
      },
    },
    participant = {
      data = function() return { tries = 0, trained = false } end,
      start = "checking_in",
      states = {
        checking_in = {
          enter = function(party)
            party.data.tries = party.data.tries + 1
            if party.data.tries > 2 then return "waiting" end
            party:send(party:nodes("aggregator")[1], Checkin { peer_id = party.id })
          end,
          after = { 30, "checking_in" },
          [Start] = function(party)
            train(party)
            return "waiting"
          end,
          [Close] = function() return af.done() end,
        },
        waiting = {
          [Start] = train,
          [Close] = function() return af.done() end,
          after = { 100, function() return af.done() end },
        },
      },
    },
  },
  invariants = {
    ["a round that is complete has trained all who checked in"] = function(world)
      local aggregator = world:with_role("aggregator")[1]
      if not (aggregator.result and aggregator.result.complete) then return true end
      for id in pairs(aggregator.data.present) do
        if not world.parties[id].data.trained then return false end
      end
      return true
    end,
  },
}
