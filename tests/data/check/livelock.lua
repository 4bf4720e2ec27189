--- Two parties who hand a ball to each other for ever, unless the first to have it keeps it.

local af = require "af"

local Ball = af.event("ball", {})
local Stop = af.event("stop", {})

local function other(party)
  for _, id in ipairs(party:nodes("player")) do if id ~= party.id then return id end end
end

return af.flow {
  name = "livelock",
  mock = { player = 2 },
  roles = {
    player = {
      start = "serving",
      states = {
        serving = {
          enter = function(party)
            if party.id == "player-1" then
              party:send(other(party), Ball {})
              party:send(party.id, Stop {})
            end
          end,
          [Ball] = function(party)
            party:send(other(party), Ball {})
            return "playing"
          end,
          [Stop] = function(party)
            party:send(other(party), Stop {})
            return af.done()
          end,
        },
        playing = {
          [Ball] = function(party) party:send(other(party), Ball {}) end,
          ignore = { Stop },
        },
      },
    },
  },
}
