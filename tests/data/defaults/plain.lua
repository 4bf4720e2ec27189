-- afrun FILE --mock --trace - --trace-data
local af = require "af"
local Ping, Pong = af.event("ping", { n = af.integer }), af.event("pong", { n = af.integer })

return af.flow {
  name = "plain",
  args = { rounds = af.optional(af.integer, 3) },
  mock = { asker = 1, answerer = 2 },
  mock_programs = { train = function() return { output = "trained" } end },
  roles = {
    asker = {
      data = function() return { n = 0 } end,
      start = "asking",
      states = { asking = {
        enter = function(party)
          party:log("%s asks", party.id)
          party:send(party:nodes("answerer"), Ping { n = party.data.n })
        end,
        after = { 5, function(party)
          return party.data.n > 0 and af.fail("nobody answers") or "asking"
        end },
        [Pong] = function(party, event)
          if event.n < party.data.n then return end
          party.data.n = party.data.n + 1
          if party.data.n >= party.args.rounds then return af.done(party.data.n) end
          return "asking"
        end,
      } },
    },
    answerer = { start = "listening", states = { listening = {
      may_end = true,
      [Ping] = function(party, event, from)
        af.process.run("train")
        party:upload_file(af.content("a model"))
        party:send(from, Pong { n = event.n })
      end,
    } } },
  },
}
