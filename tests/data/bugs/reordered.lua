--- A planted bug: the writer closes right after its last line, as if messages kept their order.

local af = require "af"

local Line = af.event("line", { number = af.integer })
local Close = af.event("close", { lines = af.integer })

return af.flow {
  name = "reordered",
  mock = { writer = 1, reader = 1 },
  roles = {
    writer = {
      start = "writing",
      states = {
        writing = {
          enter = function(party)
            local reader = party:nodes("reader")[1]
            party:send(reader, Line { number = 1 })
            party:send(reader, Close { lines = 1 })
            return af.done()
          end,
        },
      },
    },
    reader = {
      data = function() return { lines = 0 } end,
      start = "reading",
      states = {
        reading = {
          [Line] = function(party) party.data.lines = party.data.lines + 1 end,
          [Close] = function(party, event)
            af.expect(party.data.lines == event.lines, "a line is missing")
            return af.done(party.data)
          end,
        },
      },
    },
  },
}
