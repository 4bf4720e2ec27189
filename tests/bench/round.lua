--- One round of training with few tries, and an invariant that reads every party.

local af = require "af"
local Checkin = af.event("checkin", { peer_id = af.id })
local Start = af.event("start_round", { round = af.integer })
local Ready = af.event("ready", { round = af.integer, peer_id = af.id })
local Close = af.event("close_round", { round = af.integer })
local TRIES = 2
local function missing(party)
  local list = {}
  for _, id in ipairs(party:nodes("participant")) do
    if party.data.present[id] and not party.data.answers[id] then table.insert(list, id) end
  end
  return list
end
return af.flow {
  name = "round",
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
            if #missing(party) == 0 then
              party:send(party:nodes("participant"), Close { round = 1 })
              return af.done()
            end
          end,
          after = { 10, function(party)
            party.data.tries = party.data.tries + 1
            if party.data.tries > TRIES then
              party:send(party:nodes("participant"), Close { round = 1 })
              return af.done()
            end
            return "training"
          end },
          ignore = { Checkin },
        },
      },
    },
    participant = {
      data = function() return { tries = 0 } end,
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
            party:send(party:nodes("aggregator")[1], Ready { round = 1, peer_id = party.id })
            return "waiting"
          end,
          [Close] = function() return af.done() end,
        },
        waiting = {
          [Start] = function(party)
            party:send(party:nodes("aggregator")[1], Ready { round = 1, peer_id = party.id })
          end,
          [Close] = function() return af.done() end,
          after = { 100, function() return af.done() end },
        },
      },
    },
  },
  invariants = {
    ["who has answered is present"] = function(world)
      for _, one in ipairs(world:with_role("aggregator")) do
        for id in pairs(one.data.answers) do if not one.data.present[id] then return false end end
      end
      for _, one in ipairs(world:with_role("participant")) do
        if one.data.tries > 3 then return false end
      end
      return true
    end,
  },
}
