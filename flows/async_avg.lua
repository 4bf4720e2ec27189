--- Averaging that waits for nobody: an aggregator takes each participant's update when it comes,
--- and folds `buffer` of them at once into the model; who is slow finds a newer one at the end.
---
---   participant  ── ready{version, url} ──► aggregator   I have trained from this one (0: none)
---   participant  ◄── work{version, url} ─── aggregator   here is a newer one
---   participant  ◄── wait{version} ──────── aggregator   there is none yet: I have what you sent
---   participant  ◄── finished{url} ──────── aggregator   to all: so many folds are done
---
--- Models are files, with their SHA-256. A participant trains once from a version, and asks until
--- it has a newer one, so nothing that is lost or comes twice matters.
---
--- An update that was trained from a model s versions old counts 1 / sqrt(1 + s) of what a fresh
--- one does; for the rest the model stays as it is (Nguyen et al., "Federated Learning with
--- Buffered Asynchronous Aggregation", AISTATS 2022; with a buffer of one, Xie et al.,
--- "Asynchronous Federated Optimization", 2019). `staleness = constant` counts all alike.
---
--- Holds: an update is folded once at most. It ends after `folds` folds, or fails when nobody has
--- sent anything for `every` · `tries` seconds; what is there by then is folded, however few. Where
--- `buffer` is all participants and none is slow, the model is that of fed_avg, bit for bit.
---
--- Checked: 2 participants, 2 folds of 1, with a drop, a loss, a crash, and an early timeout.
--- Mistakes that a check finds: a buffer that stays after it was folded; copies that count.

local af = require "af"
local learner = require "training.learner"
local models = require "training.models"

local count, digest = af.integer { min = 0 }, af.string { min_length = 64, max_length = 64 }

local Ready = af.event("ready", { peer_id = af.id, version = count, url = af.optional(af.string),
  sha256 = af.optional(digest), n_k = af.optional(af.integer { min = 1 }) })
local Work = af.event("work", { version = count, url = af.string, sha256 = digest })
local Wait = af.event("wait", { version = count })
local Finished = af.event("finished", { url = af.string, sha256 = digest })

local function sha256_of(bytes) return af.crypto.hex(af.crypto.sha256(bytes)) end

---Fetches a model; or nil, and what is wrong with it.
local function fetch(event, expected)
  local ok, bytes = pcall(af.download, event.url, { sha256 = event.sha256 })
  if not ok then return nil, tostring(bytes) end
  return models.read(bytes, expected)
end

-- The aggregator. --------------------------------------------------------------------------------

---The model is now this: whoever asks is given it.
local function publish(party, model)
  local data = party.data
  data.model, data.sha256 = party:keep(model), sha256_of(model)
  data.url = party:upload_file(data.model)
end

local function work(party)
  local data = party.data
  return Work { version = data.version, url = data.url, sha256 = data.sha256 }
end

local function finished(party)
  return Finished { url = party.data.url, sha256 = party.data.sha256 }
end

---What a fresh update would have of the model, this one has of it.
local function part_of(party, staleness)
  return party.args.staleness == "constant" and 1 or 1 / math.sqrt(1 + staleness)
end

---Takes an update, once for each version that its sender has trained from.
local function take(party, event)
  local data, id = party.data, event.peer_id
  if event.version <= (data.taken[id] or 0) or event.version > data.version then return end
  local update, why = fetch(event, af.vector.count(party:kept(data.model)))
  data.taken[id] = event.version
  if update == nil then
    party:log("%s's update is refused: %s", id, why)
  else
    data.buffer[id] = { version = event.version, weight = event.n_k or 1,
      update = party:keep(update) }
  end
end

