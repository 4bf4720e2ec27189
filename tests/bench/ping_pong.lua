--- A ring: each party sends to the next, and sends on what it receives until it has gone `rounds`
--- hops. Each delivered event is validated, copied, handled and committed.

local af = require "af"

local Sync = af.event("sync", {
  aggregator = af.id, current_round = af.integer { min = 0 }, participants = af.list(af.id),
})

local AGGREGATOR = "d54a3af2-83e2-4da6-bc8d-2dc03634612c"
local FIRST = "6c8c2a1e-2a4e-4c9f-9a0e-0d6f6f1e0a11"
local SECOND = "0b8f7b2a-7a8e-4f8e-8f64-2d1d5b1c4e22"
local THIRD = "f2a9d3c4-5e6f-4a7b-8c9d-0e1f2a3b4c33"

local function send_on(party, round)
  party:send(party.data.next, Sync {
    aggregator = AGGREGATOR, current_round = round, participants = { FIRST, SECOND, THIRD },
  })
end

return af.flow {
  name = "ping_pong",
  args = { rounds = af.optional(af.integer { min = 1 }, 1000) },
  mock = { player = 2 },
  roles = {
    player = {
      data = function(party)
        local ids = party:nodes()
        for i, id in ipairs(ids) do
          if id == party.id then return { next = ids[i % #ids + 1], round = 0 } end
        end
      end,
      start = "playing",
      states = {
        playing = {
          enter = function(party) send_on(party, 1) end,
          [Sync] = function(party, event)
            af.expect(event.aggregator == AGGREGATOR and #event.participants == 3, "another event")
            party.data.round = event.current_round
            if event.current_round < party.args.rounds then
              send_on(party, event.current_round + 1)
            end
          end,
          may_end = true,
        },
      },
    },
  },
}
