-- The tests beside sync_state.lua: `afrun test flows`.
local t = require "af.test"

local nodes = { initiator = { "a" }, participant = { "p1", "p2" } }

t.test("a query is answered with the round", function()
  local initiator = t.party("sync_state.lua", "initiator", { nodes = nodes, args = { round = 3 } })
  t.equal(initiator.state, "waiting_query")
  initiator:receive(initiator.events.query { querier = "p1" }, "p1")
  t.equal(initiator.state, "waiting_response")
  t.equal(initiator.sent[1].to, { "p1" })
  t.equal(initiator.sent[1].event.current_round, 3)
end)

t.test("who does not answer is told again", function()
  local initiator = t.party("sync_state.lua", "initiator", { nodes = nodes })
  initiator:receive(initiator.events.query { querier = "p1" }, "p1")
  initiator:fire "after"
  t.equal(initiator.sent[1].event.type, "sync")
  t.equal(initiator.sent[1].to, { "p1" })
end)

t.test("the initiator is done when all have answered", function()
  local initiator = t.party("sync_state.lua", "initiator", { nodes = nodes })
  for _, id in ipairs(nodes.participant) do
    initiator:receive(initiator.events.query { querier = id }, id)
    initiator:receive(initiator.events.sync_resp { querier = id }, id)
  end
  t.equal({ initiator.ended, initiator.result }, { "done", { synced = 2 } })
end)

t.run("sync_state.lua", { seeds = 50, drop = 0.05, duplicate = 0.05 })
t.check("sync_state.lua", { drop = 1, parties = { participant = 2 } })
