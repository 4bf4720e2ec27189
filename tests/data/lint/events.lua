-- Events that are never sent, or never handled.
local af = require "af"
local Ask, Answer = af.event "ask", af.event("answer", { text = af.string })
local Nobody = af.event "nobody" -- expect: unsent
local Deaf = af.event("deaf", { n = af.integer }) -- expect: unhandled
local Unknown = af.event "unknown" -- expect: unhandled
local events = {
  Go = af.event "go",
  Lost = af.event "lost", -- expect: unhandled unsent
}

local function shout(party, make) party:broadcast(make {}) end

return af.flow {
  name = "events", mock = { a = 1, b = 1 },
  roles = {
    a = { start = "s", states = { s = {
      enter = function(party)
        party:send("b-1", Ask {})
        party:send("b-1", Deaf { n = 1 })
        shout(party, events.Go)
        if Unknown == nil then party:send("b-1", Unknown {}) end
      end,
      after = { 5, "s" },
      [Answer] = function(_, event) return af.done(event.text) end,
      [Nobody] = function() return af.done() end,
    } } },
    b = { start = "s", states = { s = {
      [Ask] = function(party, event, from)
        if Nobody:is(event) then return end
        party:send(from, Answer { text = "yes" })
      end,
      [events.Go] = function() end,
      ignore = { Deaf, events.Lost }, may_end = true,
    } } },
  },
}
