-- What a comment on a finding's line allows is none; a comment that names no rule is one.
local af = require "af"
local Tell = af.event("tell", { text = af.string })
local Never = af.event "never" -- lint: allow unsent: an operator sends it

return af.flow {
  name = "allowed", mock = { keeper = 1, teller = 1 },
  roles = {
    keeper = { data = function() return { all = {}, more = {} } end, start = "hearing", states = {
      hearing = {
        [Tell] = function(party, event)
          table.insert(party.data.all, event.text) -- lint: allow growth
          table.insert(party.data.more, event.text) -- lint: allow secret, unsent -- expect: growth
        end,
        [Never] = function() return af.done() end, -- lint: allow growht -- expect: comment
        may_end = true,
      },
      left = { [Never] = "hearing" }, -- lint: allow unentered, random-key
    } },
    teller = { start = "s", states = { s = { enter = function(party)
      party:send("keeper-1", Tell { text = "-- lint: allow growth" })
      return af.done()
    end } } },
  },
}
