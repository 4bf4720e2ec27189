-- Counts ten ticks of its own timer, whatever crashes come between. Expected: exit 0.
local af = require "af"

return af.flow {
  name = "resume", mock = { node = 1 },
  roles = { node = {
    data = function() return { ticks = 0, at = {} } end,
    start = "ticking",
    states = { ticking = {
      after = { 1, function(party)
        party.data.ticks = party.data.ticks + 1
        party.data.at[party.data.ticks] = party:now()
        if party.data.ticks < 10 then return "ticking" end
        for i = 2, 10 do
          af.expect(party.data.at[i] - party.data.at[i - 1] >= 0.999, "a tick came too soon")
        end
        return af.done { ticks = party.data.ticks }
      end },
    } },
  } },
}
