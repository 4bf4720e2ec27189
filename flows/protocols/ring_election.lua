--- Election in a ring: whose rank is highest leads, and all learn who it is.
---
---   each ── claim ────> the next    of its rank; passed on by those whose own is lower
---   leader ── elected ──> the next  and so on, around: it is whose claim has come round
---
--- Nothing is sent again, so a loss is fatal, but no crash is:
--- `afrun check flows/protocols/ring_election.lua --crash 1`

local af = require "af"

local Claim = af.event("claim", { rank = af.integer })
local Elected = af.event("elected", { leader = af.id })

--- Where a party stands in the ring, and who is next.
local function place(party)
  local ring = party:nodes("node")
  for i, id in ipairs(ring) do
    if id == party.id then return i, ring[i % #ring + 1], #ring end
  end
end

--- Not the order of the ring: 2, 4, 1, 3 of 4.
local function rank_of(party)
  local at, _, count = place(party)
  local rank = at * 2
  return rank > count and rank - (count | 1) or rank
end

local function pass_on(party, event)
  local _, next_one = place(party)
  party:send(next_one, event)
end

return af.flow {
  name = "ring_election",
  mock = { node = 4 },
  roles = {
    node = {
      start = "claiming",
      states = {
        claiming = {
          enter = function(party) pass_on(party, Claim { rank = rank_of(party) }) end,
          [Claim] = function(party, event)
            if event.rank > rank_of(party) then pass_on(party, event) end
            if event.rank == rank_of(party) then return "leading" end
          end,
          [Elected] = function(party, event)
            pass_on(party, event)
            return af.done { leader = event.leader }
          end,
        },
        leading = {
          enter = function(party) pass_on(party, Elected { leader = party.id }) end,
          [Elected] = function(party) return af.done { leader = party.id } end, -- all know
          ignore = { Claim },
        },
      },
    },
  },
  invariants = {
    ["one leads"] = function(world)
      local leader
      for _, one in ipairs(world:with_role("node")) do
        local its = one.result and one.result.leader or one.state == "leading" and one.id or nil
        if its and leader and its ~= leader then return false end
        leader = leader or its
      end
      return true
    end,
  },
}
