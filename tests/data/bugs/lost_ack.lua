--- A planted bug: the acknowledgement is sent once. If it is lost, the sender waits for ever.

local af = require "af"

local Report = af.event("report", { value = af.integer })
local Ack = af.event("ack")

return af.flow {
  name = "lost_ack",
  mock = { sender = 1, receiver = 1 },
  roles = {
    sender = {
      start = "sending",
      states = {
        sending = {
          enter = function(party)
            party:send(party:nodes("receiver")[1], Report { value = 1 })
            return "waiting_ack"
          end,
        },
        waiting_ack = { -- no `after`: neither the report nor the acknowledgement is sent again
          [Ack] = function() return af.done() end,
        },
      },
    },
    receiver = {
      start = "receiving",
      states = {
        receiving = {
          [Report] = function(party, event, from)
            party:send(from, Ack {})
            return af.done(event.value)
          end,
          may_end = true,
        },
      },
    },
  },
}
