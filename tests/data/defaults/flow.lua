-- afrun FILE --mock --allow-fail --trace - --trace-data
-- One party that ends in failure, one that hears of it; what may be said of a flow, a role, a state.
local af = require "af"
local Ping, Pong = af.event("ping", { n = af.optional(af.integer, 1) }), af.event("pong", {})
return af.flow {
  name = "flow",
  --[[af.FlowKeys.version]]
  --[[af.FlowKeys.mock]]
  --[[af.FlowKeys.args]]
  --[[af.FlowKeys.invariants]]
  --[[af.FlowKeys.monitors]]
  --[[af.FlowKeys.eventually]]
  --[[af.FlowKeys.leads_to]]
  --[[af.FlowKeys.report_failure]]
  --[[af.FlowKeys.mock_programs]]
  roles = {
    aggregator = {
      --[[af.RoleKeys.data]]
      --[[af.RoleKeys.always]]
      start = "begun", states = {
        begun = {
          --[[af.StateKeys.enter]]
          --[[af.StateKeys.after]]
          --[[af.StateKeys.defer]]
          --[[af.StateKeys.ignore]]
          --[[af.StateKeys.timeout]]
          --[[af.StateKeys.may_end]]
        },
        over = { enter = function() return af.done() end, ignore = { Ping, Pong } },
      },
    },
    client = { start = "begun", states = { begun = {
      enter = function(party)
        party:send(party:nodes(--[[party:nodes(role)]]), Pong {})
        party:upload_file(af.content("a report")--[[party:upload_file(persistent)]])
        party:upload_file(af.content("a model"), false--[[party:upload_file(upload_name)]])
        local ran = pcall(af.process.run, "train")
        party:send(party:nodes("aggregator"), Ping {})
        party:log("%s", tostring(ran))
      end,
      [Pong] = function() end,
      [af.PartyFailed] = "failed",
      after = { 1, "failed" },
      may_end = true,
    }, failed = { enter = function(party)
      if #party:nodes() > 1 then return af.fail("so it is") end
      return af.done()
    end } } },
  },
}
