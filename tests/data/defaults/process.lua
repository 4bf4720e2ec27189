-- afrun FILE --mock --allow-run sh --trace - --trace-data
local af = require "af"
return af.flow { name = "process", roles = { one = { start = "begun", states = { begun = {
  enter = function(party)
    local ran = af.process.run("sh", { --[[af.process.run(options).args]] input = "echo one" })
    party:log("%d %s", ran.status, ran.output)
    ran = af.process.run("sh", { args = { "-c", "cat; echo two" }, --[[af.process.run(options).input]] })
    party:log("%d %s", ran.status, ran.output)
    party:log("%s", tostring(pcall(af.process.run, "sh", { args = { "-c", "exec sleep 0.3" },
      --[[af.process.run(options).timeout]] })))
    party:log("%s", select(2, pcall(af.process.run, "sh", { args = { "-c", "exec yes" },
      --[[af.process.run(options).max_bytes]] })))
    return af.done(--[[af.done(result)]])
  end,
} } } } }
