-- afrun FILE --mock --allow-fail --trace - --trace-data
local af = require "af"
local Hello = af.event("hello", {})
return af.flow { name = "suspect", mock = { member = 2, mute = 1 }, roles = {
  member = {
    always = af.patterns.suspect { every = 1, after = 3,
      suspected = function(party, id) party:log("%s is silent", id) end,
      --[[af.SuspectOptions.who]]
      --[[af.SuspectOptions.more]]
    },
    start = "begun", states = { begun = { after = { 10, function() return af.done() end } } },
  },
  mute = {
    always = af.patterns.suspect { every = 1, after = 99, suspected = function() end, more = { ignore = { Hello } } },
    start = "begun", states = { begun = {
      enter = function(party) party:send(party:nodes("member"), Hello {}) end,
      after = { 2, function() return af.done() end },
    } },
  },
} }
