-- Two rounds of asking in one part: a flow by itself, and a part of parts_twice.lua.
local af = require "af"
local count = af.integer { min = 0 }
local Start = af.event("start_round", { round = count })
local Ready = af.event("ready", { round = count, value = af.integer })
local Close = af.event("close_round", { round = count })
local Closed = af.event("closed", { round = count })

return af.part {
  name = "training",
  mock = { server = 1, client = 2 },
  params = { round = af.optional(count, 1), need = af.optional(count, 1) },
  roles = {
    server = function(at)
      local function clients(party) return party:nodes(at.role "client") end
      local function fits(party, event) return event.round == at.param(party, "round") end
      return { start = "collect", data = function() return { sum = 0 } end, states = {
        collect = af.patterns.gather {
          from = clients, every = 10, tries = 2, answer = Ready, accept = fits,
          need = function(party) return at.param(party, "need") end,
          ask = function(party) return Start { round = at.param(party, "round") } end,
          take = function(party, _, event)
            local data = at.data(party)
            data.sum = data.sum + event.value
          end,
          done = at.state "close",
          short = function(party) return at.failed(party, "no quorum") end,
          more = { ignore = { Closed } },
        },
        close = af.patterns.gather {
          from = clients, every = 10, tries = 2, need = 0, answer = Closed, accept = fits,
          ask = function(party) return Close { round = at.param(party, "round") } end,
          done = function(party) return at.done(party, at.data(party).sum) end,
          more = { ignore = { Ready } },
        },
      } }
    end,
    client = function()
      return { start = "serving", states = { serving = {
        [Start] = function(party, event, from)
          party:send(from, Ready { round = event.round, value = 1 })
        end,
        [Close] = function(party, event, from) party:send(from, Closed { round = event.round }) end,
        may_end = true,
      } } }
    end,
  },
  invariants = {
    ["counted once"] = function(world, at)
      local server = world:with_role(at.role "server")[1]
      return (at.data(server).sum or 0) <= #world:with_role(at.role "client") * 2
    end,
  },
}
