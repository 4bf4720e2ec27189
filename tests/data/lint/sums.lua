-- Floats that are added as they come: the last bits of the sum depend on the order.
local af = require "af"
local Loss = af.event("loss", { loss = af.number, weight = af.number, n = af.integer,
  update = af.bytes, mask = af.bytes })

return af.flow {
  name = "sums", mock = { server = 1, client = 2 },
  roles = {
    server = {
      data = function()
        return { loss = 0.0, n = 0, by = {}, update = af.vector.zeros(3), mask = "", norm = 0.0 }
      end,
      start = "adding",
      states = { adding = {
        [Loss] = function(party, event, from)
          local data = party.data
          data.n = data.n + event.n
          data.by[from] = event.loss
          data.loss = data.loss + event.loss -- expect: arrival-order
          party.data.norm = party.data.norm + event.loss * event.weight -- expect: arrival-order
          data.update = af.vector.add(data.update, event.update) -- expect: arrival-order
          data.mask = af.vector.add(data.mask, event.mask, "u64")
          if data.n < 2 then return end
          local total = 0.0
          for _, loss in pairs(data.by) do total = total + loss end
          return af.done(total)
        end,
        after = { 60, function() return af.fail "too few" end },
      } },
    },
    client = { start = "s", states = { s = {
      enter = function(party)
        party:send("server-1", Loss { loss = 0.5, weight = 1.0, n = 1, update = af.vector.zeros(3),
          mask = af.vector.pack({ 1 }, "u64") })
        return af.done()
      end,
    } } },
  },
}