---The mean of what is in the buffer, in the order of names. Returns whose updates it was.
local function fold(party)
  local data, ids, weights = party.data, {}, {}
  local model = party:kept(data.model)
  for id, one in pairs(data.buffer) do
    table.insert(ids, id)
    weights[id] = one.weight
  end
  local mean = models.mean(models.shares(ids, weights), function(id)
    local one = data.buffer[id]
    local update, part = party:kept(one.update), part_of(party, data.version - one.version)
    if part == 1 then return update end
    return af.vector.axpy(part, update, af.vector.scale(model, 1 - part))
  end)
  for _, id in ipairs(ids) do data.folded[id] = (data.folded[id] or 0) + 1 end
  data.version, data.buffer = data.version + 1, {}
  publish(party, mean)
  party:report_progress(100 * (data.version - 1) // party.args.folds)
  return ids
end

local function finish(party)
  local data = party.data
  data.result = models.told(party:kept(data.model), data.model)
  data.result.folds = data.version - 1
  local report = cjson.encode { folds = data.result.folds, participants = data.folded }
  party:upload_metric_report(af.EVERYONE, af.content(report))
  party:upload_model(af.EVERYONE, data.model)
  party:send(party:nodes("participant"), finished(party))
  party:notify_task_completion(true)
  return "finished"
end

---Folds, and goes on: whose updates were folded are told of the newer model.
local function fold_and_go_on(party)
  local ids = fold(party)
  if party.data.version > party.args.folds then return finish(party) end
  party:send(ids, work(party))
  return "serving"
end

---Whether an event is of who it says.
local function is_honest(event, from) return from == nil or from == event.peer_id end

local aggregator = {
  data = function() return { version = 1, taken = {}, buffer = {}, folded = {} } end,
  start = "beginning",
  states = {
    beginning = { enter = function(party)
      publish(party, learner.first(party) or af.vector.zeros(party.args.size))
      return "serving"
    end },
    serving = {
      [Ready] = function(party, event, from)
        if not is_honest(event, from) then return end
        local data = party.data
        take(party, event)
        local waiting = 0
        for _ in pairs(data.buffer) do waiting = waiting + 1 end
        local all = math.min(party.args.buffer, #party:nodes("participant"))
        if waiting >= all then return fold_and_go_on(party) end
        party:send(event.peer_id, data.version > event.version and work(party)
          or Wait { version = data.version })
      end,
      after = { function(party) return party.args.every * party.args.tries end, function(party)
        if next(party.data.buffer) ~= nil then return fold_and_go_on(party) end
        return af.fail "nobody has sent an update"
      end },
    },
    finished = { -- and tells so whoever has not heard
      may_end = true,
      [Ready] = function(party, event, from)
        if not is_honest(event, from) then return end
        party:send(event.peer_id, finished(party))
        return "finished"
      end,
      after = {
        function(party) return party.args.linger or 3 * party.args.every * party.args.tries end,
        function(party) return af.done(party.data.result) end,
      },
    },
  },
}

-- The participants. ------------------------------------------------------------------------------

---Trains from a newer model, and keeps what comes of it: the answer until there is one newer yet.
local function train(party, event)
  local data = party.data
  if event.version <= data.version then return end
  local model, why = fetch(event)
  if model == nil then
    party:log("the model is refused: %s", why) -- and asked for again
    return
  end
  local update = learner.train(party, model)
  data.version, data.sha256 = event.version, sha256_of(update)
  data.url = party:upload_file(af.content(update))
  data.tries, data.trained = 0, data.trained + 1
  return "asking"
end

local participant = {
  data = function() return { version = 0, trained = 0, tries = 0 } end,
  start = "asking",
  states = {
    asking = {
      enter = function(party)
        local data = party.data
        data.rows = data.rows or learner.rows(party)
        data.tries = data.tries + 1
        if data.tries > 3 * party.args.tries then
          return af.fail "the aggregator does not answer"
        end
        party:send(party:nodes("aggregator"), Ready { peer_id = party.id, version = data.version,
          url = data.url, sha256 = data.sha256, n_k = party.args.n_k or data.rows })
      end,
      [Work] = train,
      [Wait] = function(party) party.data.tries = 0 end,
      [Finished] = function(party, event)
        local model = fetch(event)
        return af.done(model and models.told(model, party:keep(model)))
      end,
      [af.PartyFailed] = function(party, event)
        if event.peer_id == party:nodes("aggregator")[1] then
          return af.fail("the aggregator failed: " .. event.reason)
        end
      end,
      after = { function(party) return party.args.every end, "asking" },
    },
  },
}

return af.flow {
  name = "async_avg",
  args = learner.args {
    folds = af.optional(af.integer { min = 1 }, 4),
    buffer = af.optional(af.integer { min = 1 }, 2), -- updates that are folded at once
    staleness = af.optional(af.one_of { "root", "constant" }, "root"),
    size = af.optional(af.integer { min = 1 }, 3), -- parameters, zeros; or the program's
    n_k = af.optional(af.integer { min = 1 }), -- a participant's number of rows; absent: its data's
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- without an answer
    linger = af.optional(af.number { min = 0 }), -- the aggregator stays for who has not heard
  },
  mock = { aggregator = 1, participant = 3 },
  roles = { aggregator = aggregator, participant = participant },
  invariants = {
    ["an update is folded once"] = function(world)
      local data = world:with_role("aggregator")[1].data
      for id, folded in pairs(data.folded) do
        local waits = data.buffer[id] and 1 or 0
        if folded + waits > world.parties[id].data.trained then return false end
      end
      return true
    end,
    ["nobody trains from a model to come"] = function(world)
      local data = world:with_role("aggregator")[1].data
      for _, one in pairs(data.buffer) do if one.version > data.version then return false end end
      return true
    end,
    ["what is folded is what its sender trained"] = function(world)
      local data = world:with_role("aggregator")[1].data
      for id, one in pairs(data.buffer) do
        local theirs = world.parties[id].data
        local fits = theirs.version ~= one.version or one.update == "kept:" .. theirs.sha256
        if not fits then return false end
      end
      return true
    end,
    ["all end with one model"] = models.all_end_alike,
  },
}
