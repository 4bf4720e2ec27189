-- States that nothing enters: by no name, by itself alone, or only by another role's.
local af = require "af"
local Go = af.event "go"

return af.flow {
  name = "states", mock = { a = 1, b = 1 },
  roles = {
    a = { start = "first", states = {
      first = { enter = function(party) party:send("b-1", Go {}) end, after = { 1, "second" } },
      second = { [Go] = function() return "t" .. "hird" end, after = { 1, "second" } },
      third = { enter = function() return af.done() end },
      forgotten = { [Go] = function() return "first" end }, -- expect: unentered
      circle = { [Go] = function() return "circle" end }, -- expect: unentered
      fourth = { [Go] = "second" }, -- expect: unentered
      fifth = { -- expect: unentered
        enter = function(party)
          local word = (function() return "word" end)()
          if party.data[word] then return "second"
          elseif party.data.x then return "sixth" end -- expect: no-state
        end,
        [Go] = function() return "sec" .. "onds" end,
        timeout = { late = function() return "sixth" end }, -- expect: no-state
      },
    } },
    b = { start = "fourth", states = {
      fourth = { [Go] = function() return af.done() end, after = { 1, "fifth" } },
      ["fifth"] = { after = { 1, function(party) return party.data.next or "sixth" end },
        enter = function(party) party.data.next = nil end },
      sixth = { may_end = true },
    } },
  },
}
