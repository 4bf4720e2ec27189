-- enter, after, defer, ignore, deadlines, transactions, order. Expected: exit 0.
local af = require "af"

local A = af.event("a", { n = af.integer })
local B = af.event("b", {})
local C = af.event("c", {})

return af.flow {
  name = "states", mock = { server = 1, client = 1 },
  roles = {
    client = { start = "go", states = { go = {
      enter = function(party)
        for i = 1, 3 do
          party:send("server-1", A { n = i })
        end
        party:send({ "server-1", "server-1" }, B {})
        party:send("server-1", C {})
        party:send({}, C {})
        return "wait"
      end,
    }, wait = {
      after = { function() return 2 end, function(party)
        af.expect(party:now() == 2, party:now())
        return "wait_again"
      end },
    }, wait_again = { after = { 1.5, "last" } }, last = {
      enter = function(party)
        af.expect(party.state == "last" and af.now() == 3.5)
        return af.done { t = party:now() }
      end,
    } } },
    server = {
      data = function(party)
        af.expect(party.role == "server" and party.id == "server-1" and #party:nodes() == 2)
        af.expect(party:nodes()[1] == "client-1" and party:nodes("server")[1] == "server-1")
        af.expect(not pcall(party.nodes, party, "zork"))
        return { seen = {} }
      end,
      start = "first",
      states = {
        first = {
          enter = function(party)
            party:deadline("soon", 10)
            party:deadline("never", 5)
            party:deadline("never", nil)
            party:deadline("moved", 1)
            party:deadline("moved", 30)
          end,
          defer = { A }, ignore = { C },
          [B] = "second",
        },
        second = {
          enter = function(party) party.data.entered = (party.data.entered or 0) + 1 end,
          [A] = function(party, event, from)
            af.expect(from == "client-1")
            table.insert(party.data.seen, event.n)
            party.data.at = party:now()
            if #party.data.seen == 3 then return "second" end
          end,
          [B] = function() error("a second B") end, ignore = { C },
          timeout = { soon = function(party)
            af.expect(party:now() == 10)
            af.expect(party.data.entered == 2, "entering its own state enters it")
            return "third"
          end },
        },
        third = { timeout = { moved = "fourth", never = function() error("was cancelled") end } },
        fourth = { enter = function(party)
          af.expect(party:now() == 30)
          return af.done(party.data.seen)
        end },
      },
    },
  },
}
