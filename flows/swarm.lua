--- Federated averaging without a server: in each round one of the peers aggregates, and if it is
--- lost another one does.
---
---   aggregator ── sync_state{view} ───────► peers   I aggregate, unless one of a later view does
---   aggregator ◄── sync_state_response ──── each    my update; and what I have accepted before
---   aggregator ── global_model{view} ─────► peers   the mean; or what one had accepted
---   aggregator ◄── global_model_response ── each    accepted, unless I know a later view
---   aggregator ── close_round ────────────► peers   a majority has: it is the round's model
---
--- A round is one instance of consensus (Lamport, "The Part-Time Parliament", 1998). A view is a
--- ballot: k · n + the aggregator's place, so that no two peers have the same, and larger than
--- any that it has seen or used. Both steps need a majority of all; what was accepted in the
--- latest view is proposed again. The first aggregator of a round is the next in turn; who hears
--- nothing for too long takes its place, one after the other.
---
--- Models are files, with their SHA-256. All updates are waited for, `tries` times; then those of a
--- majority are enough.
---
--- Holds: a round has one model at most. Rounds go on while a majority lives, whoever is lost or
--- slow; who returns is told what was closed. Else a peer fails, after `attempts` at aggregating a
--- round. Where all updates come in time the model is that of fed_avg, bit for bit.
---
--- Checked: 3 peers with a drop, a loss, a crash, 2 early timeouts; and 2 rounds.
--- Mistakes that a check finds: views that collide; an aggregator that forgets what was accepted.

local af = require "af"
local learner = require "training.learner"
local models = require "training.models"

local round, view = af.integer { min = 1 }, af.integer { min = 0 }
local url, digest = af.string, af.string { min_length = 64, max_length = 64 }

-- base: the model of the round before, for who has missed it
local SyncState = af.event("sync_state", { round = round, view = view, aggregator = af.id,
  base_url = url, base_sha256 = digest })
local SyncStateResponse = af.event("sync_state_response", { round = round, view = view,
  peer_id = af.id, n_k = af.optional(af.integer { min = 1 }), update_url = url,
  update_sha256 = digest, accepted_view = af.optional(view), model_url = af.optional(url),
  sha256 = af.optional(digest) })
local GlobalModel = af.event("global_model", { round = round, view = view, aggregator = af.id,
  url = url, sha256 = digest })
local GlobalModelResponse = af.event("global_model_response",
  { round = round, view = view, peer_id = af.id })
local CloseRound = af.event("close_round", { round = round, url = url, sha256 = digest })

local function sha256_of(bytes) return af.crypto.hex(af.crypto.sha256(bytes)) end

---A file of a model, as it is told of.
local function publish(party, model)
  return { url = party:upload_file(af.content(model)), sha256 = sha256_of(model) }
end

---Fetches a model; or nil, where it is none.
local function fetch(party, file)
  local ok, bytes = pcall(af.download, file.url, { sha256 = file.sha256 })
  local model, why
  if ok then model, why = models.read(bytes) else why = tostring(bytes) end
  if model == nil then party:log("a model is refused: %s", why) end
  return model
end

local function others(party)
  local ids = {}
  for _, id in ipairs(party:nodes("peer")) do
    if id ~= party.id then table.insert(ids, id) end
  end
  return ids
end

---Answers that make a majority of all, with its own.
local function need(party) return #party:nodes("peer") // 2 end

local function count(set)
  local number = 0
  for _ in pairs(set) do number = number + 1 end
  return number
end

local function place_of(party)
  for place, id in ipairs(party:nodes("peer")) do
    if id == party.id then return place - 1 end
  end
end

---A view of its own, larger than any that it has promised to, its own among them.
local function next_view(party)
  local n, seen = #party:nodes("peer"), party.data.promised
  local next_one = seen // n * n + place_of(party)
  return next_one > seen and next_one or next_one + n
end

-- Rounds. ----------------------------------------------------------------------------------------

local function lead(party)
  local data = party.data
  data.attempts = data.attempts + 1
  if data.attempts > party.args.attempts then return af.fail "no majority answers" end
  data.view = next_view(party)
  data.promised, data.best = data.view, data.accepted
  data.updates, data.weights = {}, {}
  return "leading"
