--- Cyclic training: one model goes from trainer to trainer, by way of a coordinator, each of whom
--- trains it on data of its own. What FedAvg does side by side, this does one after the other.
---
---   coordinator  ── hand_over ────► trainer   here is the model of this step
---   coordinator  ◄── handed_back ── trainer   and so it is now
---   coordinator  ── notice_task_completion ► all   it has gone round often enough
---
--- Models are files; events have their URLs and digests.
---
--- Holds: with a trainer alive it ends; the model is what training in sequence gives, of those that
--- are counted, in that order, bit for bit. A trainer trains once a step, and answers the same
--- again; the model counts each training once. Who does not hand back in its tries is passed over,
--- and asked again in the next round; what it hands back late is not counted.
---
--- Checked in every interleaving with 3 trainers and 2 rounds: one contract copied; one dropped and
--- one trainer lost; one crash and one early timeout. A mistake that a check finds: a late model
--- that is taken for this step's. Oracle: the same training in a row.

local af = require "af"
local learner, model_file = require "training.learner", require "training.model_file"

local vector = af.vector

local step = af.integer { min = 1 }
local url, sha256 = model_file.fields.url, model_file.fields.sha256
local HandOver = af.event("hand_over", { step = step, url = url, sha256 = sha256 })
local HandedBack = af.event("handed_back",
  { step = step, peer_id = af.id, url = url, sha256 = sha256 })

-- The coordinator. -------------------------------------------------------------------------------

local function trainers(party) return party:nodes "trainer" end

---Whose turn a step is.
local function turn(party)
  local all = trainers(party)
  return all[(party.data.step - 1) % #all + 1]
end

---Goes on with the next step; at the end with what all steps gave.
local function go_on(party)
  local data = party.data
  if data.step < #trainers(party) * party.args.rounds then
    data.step = data.step + 1
    return "handing_over"
  end
  if not data.counted[1] then return af.fail "no trainer has handed the model back" end
  party:notify_task_completion(true)
  return af.done { parameters = vector.unpack(party:kept(data.model)), counted = data.counted }
end

local coordinator = {
  data = function(party)
    local args = party.args
    return { step = 1, counted = af.array {}, args = { train = args.train, rate = args.rate,
      steps = args.steps, parameters = table.move(args.parameters, 1, #args.parameters, 1, {}) } }
  end,
  start = "begin",
  states = {
    begin = { enter = function(party)
      local first = learner.first(party) or vector.pack(party.args.parameters)
      party.data.model = party:keep(first)
      return "handing_over"
    end },
    handing_over = af.patterns.ask {
      to = turn,
      say = function(party, _, try)
        local data = party.data
        if try == 1 then data.file = model_file.publish(party, party:kept(data.model)) end
        return HandOver { step = data.step, url = data.file.url, sha256 = data.file.sha256 }
      end,
      answer = HandedBack,
      accept = function(party, event)
        if event.step ~= party.data.step or event.peer_id ~= turn(party) then return false end
        local count = vector.count(party:kept(party.data.model))
        local model, why = model_file.fetch(event, count)
        if model == nil then
          party:log("the model of %s is refused: %s", event.peer_id, why)
          return false
        end
        party.data.model = party:keep(model)
        table.insert(party.data.counted, { step = event.step, peer_id = event.peer_id })
        return true
      end,
      every = function(party) return party.args.every end,
      tries = function(party) return party.args.tries end,
      done = go_on,
      short = function(party)
        party:log("%s does not hand the model back, and is passed over", turn(party))
        return go_on(party)
      end,
      more = { ignore = { af.NoticeTaskCompletion } },
    },
  },
}

-- A trainer. -------------------------------------------------------------------------------------

local trainer = {
  data = function() return { step = 0, trained = 0 } end,
  start = "serving",
  states = { serving = {
    [HandOver] = function(party, event, from)
      local data = party.data
      if event.step < data.step then return end -- late
      if event.step > data.step then
        local model, why = model_file.fetch(event)
        if model == nil then
          party:log("the model of step %d is refused: %s", event.step, why)
          return
        end
        data.file = model_file.publish(party, learner.train(party, model))
        data.step, data.trained = event.step, data.trained + 1
      end
      party:send(from or party:nodes "coordinator"[1], HandedBack { step = data.step,
        peer_id = party.id, url = data.file.url, sha256 = data.file.sha256 })
      return "serving"
    end,
    [af.NoticeTaskCompletion] = function(party)
      return af.done { trained = party.data.trained }
    end,
    may_end = true,
    after = {
      function(party) return party.args.every * (party.args.tries * #trainers(party) + 3) end,
      function() return af.fail "the coordinator is silent" end,
    },
  } },
}

return af.flow {
  name = "cyclic",
  mock = { coordinator = 1, trainer = 3 },
  args = learner.args {
    rounds = af.optional(af.integer { min = 1 }, 2),
    parameters = af.optional(af.list(af.number, { min_length = 1 }), { 0.0, 0.0, 0.0 }),
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- then it is passed over
  },
  roles = { coordinator = coordinator, trainer = trainer },
  invariants = {
    ["each training is counted once, in order"] = function(world)
      local last = 0
      for _, one in ipairs(world:with_role("coordinator")[1].data.counted) do
        if one.step <= last then return false end
        last = one.step
      end
      return true
    end,
    -- Without data a trainer moves the model towards numbers of its place (training.learner).
    ["the model is that of training in sequence"] = function(world)
      local one = world:with_role("coordinator")[1]
      if one.ended ~= "done" then return true end
      local places, args = {}, one.data.args
      if args.train ~= "" then return true end
      for place, peer in ipairs(world:with_role "trainer") do places[peer.id] = place end
      local numbers = vector.pack(args.parameters)
      for _, turn_of in ipairs(one.result.counted) do
        local place = places[turn_of.peer_id]
        local own = vector.pack { place, place * place, 1 / place }
        for _ = 1, args.steps do
          numbers = vector.axpy(args.rate, vector.sub(own, numbers), numbers)
        end
      end
      return numbers == vector.pack(one.result.parameters)
    end,
  },
}
