--- A source gives `events` events to a sink, which counts each and answers it: for measuring what a
--- party costs that is kept. The sink is done after the last.

local af = require "af"

local Item = af.event("item", { number = af.integer, text = af.string })
local Taken = af.event("taken", { number = af.integer })

return af.flow {
  name = "durable",
  args = { events = af.optional(af.integer { min = 1 }, 1000) },
  roles = {
    source = {
      start = "giving",
      states = {
        giving = {
          enter = function(party)
            local sink = party:nodes("sink")
            for number = 1, party.args.events do
              party:send(sink, Item { number = number, text = ("x"):rep(150) })
            end
            return af.done()
          end,
          ignore = { Taken },
        },
      },
    },
    sink = {
      data = function() return { count = 0, last = 0 } end,
      start = "taking",
      states = {
        taking = {
          [Item] = function(party, event, from)
            party.data.count = party.data.count + 1
            party.data.last = event.number
            party:send(from, Taken { number = event.number })
            if party.data.count == party.args.events then return af.done(party.data.count) end
          end,
        },
      },
    },
  },
}