end

---How many are before it in this round.
local function turn(party)
  return (place_of(party) - (party.data.round - 1)) % #party:nodes("peer")
end

---Begins a round from a model: trains, and waits to be asked, or asks.
local function begin_round(party, number, base, model)
  local data = party.data
  data.round, data.base, data.model = number, base, party:keep(model)
  data.promised, data.accepted, data.view, data.attempts = -1, nil, nil, 0
  data.best, data.updates, data.weights, data.has_accepted, data.asked = nil, nil, nil, nil, nil
  if number > party.args.rounds then
    data.result = models.told(model, data.model)
    data.result.rounds = party.args.rounds
    return "finished"
  end
  local trained = learner.train(party, model)
  data.update = publish(party, trained)
  data.trained = party:keep(trained)
  if turn(party) == 0 then return lead(party) end
  return "following"
end

---Takes the model of a round that it has not closed. Nil where it cannot be had: it is asked for
---again.
local function close(party, number, file)
  local model = fetch(party, file)
  if model == nil then return nil end
  party.data.closed[tostring(number)] = file.sha256
  return begin_round(party, number + 1, { url = file.url, sha256 = file.sha256 }, model)
end

---Tells who is behind what was closed last.
local function tell_closed(party, id)
  local base = party.data.base
  party:send(id, CloseRound { round = party.data.round - 1, url = base.url, sha256 = base.sha256 })
end

---Whether an aggregator's event is of its round, and of no earlier view than it has promised to.
local function may_follow(party, event)
  return event.round == party.data.round and event.view >= party.data.promised
end

local function respond(party, event)
  local data = party.data
  data.promised = event.view
  local accepted = data.accepted or {}
  party:send(event.aggregator, SyncStateResponse { round = data.round, view = event.view,
    peer_id = party.id, n_k = party.args.n_k or data.rows, update_url = data.update.url,
    update_sha256 = data.update.sha256, accepted_view = accepted.view, model_url = accepted.url,
    sha256 = accepted.sha256 })
  return "following"
end

local always = {
  [SyncState] = function(party, event, from)
    if from ~= nil and from ~= event.aggregator then return end
    if event.round < party.data.round then return tell_closed(party, event.aggregator) end
    local outcome
    if event.round > party.data.round then -- it has missed some
      outcome = close(party, event.round - 1, { url = event.base_url, sha256 = event.base_sha256 })
    end
    if may_follow(party, event) then return respond(party, event) end
    return outcome
  end,
  [GlobalModel] = function(party, event, from)
    if from ~= nil and from ~= event.aggregator then return end
    local data = party.data
    if event.round < data.round then return tell_closed(party, event.aggregator) end
    if not may_follow(party, event) then return end
    data.promised = event.view
    data.accepted = { view = event.view, url = event.url, sha256 = event.sha256 }
    party:send(event.aggregator, GlobalModelResponse { round = data.round, view = event.view,
      peer_id = party.id })
    return "following"
  end,
  [CloseRound] = function(party, event)
    if event.round >= party.data.round then return close(party, event.round, event) end
  end,
  ignore = { SyncStateResponse, GlobalModelResponse }, -- late
}

-- The aggregator of a round. ---------------------------------------------------------------------

---Whose answer it is.
local function honest(event, from)
  return (from == nil or from == event.peer_id) and event.peer_id
end

local function is_of_view(party, event)
  return event.round == party.data.round and event.view == party.data.view
end

---An update is weighed, and what was accepted in a later view than any so far is to be proposed.
local function take_response(party, id, event)
  local data = party.data
  local update = fetch(party, { url = event.update_url, sha256 = event.update_sha256 })
  if update and #update == #party:kept(data.model) then
    data.updates[id], data.weights[id] = party:keep(update), event.n_k or 1
  end
  if event.accepted_view and event.accepted_view > (data.best and data.best.view or -1) then
    data.best = { view = event.accepted_view, url = event.model_url, sha256 = event.sha256 }
  end
end

