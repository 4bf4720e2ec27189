-- Rows of every state: by event and by deadline; a state's own row wins. Expected: exit 0.
local af = require "af"

local Ask = af.event("ask", {})
local Note = af.event("note", {})
local Go = af.event("go", {})

return af.flow {
  name = "always", mock = { teller = 1, hearer = 1 },
  roles = {
    teller = {
      start = "one",
      always = {
        [Note] = function(party) party.data.notes = (party.data.notes or 0) + 1 end,
        [Go] = function() error "the state's own row wins" end,
        ignore = { Ask },
        timeout = { tick = function(party) party.data.ticks = (party.data.ticks or 0) + 1 end,
          tock = function() error "the state's own timeout wins" end },
      },
      states = {
        one = {
          enter = function(party)
            party:send("hearer-1", Ask {})
            party:deadline("tick", 1)
            party:deadline("tock", 2)
          end,
          [Go] = "two", timeout = { tock = function() end },
        },
        two = {
          enter = function(party) party:send("hearer-1", Ask {}) end,
          timeout = { tock = function() end }, [Go] = "three",
        },
        three = { timeout = { tock = function() end }, [Go] = function() end, after = { 5,
          function(party) return af.done { party.data.notes, party.data.ticks } end } },
      },
    },
    hearer = {
      start = "wait",
      always = { defer = { Note } },
      states = { wait = {
        [Ask] = function(party, _, from)
          party:send(from, Ask {})
          party:send(from, Note {})
          party:send(from, Go {})
          party:send(party.id, Note {})
          party.data.asked = (party.data.asked or 0) + 1
          if party.data.asked == 2 then return "take" end
        end,
      }, take = { [Note] = function(party)
        party.data.taken = (party.data.taken or 0) + 1
        if party.data.taken == 2 then return af.done(party.data.taken) end
      end } },
    },
  },
}
