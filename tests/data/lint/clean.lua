-- Nothing is wrong here, though much looks like it.
local af = require "af"
local words = require "clean_words"
local number = af.number
local Ask, Value = af.event "ask", af.event("value", { value = number, round = af.integer })

local NEXT = { [1] = "asking", [2] = "closing" }

local function step(party) return NEXT[party.data.round] end

---[[ enter = function(party) party:send(x, Ask {}) ]] of a comment
local text = [[
return "nowhere" math.random key = math.random()
]]

return af.flow {
  name = "clean", mock = { server = 1, client = 2 },
  roles = {
    server = {
      data = function() return { round = 0, values = {}, log = {}, [words.field] = 1 } end,
      start = "opening",
      states = {
        opening = { enter = function(party)
          party.data.round = party.data.round + 1
          return step(party)
        end },
        asking = af.patterns.gather {
          from = function(party) return party:nodes("client") end,
          ask = function() return Ask {} end, answer = Value, every = 5, tries = 3, need = 1,
          take = function(party, id, event)
            party.data.values[id] = event.value
            party.data[words.field] = event.round
          end,
          done = "opening",
        },
        closing = { enter = function(party)
          local sum, key = 0.0, words.field
          for _, value in pairs(party.data.values) do sum = sum + value end
          local unseen = party.data.unseen -- who knows what key it was written by
          return af.done { sum = sum, text = #text, of = party.data[key], unseen = unseen }
        end },
      },
    },
    client = { start = "serving", states = { serving = {
      [Ask] = function(party, _, from) party:send(from, Value { value = 0.1, round = 1 }) end,
      may_end = true,
    } } },
  },
}
