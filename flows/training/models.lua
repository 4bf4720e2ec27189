--- training.models: models as packed vectors (f64), for flows that average them.

local af = require "af"

local vector = af.vector
local models = {}

local SHOWN = 100 -- numbers that are told in a result

---A peer's model, of so many numbers where that is known; or nil and what is wrong with it.
function models.read(bytes, expected)
  local ok, model = pcall(vector.scale, bytes, 1) -- raises for what is no finite number
  if not ok then
    local place = tostring(model):match "number (%d+) is"
    return nil, place and ("parameter %s is no finite number"):format(place)
      or "its parameters are no vector of numbers"
  elseif #model == 0 or (expected and #model ~= 8 * expected) then
    return nil, ("it has %d parameters, expected %s"):format(#model // 8, expected or "some")
  end
  return model
end

---What part of the mean each of `ids` is, by their weights.
function models.shares(ids, weights)
  local total, shares = 0.0, {}
  for _, id in ipairs(ids) do total = total + weights[id] end
  for _, id in ipairs(ids) do shares[id] = weights[id] / total end
  return shares
end

---The mean by these shares, in the order of names: a sum of floats depends on it, and that of
---arrival is chance. model_of(id) gives one after the other, so that few are in memory.
function models.mean(shares, model_of)
  local sum
  for id, share in pairs(shares) do
    local model = model_of(id)
    sum = sum and vector.axpy(share, model, sum) or vector.scale(model, share)
  end
  return sum
end

---What a result tells of a model: its numbers, or what party:keep gave for it.
function models.told(model, ref)
  if vector.count(model) > SHOWN then return { model = ref } end
  return { parameters = vector.unpack(model) }
end

---An invariant: the result of each participant that is done is the aggregator's.
function models.all_end_alike(world)
  local result = world:with_role("aggregator")[1].data.result or {}
  for _, one in ipairs(world:with_role("participant")) do
    local theirs = one.ended == "done" and one.result or result
    if theirs.model ~= result.model then return false end
    for i, value in ipairs(theirs.parameters or {}) do
      if result.parameters[i] ~= value then return false end
    end
  end
  return true
end

return models
