--- A server that takes one job at a time: other jobs are deferred, a hint is ignored while it
--- works, and a note is expected by clients alone.

local af = require "af"

local Job = af.event("job", { size = af.integer })
local Hint = af.event("hint", {})
local Note = af.event("note", {})
local Over = af.event("over", {})
local Tick = af.event("tick", {})

return af.flow {
  name = "deferring",
  args = { note = af.optional(af.boolean, false) },
  mock = { client = 2, server = 1 },
  roles = {
    client = {
      start = "waiting",
      states = {
        waiting = {
          enter = function(party)
            local server = party:nodes("server")[1]
            party:send(server, Job { size = #party.id })
            party:send(server, Hint {})
            if party.args.note then party:send(server, Note {}) end
          end,
          [Over] = function() return af.done() end,
          [Note] = function() end,
        },
      },
    },
    server = {
      data = function() return { served = 0 } end,
      start = "idle",
      states = {
        idle = {
          [Job] = function(party, _, from)
            party.data.client = from
            party:send(party.id, Tick {})
            return "busy"
          end,
          [Hint] = function(party) party.data.hinted = true end,
          may_end = true,
        },
        busy = {
          [Tick] = function(party)
            party:send(party.data.client, Over {})
            party.data.served = party.data.served + 1
            return "idle"
          end,
          defer = { Job },
          ignore = { Hint },
        },
      },
    },
  },
  invariants = {
    ["serves no more than there are"] = function(world)
      return world:with_role("server")[1].data.served <= #world:with_role("client")
    end,
  },
}
