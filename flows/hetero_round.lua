--- Vertical training: a host has the labels, collaborators have columns of the same people. Each
--- works on its own columns; what passes between them are sums over columns, and gradients. The
--- platform's vertical round, with split logistic regression.
---
---   collaborator  ── checkin ─────────────► host   I want to take part
---   collaborator  ◄──── checkin_response ── host
---   collaborator  ◄────────── sync_state ── host   a round begins
---   collaborator  ── sync_state_response ─► host
---   collaborator  ◄════════════ psi ══════► host   first, and after a reset: which rows
---   collaborator  ◄───────── start_round ── host
---   collaborator  ◄────── ready_4_fusion ── host   for each batch: your sums, please
---   collaborator  ════════════════════════► host   by the data channel
---   collaborator  ◄════════════════════════ host   the gradients of this batch
---   collaborator  ◄──── start_test_round ── host   your sums of the rows for testing
---   collaborator  ════════════════════════► host
---   collaborator  ◄──── close_test_round ── host   always
---   collaborator  ◄───────── close_round ── host
---   collaborator  ◄─────── complete_task ── host   at the end, or fail_task
---   collaborator  ── collab_complete ─────► host   its model has been sent
---
--- Holds: all collaborators are needed; with all alive it ends, and the model is what one place
--- with all columns would learn. One batch is under way at a time; gradients go with the batch that
--- they came from. Who is silent has the round begun again from what was there when the last one
--- was closed (reset_round); three times, then the task fails. Words that are lost are made up for
--- by the next: sync_state tells which round it is, and how often it was begun (`epoch`, ours).
---
--- Checked in every interleaving with 2 collaborators, 1 round, 2 batches and 2 tries: with psi as
--- it is; with known rows one contract dropped, or copied, one party lost, or one crash of a short
--- absence (--away 1); psi is checked alone.
--- A mistake that a check finds: gradients that are taken for any batch. Oracle: logistic
--- regression in one place, to 1e-12.

local af = require "af"
local Psi, said = require "psi", require "psi.events"
local table_of = require "training.vertical"

local vector = af.vector

local round = af.integer { min = 0 }
local epoch = af.optional(round, 0)

local Checkin = af.event("checkin", { peer_id = af.id, nonce = af.string })
local CheckinResponse = af.event("checkin_response",
  { round = round, host = af.id, nonce = af.string })
local SyncState = af.event("sync_state", { round = round, host = af.id, epoch = epoch })
local SyncStateResponse = af.event("sync_state_response",
  { round = round, peer_id = af.id, epoch = epoch })
local StartRound = af.event("start_round", { round = round })
-- which batch it is, and how often the round was begun, are optional fields of ours
local mark = af.optional(round)
local Ready4Fusion = af.event("ready_4_fusion", { round = round, batch = mark, epoch = mark })
local StartTestRound = af.event("start_test_round", { round = round, batch = mark, epoch = mark })
local CloseTestRound = af.event("close_test_round", { round = round })
local CloseRound = af.event("close_round", { round = round })
local ResetRound = af.event("reset_round", {})
local CompleteTask, FailTask = af.event("complete_task", {}), af.event("fail_task", {})
local CollabComplete = af.event("collab_complete", { peer_id = af.id })

local RESETS <const> = 3 -- in a row, then the task fails
local TEST <const> = 0 -- in place of a batch's number

-- What both share. -------------------------------------------------------------------------------

local function every(party) return party.args.every end
local function tries(party) return party.args.tries end
local function collaborators(party) return party:nodes "collaborator" end
local function the_host(party) return party:nodes "host"[1] end

---Which sums, or gradients, are on their way.
local function label(party)
  local data = party.data
  return ("%d.%d.%d"):format(data.epoch, data.round, data.batch)
end

