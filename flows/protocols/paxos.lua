--- Paxos: proposers of different values agree on one; a minority of acceptors may be away.
---
---   proposer ── prepare ──> acceptors    with a ballot
---   proposer <─ promise ─── acceptors    not to take a lower one; and what was taken before
---   proposer ── accept ───> acceptors    the value of the highest ballot before, or its own
---   proposer <─ accepted ── acceptors    unless a higher ballot was promised since
---
--- A proposer that is too late, or hears nothing, tries again with a higher ballot, `tries` times.
---
---   afrun check flows/protocols/paxos.lua
---   afrun check flows/protocols/paxos.lua --arg quorum=1    # too small: two values are chosen

local af = require "af"

local Prepare = af.event("prepare", { ballot = af.integer })
local Promise = af.event("promise", {
  ballot = af.integer, taken = af.optional(af.integer), value = af.optional(af.id),
})
local Accept = af.event("accept", { ballot = af.integer, value = af.id })
local Accepted = af.event("accepted", { ballot = af.integer })
local Refused = af.event("refused", { ballot = af.integer })

--- The ballots of the first of 2 proposers are 1, 3, 5 …, those of the second 2, 4, 6 …
local function next_ballot(party)
  local proposers = party:nodes("proposer")
  if party.data.ballot > 0 then return party.data.ballot + #proposers end
  for i, id in ipairs(proposers) do
    if id == party.id then return i end
  end
end

local function quorum(party)
  return party.args.quorum or #party:nodes("acceptor") // 2 + 1
end

--- An answer to a ballot before this one.
local function is_late(party, event) return event.ballot ~= party.data.ballot end

local function try_again(party)
  return party.data.tries < party.args.tries and "preparing" or "beaten"
end

local function refused(party, event)
  if not is_late(party, event) then return try_again(party) end
end

return af.flow {
  name = "paxos",
  args = {
    quorum = af.optional(af.integer { min = 1 }), -- absent: a majority
    tries = af.optional(af.integer { min = 1 }, 1),
  },
  mock = { proposer = 2, acceptor = 3 },
  roles = {
    proposer = {
      data = function() return { ballot = 0, tries = 0, answers = 0 } end,
      start = "preparing",
      states = {
        preparing = {
          enter = function(party)
            party.data = { ballot = next_ballot(party), tries = party.data.tries + 1, answers = 0,
                           value = party.id, taken = 0 }
            party:send(party:nodes("acceptor"), Prepare { ballot = party.data.ballot })
          end,
          [Promise] = function(party, event)
            local data = party.data
            if is_late(party, event) then return end
            data.answers = data.answers + 1
            if event.taken and event.taken > data.taken then
              data.taken, data.value = event.taken, event.value
            end
            if data.answers == quorum(party) then return "proposing" end
          end,
          [Refused] = refused,
          after = { 10, try_again },
          ignore = { Accepted },
        },
        proposing = {
          enter = function(party)
            local data = party.data
            data.answers = 0
            party:send(party:nodes("acceptor"), Accept { ballot = data.ballot, value = data.value })
          end,
          [Accepted] = function(party, event)
            if is_late(party, event) then return end
            party.data.answers = party.data.answers + 1
            if party.data.answers == quorum(party) then
              return af.done { chosen = party.data.value }
            end
          end,
          [Refused] = refused,
          after = { 10, try_again },
          ignore = { Promise },
        },
        beaten = { ignore = { Promise, Accepted, Refused }, may_end = true },
      },
    },
    acceptor = {
      data = function() return { promised = 0 } end,
      start = "accepting",
      states = {
        accepting = {
          [Prepare] = function(party, event, from)
            if event.ballot <= party.data.promised then
              party:send(from, Refused { ballot = event.ballot })
              return
            end
            party.data.promised = event.ballot
            party:send(from, Promise { ballot = event.ballot, taken = party.data.taken,
                                       value = party.data.value })
          end,
          [Accept] = function(party, event, from)
            if event.ballot < party.data.promised then
              party:send(from, Refused { ballot = event.ballot })
              return
            end
            party.data = { promised = event.ballot, taken = event.ballot, value = event.value }
            party:send(from, Accepted { ballot = event.ballot })
          end,
          may_end = true,
        },
      },
    },
  },
  invariants = {
    ["one value is chosen"] = function(world)
      local chosen
      for _, one in ipairs(world:with_role("proposer")) do
        local its = one.result and one.result.chosen
        if its and chosen and its ~= chosen then return false end
        chosen = chosen or its
      end
      return true
    end,
  },
}
