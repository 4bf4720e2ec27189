--- A shop that keeps orders back until it opens and serves them then, one after the other; between
--- two of them a buyer may lose patience, a bell may ring, and the shop may fall.

local af = require "af"

local Order = af.event("order", {})
local Gift = af.event("gift", {})
local Served = af.event("served", {})
local Open = af.event("open", {})

return af.flow {
  name = "recalling",
  args = { strict = af.optional(af.boolean, false) },
  mock = { bell = 1, buyer = 2, shop = 1 },
  roles = {
    bell = {
      start = "quiet",
      states = {
        quiet = { after = { 5, function(party)
          party:send("shop-1", Open {})
          return af.done()
        end } },
      },
    },
    buyer = {
      start = "waiting",
      states = {
        waiting = {
          enter = function(party) party:send("shop-1", Order {}) end,
          after = { 5, "tired" },
          [Served] = function() return af.done "served" end,
        },
        tired = {
          enter = function(party) party:send("shop-1", Gift {}) end,
          [Served] = function() return af.done "late" end,
          may_end = true,
        },
      },
    },
    shop = {
      data = function(party)
        party:deadline("noon", 5)
        return { served = 0, noon = false, strict = party.args.strict }
      end,
      start = "closed",
      states = {
        closed = { defer = { Order, Gift }, [Open] = "open", timeout = { noon = "open" } },
        open = {
          [Order] = function(party, _, from)
            party.data.served = party.data.served + 1
            party:send(from, Served {})
            if party.data.served == 2 then return "closing" end
          end,
          ignore = { Open },
          defer = { Gift },
          timeout = { noon = function(party) party.data.noon = true end },
          after = { 60, function() return af.done "none came" end },
        },
        closing = {
          [Gift] = function(party) party.data.served = party.data.served + 10 end,
          ignore = { Open },
          may_end = true,
        },
      },
    },
  },
  invariants = {
    ["who opens serves both"] = function(world)
      local data = world.parties["shop-1"].data
      return not data.strict or data.served ~= 1
    end,
  },
}
