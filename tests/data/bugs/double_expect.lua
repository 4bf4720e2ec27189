--- A planted bug: the second of two equal payments breaks an expectation, but the network repeats.

local af = require "af"

local Pay = af.event("pay", { amount = af.integer { min = 1 } })

return af.flow {
  name = "double_expect",
  mock = { seller = 1, buyer = 2 },
  roles = {
    seller = {
      data = function() return { paid = {}, count = 0 } end,
      start = "selling",
      states = {
        selling = {
          [Pay] = function(party, event, from)
            af.expect(party.data.paid[from] == nil, from .. " has paid twice")
            party.data.paid[from] = event.amount
            party.data.count = party.data.count + 1
            if party.data.count == #party:nodes("buyer") then return af.done(party.data.paid) end
          end,
        },
      },
    },
    buyer = {
      start = "buying",
      states = {
        buying = {
          enter = function(party)
            party:send(party:nodes("seller")[1], Pay { amount = 5 })
            return af.done()
          end,
        },
      },
    },
  },
}