---The mean of all that has come, its own included, in the order of names.
local function mean(party)
  local data, ids = party.data, {}
  data.updates[party.id], data.weights[party.id] = data.trained, party.args.n_k or data.rows or 1
  for id in pairs(data.updates) do table.insert(ids, id) end
  return models.mean(models.shares(ids, data.weights), function(id)
    return party:kept(data.updates[id])
  end)
end

local function propose(party)
  local data = party.data
  local file = data.best or publish(party, mean(party))
  data.accepted = { view = data.view, url = file.url, sha256 = file.sha256 }
  data.has_accepted, data.asked = {}, 0
  return "proposing"
end

local function close_for_all(party)
  local data = party.data
  local file, number = data.accepted, data.round
  party:send(others(party), CloseRound { round = number, url = file.url, sha256 = file.sha256 })
  party:report_progress(100 * number // party.args.rounds)
  local outcome = close(party, number, file)
  if outcome == "finished" then
    party:upload_metric_report(af.EVERYONE, af.content(cjson.encode { rounds = number }))
    party:upload_model(af.EVERYONE, data.model)
    party:notify_task_completion(true)
  end
  return outcome or "following"
end

local function every(party) return party.args.every end
local function tries(party) return party.args.tries end

local states = {
  beginning = { enter = function(party)
    party.data.rows = learner.rows(party)
    local model = learner.first(party) or af.vector.zeros(party.args.size)
    return begin_round(party, 1, publish(party, model), model)
  end },
  following = {
    -- longer than an aggregator may take, and the later the more are before it
    after = { function(party) return every(party) * (2 * tries(party) + turn(party)) end, lead },
  },
  leading = af.patterns.gather {
    from = others,
    ask = function(party)
      local data = party.data
      return SyncState { round = data.round, view = data.view, aggregator = party.id,
        base_url = data.base.url, base_sha256 = data.base.sha256 }
    end,
    answer = SyncStateResponse, who = honest, accept = is_of_view, take = take_response,
    every = every, tries = tries, need = need, done = propose, short = "following",
  },
  proposing = { -- no gather: a majority is enough at once
    enter = function(party)
      local data = party.data
      data.asked = data.asked + 1
      if count(data.has_accepted) >= need(party) then return close_for_all(party) end
      party:send(others(party), GlobalModel { round = data.round, view = data.view,
        aggregator = party.id, url = data.accepted.url, sha256 = data.accepted.sha256 })
    end,
    [GlobalModelResponse] = function(party, event, from)
      local id = is_of_view(party, event) and honest(event, from)
      if not id then return end
      party.data.has_accepted[id] = true
      if count(party.data.has_accepted) >= need(party) then return close_for_all(party) end
    end,
    after = { every, function(party)
      return party.data.asked < tries(party) and "proposing" or "following"
    end },
  },
  finished = { -- and tells so who has not heard
    may_end = true,
    ignore = { CloseRound },
    after = {
      function(party) return party.args.linger or 4 * every(party) * (2 * tries(party) + 3) end,
      function(party) return af.done(party.data.result) end,
    },
  },
}

return af.flow {
  name = "swarm",
  args = learner.args {
    rounds = af.optional(af.integer { min = 1 }, 3),
    attempts = af.optional(af.integer { min = 1 }, 20), -- of a peer at aggregating one round
    size = af.optional(af.integer { min = 1 }, 3), -- parameters, zeros; or the program's
    n_k = af.optional(af.integer { min = 1 }), -- a peer's number of rows; absent: its data's
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until is asked again
    tries = af.optional(af.integer { min = 1 }, 5), -- then a majority is enough
    linger = af.optional(af.number { min = 0 }), -- who is through stays for who has not heard
  },
  mock = { peer = 4 },
  roles = { peer = {
    data = function() return { round = 0, promised = -1, closed = {}, attempts = 0 } end,
    start = "beginning", states = states, always = always,
  } },
  invariants = {
    ["a round has one model"] = function(world)
      local of_round = {}
      for _, one in ipairs(world:with_role("peer")) do
        for number, model in pairs(one.data.closed) do
          of_round[number] = of_round[number] or model
          if of_round[number] ~= model then return false end
        end
      end
      return true
    end,
  },
}
