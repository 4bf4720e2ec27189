--- What `afrun new --from` can begin with: each a flow, and its tests.

local flows = {}

flows.states = {
  says = "Askers ask an oracle, again and again until it has answered.",
  flow = [==[
local af = require "af"

local Ask = af.event("ask", { question = af.string })
local Answer = af.event("answer", { question = af.string, text = af.string })

return af.flow {
  name = "%{name}", version = 1,
  args = { question = af.optional(af.string, "why?") },
  mock = { asker = 2, oracle = 1 }, -- how many of each a simulated run has
  roles = {
    asker = {
      start = "asking",
      states = {
        asking = {
          enter = function(party)
            party:send(party:nodes("oracle"), Ask { question = party.args.question })
          end,
          after = { 5, "asking" }, -- no answer: ask again
          [Answer] = function(party, event)
            af.expect(event.question == party.args.question, "an answer to another question")
            return af.done(event.text)
          end,
        },
      },
    },
    oracle = {
      start = "listening",
      states = {
        listening = {
          [Ask] = function(party, event, from)
            party:send(from, Answer { question = event.question, text = "because" })
          end,
          may_end = true,
        },
      },
    },
  },
  invariants = {
    ["no asker fails"] = function(world)
      for _, asker in ipairs(world:with_role("asker")) do
        if asker.ended == "failed" then return false end
      end
      return true
    end,
  },
}
]==],
  test = [==[
local t = require "af.test"

local nodes = { asker = { "a1", "a2" }, oracle = { "o" } }

t.test("an asker asks, and asks again", function()
  local asker = t.party("%{name}.lua", "asker", { id = "a1", nodes = nodes })
  t.equal(asker.sent, { { to = { "o" }, event = { type = "ask", question = "why?" } } })
  asker:fire "after"
  t.equal(asker.sent[1].event.type, "ask")
end)

t.test("an asker is done with the answer", function()
  local asker = t.party("%{name}.lua", "asker", { id = "a1", nodes = nodes })
  asker:receive(asker.events.answer { question = "why?", text = "so" }, "o")
  t.equal({ asker.ended, asker.result }, { "done", "so" })
end)

t.test("an answer to another question is no answer", function()
  local asker = t.party("%{name}.lua", "asker", { id = "a1", nodes = nodes })
  t.raises("another question", function()
    asker:receive(asker.events.answer { question = "how?", text = "so" }, "o")
  end)
end)

t.run("%{name}.lua", { seeds = 100, drop = 0.1 })
t.check("%{name}.lua", { drop = 1 })
]==],
}

flows.ask = {
  says = "A client asks a server for a number, three times at most (`af.patterns.ask`).",
  flow = [==[
local af = require "af"

local Ask = af.event("ask", { key = af.string })
local Answer = af.event("answer", { key = af.string, value = af.integer })

return af.flow {
  name = "%{name}", version = 1,
  args = { key = af.optional(af.string, "answer") },
  mock = { client = 2, server = 1 },
  roles = {
    client = {
      start = "asking",
      states = {
        asking = af.patterns.ask {
          to = function(party) return party:nodes("server")[1] end,
          say = function(party) return Ask { key = party.args.key } end,
          answer = Answer,
          accept = function(party, event) return event.key == party.args.key end,
          take = function(party, _, event) party.data.value = event.value end,
          every = 5, tries = 3,
          done = function(party) return af.done(party.data.value) end,
          short = function() return af.fail "no answer" end,
        },
      },
    },
    server = {
      start = "serving",
      data = function() return { values = { answer = 42 } } end,
      states = {
        serving = {
          [Ask] = function(party, event, from)
            party:send(from, Answer { key = event.key, value = party.data.values[event.key] or 0 })
          end,
          may_end = true,
        },
      },
    },
  },
}
]==],
  test = [==[
local t = require "af.test"

local nodes = { client = { "c" }, server = { "s" } }

t.test("a client takes the answer to its question only", function()
  local client = t.party("%{name}.lua", "client", { nodes = nodes })
  t.equal(client.sent, { { to = { "s" }, event = { type = "ask", key = "answer" } } })
  client:receive(client.events.answer { key = "another", value = 1 }, "s")
  t.equal(client.ended, nil)
  client:receive(client.events.answer { key = "answer", value = 42 }, "s")
  t.equal({ client.ended, client.result }, { "done", 42 })
end)

t.test("a client gives up after three tries", function()
  local client = t.party("%{name}.lua", "client", { nodes = nodes })
  for _ = 1, 3 do client:fire "after" end
  t.equal({ client.ended, client.reason }, { "failed", "no answer" })
end)

t.run("%{name}.lua", { seeds = 100, drop = 0.05 })
t.check("%{name}.lua", { drop = 1 })
]==],
}

