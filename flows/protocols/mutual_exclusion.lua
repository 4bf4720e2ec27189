--- Mutual exclusion without a server (Ricart and Agrawala): one at a time, by asking all others.
---
---   node ── request ──> all others    with its time
---   node <─ reply ───── each          at once, but of who is inside or has asked earlier itself:
---                                     when it comes out
---
--- Times are Lamport's: a count that is greater than any that was heard of. Of equal ones the lower
--- name goes first. `afrun check flows/protocols/mutual_exclusion.lua --timeouts any`

local af = require "af"

local Request = af.event("request", { time = af.integer })
local Reply = af.event("reply", {})

--- Whether we have asked before another did.
local function we_go_first(party, event, from)
  local own = party.data.asked
  return own < event.time or (own == event.time and party.id < from)
end

local function note_time(party, event)
  party.data.time = math.max(party.data.time, event.time)
end

local function reply(party, event, from)
  note_time(party, event)
  party:send(from, Reply {})
end

local function let_wait(party, event, from)
  note_time(party, event)
  table.insert(party.data.waiting, from)
end

return af.flow {
  name = "mutual_exclusion",
  args = { turns = af.optional(af.integer { min = 1 }, 1) }, -- that each node has
  mock = { node = 3 },
  roles = {
    node = {
      data = function() return { time = 0, turns = 0, replies = 0, waiting = {} } end,
      start = "asking",
      states = {
        asking = { -- lint: allow endless-wait: nothing is lost here
          enter = function(party)
            local data = party.data
            data.time = data.time + 1
            data.asked, data.replies = data.time, 0
            party:broadcast(Request { time = data.asked })
          end,
          [Request] = function(party, event, from)
            if we_go_first(party, event, from) then
              let_wait(party, event, from)
            else
              reply(party, event, from)
            end
          end,
          [Reply] = function(party)
            party.data.replies = party.data.replies + 1
            if party.data.replies == #party:nodes() - 1 then return "inside" end
          end,
        },
        inside = {
          [Request] = let_wait,
          after = { 1, "outside" },
        },
        outside = {
          enter = function(party)
            local data = party.data
            party:send(data.waiting, Reply {})
            data.waiting, data.turns = {}, data.turns + 1
            if data.turns < party.args.turns then return "asking" end
          end,
          [Request] = reply,
          may_end = true,
        },
      },
    },
  },
  invariants = {
    ["one is inside"] = function(world)
      local inside = 0
      for _, one in ipairs(world:with_role("node")) do
        if one.state == "inside" then inside = inside + 1 end
      end
      return inside <= 1
    end,
  },
}
