--- Cross-site evaluation: each site's model on each site's data, as a table of who does well where.
--- Models travel, data do not.
---
---   coordinator  ── call_models ──► site   a session begins: your model, please
---   coordinator  ◄── submit_model ── site   here it is
---   coordinator  ── evaluate ─────► site   this model, on your data
---   coordinator  ◄──── evaluated ── site   so good it is; or why it cannot be told
---   coordinator  ── notice_task_completion ► all   the table is done
---
--- Models are files; events have their URLs and digests. A site has one model under way at a time.
---
--- Holds: it ends, if one site has submitted a model, whoever is lost; the table has a cell for
--- each model and each site, written once, by that site; where there are no metrics the cell is
--- null, and `reasons` says why. A site evaluates a model once, and answers the same again.
---
--- Checked in every interleaving with 2 sites: one contract dropped and one site lost; one copied;
--- one crash and one early timeout. A mistake that a check finds: a copy that goes into the cell of
--- the model that is under way. Oracle: each model on each site's data, in one place.

local af = require "af"
local learner, model_file = require "training.learner", require "training.model_file"

local vector = af.vector

local CallModels = af.event("call_models", { session = af.id })
local SubmitModel = af.event("submit_model", { session = af.id, peer_id = af.id,
  url = model_file.fields.url, sha256 = model_file.fields.sha256 })
local Evaluate = af.event("evaluate", { session = af.id, model_id = af.id,
  url = model_file.fields.url, sha256 = model_file.fields.sha256 })
local Evaluated = af.event("evaluated", { session = af.id, model_id = af.id, peer_id = af.id,
  metrics = af.optional(af.map(af.number)), reason = af.optional(af.string) })

-- The coordinator. -------------------------------------------------------------------------------

local function sites(party) return party:nodes "site" end
local function every(party) return party.args.every end
local function tries(party) return party.args.tries end
local function sender(event, from)
  return (from == nil or from == event.peer_id) and event.peer_id
end

---The next model that a site has not told of; nil: it has told of all.
local function next_model(party, site)
  for model_id in pairs(party.data.files) do
    if party.data.cells[model_id][site] == nil then return model_id end
  end
end

local function ask_for(party, site, model_id)
  local file = party.data.files[model_id]
  party:send(site, Evaluate { session = party.data.session, model_id = model_id, url = file.url,
    sha256 = file.sha256 })
end

---Writes a cell, once: metrics, or why there are none.
local function write(party, model_id, site, metrics, reason)
  local data = party.data
  if data.cells[model_id][site] ~= nil then return end
  data.cells[model_id][site] = metrics or af.null
  if not metrics then
    data.reasons[model_id] = data.reasons[model_id] or {}
    data.reasons[model_id][site] = reason
  end
end

---The table with all its cells.
local function finish(party)
  local data = party.data
  for _, model_id in ipairs(sites(party)) do
    data.cells[model_id] = data.cells[model_id] or {}
    for _, site in ipairs(sites(party)) do
      write(party, model_id, site, nil, data.files[model_id] and "the site does not answer"
        or "the model was not submitted")
    end
  end
  party:notify_task_completion(true)
  return af.done { cells = data.cells, reasons = data.reasons }
end

local coordinator = {
  data = function() return { session = af.uuid(), files = {}, cells = {}, reasons = {} } end,
  start = "calling",
  states = {
    calling = af.patterns.gather {
      from = sites,
      ask = function(party) return CallModels { session = party.data.session } end,
      answer = SubmitModel, who = sender,
      accept = function(party, event) return event.session == party.data.session end,
      take = function(party, id, event)
        party.data.files[id] = { url = event.url, sha256 = event.sha256 }
        party.data.cells[id] = {}
      end,
      every = every, tries = tries, need = 1, done = "evaluating",
      short = function() return af.fail "no site has submitted a model" end,
      more = { ignore = { af.NoticeTaskCompletion } },
    },
    evaluating = af.patterns.gather {
      from = sites,
      ask = function(party, ids)
        for _, id in ipairs(ids) do ask_for(party, id, next_model(party, id)) end
      end,
      answer = Evaluated, who = sender,
      accept = function(party, event, id)
        if event.session ~= party.data.session or event.model_id ~= next_model(party, id) then
          return false -- a copy
        end
        write(party, event.model_id, id, event.metrics, event.reason or "the site does not say")
        local following = next_model(party, id)
        if following then ask_for(party, id, following) end
        return following == nil
      end,
      every = every, tries = tries, done = finish, short = finish,
      more = { ignore = { SubmitModel } },
    },
  },
}

-- A site. ----------------------------------------------------------------------------------------

---How good a model is on the site's data. Without data it is how far it is from the site's place.
local function metrics_of(party, model)
  if party.args.train ~= "" then return learner.test(party, model) end
  for place, id in ipairs(sites(party)) do
    if id == party.id then
      return { distance = math.abs(vector.unpack(model)[1] - place) }
    end
  end
end

---Evaluates a model; nil and why it cannot.
local function evaluate(party, event)
  local model, why = model_file.fetch(event, #party.args.parameters)
  if model == nil then return nil, why end
  local ok, metrics = pcall(metrics_of, party, model)
  if not ok then return nil, tostring(metrics) end
  return metrics
end

local site = {
  data = function() return { told = {} } end,
  start = "serving",
  states = { serving = {
    [CallModels] = function(party, event, from)
      local data = party.data
      if data.session == nil then
        data.session = event.session
        local first = learner.first(party) or vector.pack(party.args.parameters)
        data.file = model_file.publish(party, learner.train(party, first))
      end
      if event.session ~= data.session then return end
      party:send(from or party:nodes "coordinator"[1], SubmitModel { session = data.session,
        peer_id = party.id, url = data.file.url, sha256 = data.file.sha256 })
      return "serving"
    end,
    [Evaluate] = function(party, event, from)
      local told = party.data.told
      if event.session ~= (party.data.session or event.session) then return end
      if told[event.model_id] == nil then
        local metrics, reason = evaluate(party, event)
        told[event.model_id] = { metrics = metrics, reason = reason }
      end
      party:send(from or party:nodes "coordinator"[1], Evaluated { session = event.session,
        model_id = event.model_id, peer_id = party.id, metrics = told[event.model_id].metrics,
        reason = told[event.model_id].reason })
      return "serving"
    end,
    [af.NoticeTaskCompletion] = function(party)
      local count = 0
      for _ in pairs(party.data.told) do count = count + 1 end
      return af.done { evaluated = count }
    end,
    may_end = true,
    after = {
      function(party) return every(party) * (tries(party) * 2 + 3) end,
      function() return af.fail "the coordinator is silent" end,
    },
  } },
}

return af.flow {
  name = "cross_site_eval",
  mock = { coordinator = 1, site = 3 },
  args = learner.args {
    parameters = af.optional(af.list(af.number, { min_length = 1 }), { 0.0, 0.0, 0.0 }),
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- in all: for all models that a site evaluates
  },
  roles = { coordinator = coordinator, site = site },
  invariants = {
    ["a cell is what its site has told, or null with a reason"] = function(world)
      local data = world:with_role("coordinator")[1].data
      for model_id, row in pairs(data.cells) do
        for id, cell in pairs(row) do
          local told = world.parties[id].data.told[model_id]
          if cell == af.null then
            if not data.reasons[model_id][id] then return false end
          else
            for name, value in pairs(cell) do
              if not told or told.metrics[name] ~= value then return false end
            end
          end
        end
      end
      return true
    end,
  },
}
