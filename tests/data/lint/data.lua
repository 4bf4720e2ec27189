-- Data that are read and never written; lists that only grow.
local af = require "af"
local Tell = af.event("tell", { text = af.string })

return af.flow {
  name = "data", mock = { keeper = 1, teller = 2 },
  roles = {
    keeper = {
      data = function()
        return { count = 0, all = {}, last = {}, names = {}, queue = {}, first = {} }
      end,
      start = "hearing",
      states = { hearing = {
        [Tell] = function(party, event, from)
          local data = party.data
          data.count = data.count + 1
          table.insert(party.data.all, event.text) -- expect: growth
          party.data.names[#party.data.names + 1] = from -- expect: growth
          table.insert(data.last, event.text)
          if #data.last > 3 then table.remove(data.last, 1) end
          data.queue[#data.queue + 1] = from
          table.insert(data.first, event.text)
          if #data.first == 3 then return af.done(data.first) end
          if data.count == party.data.limit then return af.done(data.count) end -- expect: unwritten
        end,
        after = { 60, function(party)
          party.data.queue = {}
          return af.done(party.data.count)
        end },
      } },
    },
    teller = { start = "telling", states = { telling = {
      enter = function(party) party:send("keeper-1", Tell { text = party.id }) end,
      after = { 1, function() return af.done() end },
    } } },
  },
}
