--- psi.events: what the parties of psi.lua say. A flow that plays it ignores these in its other
--- states, where copies of them come late.

local af = require "af"

local round = af.integer { min = 1 }

return {
  Init = af.event("psi_init", { initiator = af.id, round = round }),
  Result = af.event("psi_result", { round = round, url = af.string }),
  Received = af.event("psi_received", { round = round, collaborator = af.id }),
  Closed = af.event("psi_closed", { round = round }), -- ours, so that nobody waits for a copy
}
