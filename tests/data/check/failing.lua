--- A worker gives up after two orders; the others are told, and a helper raises when it hears of
--- it twice.

local af = require "af"

local Order = af.event("order", { number = af.integer })

return af.flow {
  name = "failing",
  mock = { chief = 1, helper = 1, worker = 1 },
  roles = {
    chief = {
      start = "ordering",
      states = {
        ordering = {
          enter = function(party)
            for i = 1, 3 do party:send(party:nodes("worker")[1], Order { number = i }) end
          end,
          [af.PartyFailed] = function(_, event) return af.done(event.peer_id) end,
          after = { 5, function(party)
            party:send(party:nodes("helper")[1], Order { number = 0 })
            return "tired"
          end },
        },
        tired = { [af.PartyFailed] = function() return af.done() end, after = { 5, "ordering" } },
      },
    },
    helper = {
      data = function() return { heard = 0 } end,
      start = "listening",
      states = {
        listening = {
          [af.PartyFailed] = function(party)
            party.data.heard = party.data.heard + 1
            af.expect(party.data.heard < 2, "heard twice")
          end,
          [Order] = function() return af.done() end,
          may_end = true,
        },
      },
    },
    worker = {
      data = function() return { orders = 0 } end,
      start = "working",
      states = {
        working = {
          [Order] = function(party, event)
            party.data.orders = party.data.orders + 1
            if party.data.orders == 2 then return af.fail("tired of " .. event.number) end
          end,
        },
      },
    },
  },
}
