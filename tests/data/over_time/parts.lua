--- A part stands at two places: its monitor watches each by itself.

local af = require "af"
local Game = require "game"

return af.flow {
  name = "parts", mock = { a = 1, b = 1 },
  args = { again = af.optional(af.boolean, false) },
  roles = {
    a = { start = "first", states = {
      first = Game.left { done = function(party)
        return party.args.again and not party.data.was and "twice" or "second"
      end },
      twice = { enter = function(party) party.data.was = true return "first" end },
      second = Game.left {},
    } },
    b = { start = "first", states = { first = Game.right {}, second = Game.right {} } },
  },
}
