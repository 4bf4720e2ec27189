-- States that ask and wait without an end.
local af = require "af"
local Ask, Answer = af.event "ask", af.event "answer"

local function ask(party) party:send("server-1", Ask {}) end

return af.flow {
  name = "waits", mock = { client = 1, server = 1 },
  roles = {
    client = { start = "asking", states = {
      asking = { -- expect: endless-wait
        enter = function(party) party:send("server-1", Ask {}) end,
        [Answer] = "going",
      },
      going = { enter = function(party)
        party:send("server-1", Ask {})
        return "hearing"
      end },
      hearing = { [Answer] = "again" }, -- expect: endless-wait
      again = { enter = ask, after = { 5, "again" }, [Answer] = "limited" },
      limited = {
        enter = function(party)
          party:send("server-1", Ask {})
          party:deadline("give_up", 60)
        end,
        [Answer] = function() return af.done() end,
        timeout = { give_up = function() return af.fail "no answer" end },
      },
    } },
    server = { start = "serving", states = { serving = { -- who is asked need not ask
      [Ask] = function(party, _, from) party:send(from, Answer {}) end, may_end = true,
    } } },
  },
}
