-- Roles that are plain functions, beside a state machine. Expected: exit 0.
local af = require "af"

local Ping = af.event("ping", { n = af.integer })
local Pong = af.event("pong", { n = af.integer })

return af.flow {
  name = "sequential", mock = { asker = 2, server = 1 },
  roles = {
    asker = function(party)
      for n = 1, 3 do
        party:send("server-1", Ping { n = n })
        for event, info in party.contractor:contract_events { timeout = 30 } do
          if Pong:is(event) then
            af.expect(event.n == n and info.from == "server-1" and #info.uuid == 36)
            break
          end
        end
        af.sleep(1)
      end
      local started = af.now()
      for _ in party.contractor:contract_events { timeout = 2.5 } do
        error("nothing more should come")
      end
      af.expect(math.abs(af.now() - started - 2.5) < 1e-6)
      party:log("done at %.1f", party:now())
    end,
    server = { start = "s", states = { s = {
      may_end = true,
      [Ping] = function(party, event, from) party:send(from, Pong { n = event.n }) end,
    } } },
  },
}
