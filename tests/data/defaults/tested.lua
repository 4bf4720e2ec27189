-- afrun test FILE
local t = require "af.test"
t.test("a party", function()
  local a = t.party("plain.lua", "asker", { --[[af.TestPartyOptions.id]] --[[af.TestPartyOptions.nodes]]
    --[[af.TestPartyOptions.args]] })
  t.equal({ state = a.state, data = a.data, sent = #a.sent }, { state = "asking", data = { n = 0 }, sent = 0 })
  t.equal(a.logged, {})
end)
t.test("one without options", function()
  local a = t.party("plain.lua", "answerer"--[[t.party(options)]])
  t.equal(a.state, ""--[[t.equal(what)]])
end)
t.run("plain.lua"--[[t.run(options)]])
t.check("checked.lua"--[[t.check(options)]])
