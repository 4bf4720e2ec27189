--- fed_avg.aggregate: what the aggregator makes of a round's updates, by the flow's arguments. The
--- model, the moments of an optimiser and the updates are kept beside the party's data.

local af = require "af"
local learner = require "training.learner"
local models = require "training.models"

local aggregate = {}

---Why the arguments do not go together; nil: they do.
function aggregate.unfit(args)
  return args.robust ~= "none" and require("fed_avg.robust").unfit(args, args.quorum) or nil
end

---What is begun with: the arguments' parameters, else the program's, else zeros.
function aggregate.first(party)
  local given = party.args.parameters
  return given and af.vector.pack(given) or learner.first(party) or af.vector.zeros(party.args.size)
end

---The mean of those who are counted.
local function mean(party, ids)
  local data = party.data
  local function update_of(id) return party:kept(data.updates[id]) end
  if party.args.robust == "none" then
    data.shares = models.shares(ids, data.weights)
    return models.mean(data.shares, update_of)
  end
  local list = {}
  for i, id in ipairs(ids) do list[i] = update_of(id) end
  return require("fed_avg.robust").mean(party.args, list, party:kept(data.model))
end

---The round's model becomes what the updates of `ids` say.
function aggregate.close(party, ids)
  local data, after = party.data, mean(party, ids)
  if party.args.server ~= "avg" then
    local function moment(ref) return ref and party:kept(ref) end
    local m, v
    after, m, v = require("fed_avg.server").step(party.args, party:kept(data.model), after,
      moment(data.m), moment(data.v))
    data.m, data.v = party:keep(m), party:keep(v)
  end
  data.model, data.counted, data.updates, data.resets = party:keep(after), ids, {}, 0
end

---What the aggregator can have learnt of each participant, at most: all updates that it has seen.
local function privacy_of(party)
  local args, privacy, all = party.args, require "fed_avg.privacy", {}
  for id, updates in pairs(party.data.seen) do all[id] = privacy.epsilon(args, updates) end
  return { epsilon = all, delta = args.delta, noise = args.noise, clip = args.clip }
end

---The task's report.
function aggregate.report(party, model)
  local data, args = party.data, party.args
  return { rounds = data.round, participants = data.counted, server = args.server,
    robust = args.robust, privacy = args.noise > 0 and privacy_of(party) or nil,
    test = args.test ~= "" and learner.test(party, model, args.test) or nil }
end

return aggregate
