--- Comes to every step that a monitor is told of by itself: a shop that serves a guest.

local af = require "af"
local Order = af.event("order", { dish = af.string })
local Dish = af.event("dish", { dish = af.string })
local Bill = af.event("bill", {})
local Wave = af.event("wave", {})

local function one(step)
  local words = { step.kind, step.party }
  if step.event then words[#words + 1] = step.event.type end
  if step.from then words[#words + 1] = step.from .. ">" .. step.to end
  if step.timer then words[#words + 1] = step.timer end
  words[#words + 1] = "in " .. (step.state or "nothing")
  local shown = step.world.parties[step.party].state
  if shown ~= step.state then words[#words + 1] = "shown " .. (shown or "nothing") end
  return table.concat(words, " ")
end

return af.flow {
  name = "steps", mock = { guest = 1, shop = 1 },
  args = { most = af.optional(af.integer, 1000) },
  roles = {
    guest = { start = "hungry", states = {
      hungry = {
        enter = function(party)
          party:send("shop-1", Order { dish = "soup" })
          party:send("shop-1", Wave {})
          party:deadline("patience", 30)
        end,
        [Dish] = function(party) party:send("shop-1", Bill {}) return "passing" end,
      },
      passing = { enter = function() return "full" end },
      full = { timeout = { patience = function(party)
        party:send("shop-1", Order { dish = "cake" })
        return af.done {}
      end } },
    } },
    shop = { start = "closed", states = {
      closed = { defer = { Order }, ignore = { Wave }, after = { 5, "open" } },
      open = {
        [Order] = function(party, event, from) party:send(from, Dish { dish = event.dish }) end,
        [Bill] = function() return af.fail "no change" end,
        ignore = { Wave },
      },
    } },
  },
  monitors = {
    log = {
      start = function(world)
        return { lines = { "begins with " .. #world:with_role("guest") } }
      end,
      step = function(seen, step)
        table.insert(seen.lines, one(step))
        return seen
      end,
    },
    few = { start = { count = 0 }, step = function(seen, step)
      if step.kind ~= "send" then return end
      return seen.count < 1000 and { count = seen.count + 1 }
    end },
  },
}