flows.gather = {
  says = "A server gathers a number from each of its clients, round by round\n"
    .. "(`af.patterns.gather`).",
  flow = [==[
local af = require "af"

local count = af.integer { min = 1 }
local Ask = af.event("ask", { round = count })
local Value = af.event("value", { round = count, value = af.integer })

---The sum, in the order of names: the order in which values come is chance.
local function sum(values)
  local total = 0
  for _, value in pairs(values) do total = total + value end
  return total
end

return af.flow {
  name = "%{name}", version = 1,
  args = { rounds = af.optional(count, 2) },
  mock = { server = 1, client = 3 },
  roles = {
    server = {
      start = "gathering",
      data = function() return { round = 1, values = {} } end,
      states = {
        gathering = af.patterns.gather {
          from = function(party) return party:nodes("client") end,
          ask = function(party) return Ask { round = party.data.round } end,
          answer = Value,
          accept = function(party, event) return event.round == party.data.round end,
          take = function(party, id, event) party.data.values[id] = event.value end,
          every = 10, tries = 3, need = 2,
          done = function(party)
            local total = sum(party.data.values)
            if party.data.round == party.args.rounds then return af.done(total) end
            party.data.round = party.data.round + 1
            party.data.values = {}
            return "gathering"
          end,
          short = function(_, ids) return af.fail(("only %d have answered"):format(#ids)) end,
        },
      },
    },
    client = {
      start = "serving",
      states = {
        serving = {
          [Ask] = function(party, event, from)
            party:send(from, Value { round = event.round, value = 10 * event.round })
          end,
          may_end = true,
        },
      },
    },
  },
}
]==],
  test = [==[
local t = require "af.test"

local nodes = { server = { "s" }, client = { "a", "b", "c" } }

local function server(rounds)
  return t.party("%{name}.lua", "server", { nodes = nodes, args = { rounds = rounds } })
end

t.test("a value counts once, and in its own round", function()
  local s = server(1)
  t.equal(s.sent[1].to, { "a", "b", "c" })
  s:receive(s.events.value { round = 1, value = 1 }, "a")
  s:receive(s.events.value { round = 1, value = 1 }, "a")
  s:receive(s.events.value { round = 2, value = 5 }, "b")
  t.equal(s.data.values, { a = 1 })
end)

t.test("the last round ends it", function()
  local s = server(1)
  for value, id in ipairs(nodes.client) do
    s:receive(s.events.value { round = 1, value = value }, id)
  end
  t.equal({ s.ended, s.result }, { "done", 6 })
end)

t.test("two of three are enough, one is not", function()
  local s = server(1)
  s:receive(s.events.value { round = 1, value = 1 }, "a")
  for _ = 1, 3 do s:fire "after" end
  t.equal({ s.ended, s.reason }, { "failed", "only 1 have answered" })
end)

t.run("%{name}.lua", { seeds = 100, drop = 0.05 })
t.check("%{name}.lua", { drop = 1, args = { rounds = 1 }, parties = { client = 2 } })
]==],
}

flows.part = {
  says = "One round of training as a part (`af.part`): a flow by itself, and for other flows to\n"
    .. "build on.",
  flow = [==[
local af = require "af"

local count = af.integer { min = 1 }
local Train = af.event("train", { round = count })
local Trained = af.event("trained", { round = count, loss = af.integer })

-- In a flow: local Round = require "%{name}", and a state
-- `first = Round.server { round = 1, done = "second", failed = "give_up" }`.
return af.part {
  name = "%{name}",
  mock = { server = 1, client = 2 },
  params = { round = af.optional(count, 1) },
  roles = {
    server = function(at)
      return { start = "training", data = function() return { loss = 0 } end, states = {
        training = af.patterns.gather {
          from = function(party) return party:nodes(at.role "client") end,
          ask = function(party) return Train { round = at.param(party, "round") } end,
          answer = Trained,
          accept = function(party, event) return event.round == at.param(party, "round") end,
          take = function(party, _, event)
            local data = at.data(party)
            data.loss = data.loss + event.loss
          end,
          every = 10, tries = 3,
          done = function(party) return at.done(party, at.data(party).loss) end,
          short = function(party) return at.failed(party, "too few") end,
        },
      } }
    end,
    client = function()
      return { start = "serving", states = {
        serving = {
          [Train] = function(party, event, from)
            party:send(from, Trained { round = event.round, loss = 3 })
          end,
          may_end = true,
        },
      } }
    end,
  },
}
]==],
  test = [==[
local t = require "af.test"

local nodes = { server = { "s" }, client = { "a", "b" } }

t.test("the losses are summed up, each once", function()
  local s = t.party("%{name}.lua", "server", { nodes = nodes })
  t.equal(s.sent[1].to, { "a", "b" })
  s:receive(s.events.trained { round = 1, loss = 4 }, "a")
  s:receive(s.events.trained { round = 1, loss = 4 }, "a")
  s:receive(s.events.trained { round = 1, loss = 2 }, "b")
  t.equal({ s.ended, s.result }, { "done", 6 })
end)

t.test("a client answers to the round that it is asked for", function()
  local c = t.party("%{name}.lua", "client", { id = "a", nodes = nodes })
  c:receive(c.events.train { round = 7 }, "s")
  t.equal(c.sent, { { to = { "s" }, event = { type = "trained", round = 7, loss = 3 } } })
end)

t.run("%{name}.lua", { seeds = 100, drop = 0.05 })
t.check("%{name}.lua", { drop = 1 })
]==],
}

flows.sequential = {
  says = "Roles as plain functions, for ports of notebooks. They are simulated and run for real,\n"
    .. "but neither checked nor resumed after a crash: states are.",
  unchecked = true,
  flow = [==[
local af = require "af"

local Ask = af.event("ask", { question = af.string })
local Answer = af.event("answer", { text = af.string })

local Factory = af.TaskMessageEventFactory:extend { Ask, Answer }
local Contractor = af.TaskMessageContractor:extend { event_factory = Factory }

return af.flow {
  name = "%{name}", version = 1,
  mock = { asker = 1, oracle = 1 },
  roles = {
    asker = function(party)
      local contractor = Contractor(party.task_id)
      for _ = 1, 10 do
        contractor:new_contract(party:nodes("oracle"), Ask { question = "why?" })
        local event = contractor:contract_events { timeout = 5, types = { Answer } }()
        if event then
          print("the answer is " .. event.text)
          contractor:notify_task_completion(true)
          return
        end
      end
      error "no answer"
    end,
    oracle = function(party)
      local contractor = Contractor(party.task_id)
      for event, info in contractor:contract_events { timeout = 60 } do
        if Ask:is(event) then
          contractor:new_contract(info.from, Answer { text = "because" })
        elseif af.NoticeTaskCompletion:is(event) then
          return
        end
      end
    end,
  },
}
]==],
  test = [==[
local t = require "af.test"

t.run("%{name}.lua", { seeds = 100 })
t.run("%{name}.lua", { seeds = 100, latency = "1ms..2s" })
]==],
}

return flows
