--- Counting together, version 2; parties of both versions may be in one task. Against count_1.lua:
---
---   a field of the data is renamed   keeper: sum → total
---   a state is split                 keeper: hearing → hearing, late_hearing: it asked again
---   an event has one more field      tell: weight, optional, so that version 1 may leave it out
---   a role is added                  watcher, which version 1 does not know
---
---   keeper → everyone     ask{round}       at the start of each round
---   counter → keeper      tell{round, n}   what it counted
---   keeper → everyone     over{}           after the last round
---
--- `migrate` makes of a snapshot of version 1 one of version 2, `migrate_back` the other way round.

local af = require "af"

local Ask = af.event("ask", { round = af.integer })
local Tell = af.event("tell",
  { round = af.integer, n = af.integer, weight = af.optional(af.integer { min = 1 }, 1) })
local Over = af.event("over", {})

---Counts the first answer of each counter; whose answer is the last ends the round.
local function hear(party, event, from)
  local data = party.data
  if event.round ~= data.round or data.told[from] then return end
  data.told[from] = true
  data.total = data.total + event.n * event.weight
  for _, id in ipairs(party:nodes("counter")) do
    if not data.told[id] then return end
  end
  return "asking"
end

local function ask_again(party)
  for _, id in ipairs(party:nodes("counter")) do
    if not party.data.told[id] then party:send(id, Ask { round = party.data.round }) end
  end
  return "late_hearing"
end

return af.flow {
  name = "count", version = 2,
  migrate = function(old)
    local data = old.data
    local state = old.state
    if old.role == "keeper" then
      data.total, data.sum = data.sum, nil
      if state == "hearing" and data.again > 0 then state = "late_hearing" end
      data.again = nil -- the state says it now
    end
    return { state = state, data = data }
  end,
  migrate_back = function(old)
    local data, state = old.data, old.state
    if old.role == "keeper" then
      data.sum, data.total = data.total, nil
      data.again = state == "late_hearing" and 1 or 0
      state = state == "late_hearing" and "hearing" or state
    end
    return { state = state, data = data }
  end,
  args = { rounds = af.optional(af.integer { min = 1 }, 5) },
  mock = { keeper = 1, counter = 3, watcher = 1 },
  roles = {
    keeper = {
      data = function() return { round = 0, total = 0, told = {} } end,
      start = "asking",
      states = {
        asking = {
          enter = function(party)
            local data = party.data
            data.round, data.told = data.round + 1, {}
            if data.round > party.args.rounds then
              party:broadcast(Over {})
              return af.done { total = data.total }
            end
            party:send(party:nodes("counter"), Ask { round = data.round })
            return "hearing"
          end,
        },
        hearing = { [Tell] = hear, after = { 5, ask_again } },
        late_hearing = { [Tell] = hear, after = { 2, ask_again } }, -- they are slow: ask sooner
      },
    },
    watcher = {
      start = "watching",
      states = { watching = { [Over] = function() return af.done() end, may_end = true } },
    },
    counter = {
      data = function() return { last = 0 } end,
      start = "counting",
      states = { counting = {
        [Ask] = function(party, event, from)
          party.data.last = event.round
          party:send(from, Tell { round = event.round, n = event.round })
        end,
        [Over] = function(party) return af.done { rounds = party.data.last } end,
        may_end = true, -- it answers as long as it is asked, and misses no more than the end
      } },
    },
  },
  invariants = {
    ["the sum is that of whole rounds and of who has told"] = function(world)
      local keeper = world:with_role("keeper")[1]
      return keeper.data.total >= 0
    end,
  },
}
