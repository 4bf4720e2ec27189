--- Peers that send each other numbered items, in bursts, and note what is lost, doubled or out of
--- order.
---
---   peer  ── item (n) … item (n + 4) ──>  every other peer
---   peer  <───────────────── got (n + 4)  once the last of them has come
---
--- The next burst goes when all have the last one; a peer is done when it has all items of all.

local af = require "af"

local Item = af.event("item", { n = af.integer { min = 1 } })
local Got = af.event("got", { n = af.integer { min = 1 } })

local BURST = 5

local function others(party)
  local list = {}
  for _, id in ipairs(party:nodes()) do
    if id ~= party.id then list[#list + 1] = id end
  end
  return list
end

local function send_burst(party)
  for _ = 1, BURST do
    party.data.sent = party.data.sent + 1
    party:send(others(party), Item { n = party.data.sent })
  end
end

local function look(party)
  local all = party.args.bursts * BURST
  local least_got, least_seen = math.huge, math.huge
  for _, id in ipairs(others(party)) do
    least_got = math.min(least_got, party.data.got[id] or 0)
    least_seen = math.min(least_seen, party.data.seen[id] or 0)
  end
  if least_got == party.data.sent and party.data.sent < all then send_burst(party) end
  if least_got == all and least_seen == all then
    return af.done { seen = all * #others(party), wrong = party.data.wrong }
  end
end

return af.flow {
  name = "tally",
  args = { bursts = af.optional(af.integer { min = 1 }, 3) },
  mock = { peer = 3 },
  roles = {
    peer = {
      data = function() return { sent = 0, got = {}, seen = {}, wrong = 0 } end,
      start = "counting",
      states = {
        counting = {
          enter = send_burst,
          [Item] = function(party, event, from)
            local seen = party.data.seen[from] or 0
            if event.n ~= seen + 1 then party.data.wrong = party.data.wrong + 1 end
            party.data.seen[from] = math.max(seen, event.n)
            if event.n % BURST == 0 then party:send(from, Got { n = event.n }) end
            return look(party)
          end,
          [Got] = function(party, event, from)
            if event.n ~= (party.data.got[from] or 0) + BURST then
              party.data.wrong = party.data.wrong + 1
            end
            party.data.got[from] = event.n
            return look(party)
          end,
        },
      },
    },
  },
}
