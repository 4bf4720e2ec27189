--- The alternating bit: items go over a line that loses and copies, but keeps their order.
---
---   sender ── item ──> receiver    with a bit, again and again, until
---   sender <── ack ─── receiver    of that bit comes; then the next, with the other bit
---
--- `afrun check flows/protocols/alternating_bit.lua --fifo --drop 2 --duplicate 2`

local af = require "af"

local Item = af.event("item", { number = af.integer, bit = af.integer })
local Ack = af.event("ack", { bit = af.integer })

return af.flow {
  name = "alternating_bit",
  args = { items = af.optional(af.integer { min = 1 }, 3) },
  mock = { sender = 1, receiver = 1 },
  roles = {
    sender = {
      data = function() return { number = 1, bit = 0 } end,
      start = "sending",
      states = {
        sending = {
          enter = function(party)
            local data = party.data
            party:send(party:nodes("receiver"), Item { number = data.number, bit = data.bit })
          end,
          [Ack] = function(party, event)
            if event.bit ~= party.data.bit then return end -- of the item before
            if party.data.number == party.args.items then return af.done() end
            party.data.number = party.data.number + 1
            party.data.bit = 1 - party.data.bit
            return "sending"
          end,
          after = { 1, "sending" },
        },
      },
    },
    receiver = {
      data = function() return { taken = {}, bit = 0 } end,
      start = "taking",
      states = {
        taking = {
          [Item] = function(party, event, from)
            if event.bit == party.data.bit then
              table.insert(party.data.taken, event.number) -- lint: allow growth: for the invariant
              party.data.bit = 1 - party.data.bit
            end
            party:send(from, Ack { bit = event.bit })
          end,
          may_end = true,
        },
      },
    },
  },
  invariants = {
    ["each item is taken once, in order"] = function(world)
      for i, number in ipairs(world:with_role("receiver")[1].data.taken) do
        if number ~= i then return false end
      end
      return true
    end,
    ["what the sender has left behind is taken"] = function(world)
      local sender, receiver = world:with_role("sender")[1], world:with_role("receiver")[1]
      return #receiver.data.taken >= sender.data.number - 1
    end,
  },
}