---The rows of a batch; those for testing are the last of all.
local function batch_of(party)
  local rows, args = party.data.ids, party.args
  local training = #rows - args.test_rows
  if party.data.batch == TEST then return table.move(rows, training + 1, #rows, 1, {}) end
  local from = (party.data.batch - 1) * args.batch + 1
  return table.move(rows, from, math.min(from + args.batch - 1, training), 1, {})
end

local function own_items(party) return table_of.ids(party) end

---The rows that all have, where they are known before; nil: psi tells.
local function known_rows(party)
  local rows = party.args.rows
  return rows and table.move(rows, 1, #rows, 1, {})
end

---The party's share of the sums: of its own columns.
local function sums_of(party) return table_of.sums(party, batch_of(party), party.data.weights) end

---Takes a step of gradient descent with its own columns.
local function learn(party, gradient)
  local data = party.data
  data.weights = table_of.step(party, batch_of(party), data.weights, gradient, party.args.rate)
  data.last = { epoch = data.epoch, round = data.round, batch = data.batch,
    gradient = af.crypto.hex(af.crypto.sha256(vector.pack(gradient))) }
end

-- The host. --------------------------------------------------------------------------------------

local function sender(event, from)
  return (from == nil or from == event.peer_id) and event.peer_id
end

local function fail(party, why)
  party:send(collaborators(party), FailTask {})
  return af.fail(why)
end

---Begins the round again, from what was there when the last one was closed.
local function trouble(party, why)
  local data = party.data
  data.resets, data.epoch = data.resets + 1, data.epoch + 1
  if data.resets > RESETS then return fail(party, "the round was reset too often: " .. why) end
  party:log("the round is begun again: %s", why)
  party:send(collaborators(party), ResetRound {})
  data.weights, data.ids = data.saved, known_rows(party)
  return "syncing"
end

local function is_silent(party, _, missing)
  return trouble(party, table.concat(missing, ", ") .. " is silent")
end

---The sums of all, in the order of names, the host's first.
local function fuse(party)
  local total = vector.pack(sums_of(party))
  for _, id in ipairs(collaborators(party)) do
    total = vector.add(total, vector.pack(party.data.sums[id]))
  end
  party.data.sums = {}
  return vector.unpack(total)
end

local function close_round(party)
  local data = party.data
  data.resets, data.saved = 0, data.weights
  party:send(collaborators(party), CloseTestRound { round = data.round })
  party:send(collaborators(party), CloseRound { round = data.round })
  party:report_progress(100 * data.round // party.args.rounds)
  if data.round == party.args.rounds then return "completing" end
  data.round = data.round + 1
  return "syncing"
end

local function start_round(party)
  party:send(collaborators(party), StartRound { round = party.data.round })
  party.data.batch, party.data.sums = 1, {}
  return "fusing"
end

---Learns from a batch, and has its gradients given back.
local function fused(party)
  local data = party.data
  local gradient = table_of.gradient(party, batch_of(party), fuse(party))
  learn(party, gradient)
  data.gradient = vector.pack(gradient)
  return "giving_back"
end

---A state that takes the collaborators' sums for a batch, or for testing.
local function taking(event, done)
  return af.data_channel.receiving {
    source = collaborators,
    ask = function(party)
      local data = party.data
      return event { round = data.round, batch = data.batch, epoch = data.epoch }
    end,
    label = label, every = every, tries = tries, done = done,
    received = function(party, id, bytes)
      local ok, sums = pcall(vector.unpack, bytes)
      if not ok or #sums ~= #batch_of(party) then return "these are no sums of this batch" end
      party.data.sums[id] = sums
    end,
    failed = trouble,
  }
end

local host = {
  data = function(party)
    local weights = table_of.zeros(party)
    return { round = 1, epoch = 0, batch = 1, resets = 0, here = {}, sums = {}, weights = weights,
      saved = weights, ids = known_rows(party) }
  end,
  start = "checking_in",
  always = {
    [Checkin] = function(party, event, from)
      if from ~= nil and from ~= event.peer_id then return end
      party:send(event.peer_id, CheckinResponse { round = party.data.round, host = party.id,
        nonce = event.nonce })
    end,
    [af.ApplySfSendingData] = af.data_channel.again,
    ignore = { SyncStateResponse, said.Received, CollabComplete },
  },
  states = {
    checking_in = {
      [Checkin] = function(party, event, from)
        if from ~= nil and from ~= event.peer_id then return end
        party.data.here[event.peer_id] = true
        party:send(event.peer_id, CheckinResponse { round = party.data.round, host = party.id,
          nonce = event.nonce })
        for _, id in ipairs(collaborators(party)) do
          if not party.data.here[id] then return end
        end
        return "syncing"
      end,
      after = { function(party) return every(party) * tries(party) end,
        function(party) return fail(party, "not all collaborators have checked in") end },
    },
    syncing = af.patterns.gather {
      from = collaborators,
      ask = function(party)
        return SyncState { round = party.data.round, host = party.id, epoch = party.data.epoch }
      end,
      answer = SyncStateResponse, who = sender,
      accept = function(party, event)
        return event.round == party.data.round and event.epoch == party.data.epoch
      end,
      every = every, tries = tries, short = is_silent,
      done = function(party) return party.data.ids and start_round(party) or "psi" end,
    },
    psi = Psi.initiator {
      items = own_items, round = function(party) return party.data.epoch + 1 end,
      every = every, tries = tries, failed = trouble,
      done = function(party, common)
        party.data.ids = common.items
        if common.count > party.args.test_rows then return start_round(party) end
        return fail(party, "too few rows in common")
      end,
    },
    fusing = taking(Ready4Fusion, fused),
    giving_back = af.data_channel.sending {
      target = collaborators,
      data = function(party) return party.data.gradient end,
      label = label, every = every, tries = tries, failed = trouble,
      done = function(party)
        local data = party.data
        data.batch, data.sums = data.batch + 1, {}
        if #batch_of(party) > 0 then return "fusing" end
        data.batch = TEST
        return party.args.test_rows > 0 and "testing" or close_round(party)
      end,
    },
    testing = taking(StartTestRound, function(party)
      party.data.test = table_of.judge(party, batch_of(party), fuse(party))
      return close_round(party)
    end),
    completing = af.patterns.gather {
      from = collaborators,
      ask = function(party, _, try)
        if try == 1 then
          party:upload_metric_report(af.EVERYONE, af.content(cjson.encode(party.data.test or {})))
        end
        return CompleteTask {}
      end,
      answer = CollabComplete, who = sender, every = every, tries = tries, need = 0,
      done = function(party)
        local data = party.data
        party:notify_task_completion(true)
        return af.done { rounds = data.round, weights = data.weights, test = data.test,
          rows = #data.ids }
      end,
    },
  },
}

-- A collaborator. --------------------------------------------------------------------------------

---How long it waits for a word of the host's: longer than that tries with others.
local function silence(party) return every(party) * (2 * tries(party) + 3) end

---Follows the host into a round, or into one that is begun again. Returns the next state; nil: it
---is where it should be.
local function follow(party, event)
  local data = party.data
  local moved
  if event.round > data.round then -- the round before was closed
    data.round, data.batch, data.saved, moved = event.round, 1, data.weights, true
  end
  if event.epoch > data.epoch then
    data.epoch, data.batch = event.epoch, 1
    data.weights, data.ids = data.saved, known_rows(party)
    moved = true
  end
  if data.ids == nil and not data.in_psi then
    data.in_psi = true
    return "psi"
  elseif moved then
    data.in_psi = data.ids == nil
    return data.ids == nil and "psi" or "ready"
  end
end

local function synchronise(party, event, from)
  local data = party.data
  if from ~= nil and from ~= event.host then return end
  if event.round < data.round or event.epoch < data.epoch then return end -- late
  local state = follow(party, event)
  party:send(event.host, SyncStateResponse { round = event.round, peer_id = party.id,
    epoch = event.epoch })
  return state
end

local function offer(batch)
  return function(party, event)
    local data = party.data
    if event.round ~= data.round or data.ids == nil then return end
    if event.epoch ~= nil and event.epoch ~= data.epoch then return end
    if batch == TEST then data.batch = TEST end
    if event.batch ~= nil and event.batch ~= data.batch then return end
    if #batch_of(party) == 0 then return end -- a late word, when all batches were learnt
    return "offering"
  end
end

local collaborator = {
  data = function(party)
    local weights = table_of.zeros(party)
    return { nonce = af.uuid(), round = 1, epoch = 0, batch = 1, weights = weights,
      saved = weights, ids = known_rows(party) }
  end,
  start = "checking_in",
  always = {
    [SyncState] = synchronise,
    [FailTask] = function() return af.fail "the host has given the task up" end,
    [CompleteTask] = function(party)
      local model = af.content(vector.pack(party.data.weights))
      party:upload_model(the_host(party), model)
      party:send(the_host(party), CollabComplete { peer_id = party.id })
      return af.done { weights = party.data.weights }
    end,
    [af.ApplySfSendingData] = af.data_channel.again,
    ignore = { CheckinResponse, StartRound, CloseTestRound, CloseRound, ResetRound, said.Init,
      said.Result, said.Closed },
    defer = { Ready4Fusion, StartTestRound }, -- may overtake psi's last word
  },
  states = {
    checking_in = {
      enter = function(party)
        party:send(the_host(party), Checkin { peer_id = party.id, nonce = party.data.nonce })
      end,
      [CheckinResponse] = function(party, event)
        if event.nonce == party.data.nonce then return "ready" end
      end,
      after = { every, function(party)
        party.data.tries = (party.data.tries or 0) + 1
        if party.data.tries < 2 * tries(party) then return "checking_in" end
        return af.fail "the host does not answer"
      end },
    },
    ready = {
      [Ready4Fusion] = offer(),
      [StartTestRound] = offer(TEST),
      [StartRound] = "ready", [CloseTestRound] = "ready", [CloseRound] = "ready", -- it is alive
      [ResetRound] = "ready", -- sync_state tells of what
      defer = { said.Init }, -- may overtake sync_state
      after = { silence, function() return af.fail "the host is silent" end },
    },
    psi = Psi.collaborator {
      items = own_items, round = function(party) return party.data.epoch + 1 end,
      every = every, tries = tries,
      done = function(party, common)
        party.data.ids, party.data.in_psi = common.items, false
        return "ready"
      end,
      failed = function(party)
        party.data.in_psi = false
        return "ready" -- the host begins again
      end,
    },
    offering = af.data_channel.sending {
      target = the_host,
      data = function(party) return vector.pack(sums_of(party)) end,
      label = label, every = every, tries = tries, failed = "ready",
      done = function(party) return party.data.batch == TEST and "ready" or "learning" end,
      state = { ignore = { Ready4Fusion, StartTestRound },
        defer = { af.ApplySfSendingData } }, -- gradients may overtake the answer
    },
    learning = af.data_channel.receiving {
      source = the_host, label = label, every = silence, failed = "ready",
      received = function(party, _, bytes)
        local ok, gradient = pcall(vector.unpack, bytes)
        if not ok or #gradient ~= #batch_of(party) then
          return "these are no gradients of this batch"
        end
        learn(party, gradient)
      end,
      done = function(party)
        party.data.batch = party.data.batch + 1
        return "ready"
      end,
      state = { ignore = { Ready4Fusion, StartTestRound } },
    },
  },
}

return af.flow {
  name = "hetero_round",
  mock = { host = 1, collaborator = 2 },
  args = {
    rounds = af.optional(af.integer { min = 1 }, 2),
    batch = af.optional(af.integer { min = 1 }, 2), -- rows
    rows = af.optional(af.list(af.id)), -- those that all have; absent: psi tells
    test_rows = af.optional(af.integer { min = 0 }, 1), -- the last of those in common
    rate = af.optional(af.number { min = 0 }, 0.3),
    data = af.optional(af.string, ""), -- CSV: an ID, columns, of the host a label; "{id}": its name
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- then the round is begun again
  },
  roles = { host = host, collaborator = collaborator },
  invariants = {
    ["gradients go with the batch that they came from"] = function(world)
      local given = world:with_role("host")[1].data.last
      for _, one in ipairs(world:with_role "collaborator") do
        local taken = one.data.last
        if taken and taken.epoch == given.epoch and taken.round == given.round then
          if taken.batch > given.batch then return false end
          if taken.batch == given.batch and taken.gradient ~= given.gradient then return false end
        end
      end
      return true
    end,
  },
}
