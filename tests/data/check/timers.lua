--- Two watchers with an `after` and two deadlines each, some of them due at the same time, and a
--- bell that rings early or late.

local af = require "af"

local Ring = af.event("ring", {})

return af.flow {
  name = "timers",
  mock = { bell = 1, watcher = 2 },
  roles = {
    bell = {
      start = "quiet",
      states = {
        quiet = {
          after = { 10, function(party)
            party:send(party:nodes("watcher"), Ring {})
            return af.done()
          end },
        },
      },
    },
    watcher = {
      data = function(party)
        party:deadline("soon", 10)
        party:deadline("late", 25)
        return { rung = false, seen = {} }
      end,
      start = "watching",
      states = {
        watching = {
          after = { 15, "dozing" },
          [Ring] = function(party)
            party.data.rung = true
            party:deadline("soon", nil)
          end,
          timeout = { soon = function(party) table.insert(party.data.seen, "soon") end },
        },
        dozing = {
          after = { 10, function() return af.done("slept") end },
          timeout = { late = function() return af.done("late") end, soon = "watching" },
          ignore = { Ring },
        },
      },
    },
  },
}
