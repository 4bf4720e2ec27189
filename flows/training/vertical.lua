--- training.vertical: a party's columns of a table that several have, by the IDs of its rows; split
--- logistic regression. The host's last column are the labels, 0 and 1, and it has the constant.

local af = require "af"
local chance_of = require("training.logistic").chance_of

local vertical = {}

local function is_host(party) return party.role == "host" end

---The party's table: { [id] = { numbers } } and how many columns: of a CSV file, or an example.
local function read(party)
  local rows, columns = {}, 0
  if party.args.data ~= "" then
    local name = party.args.data:gsub("{id}", (party.id:gsub("%%", "%%%%")))
    for line in af.download("file://" .. name):gmatch "[^\r\n]+" do
      local id, rest = line:match "^([^,]*),(.*)$"
      rows[id] = {}
      for field in (rest .. ","):gmatch "([^,]*)," do
        table.insert(rows[id], af.expect(tonumber(field), name .. ": a field is no number") + 0.0)
      end
      columns = #rows[id]
    end
    return rows, columns
  end
  for place, id in ipairs(party:nodes()) do
    for i = place, id == party.id and place + 6 or 0 do
      rows[("row-%02d"):format(i)] = is_host(party) and { i % 2 } or { i * place % 5 - 2.0 }
    end
  end
  return rows, 1
end

---What the host has of a row beside the label: its columns, and the constant.
local function features_of(party, row)
  if not is_host(party) then return row end
  local features = table.move(row, 1, #row - 1, 1, {})
  features[#features + 1] = 1.0
  return features
end

function vertical.ids(party)
  local ids = {}
  for id in pairs((read(party))) do ids[#ids + 1] = id end
  return ids
end

function vertical.zeros(party)
  local _, columns = read(party)
  local weights = {}
  for i = 1, columns do weights[i] = 0.0 end
  return weights
end

---For each row the sum over the party's columns.
function vertical.sums(party, ids, weights)
  local rows, sums = read(party), {}
  for k, id in ipairs(ids) do
    local total = 0.0
    for i, x in ipairs(features_of(party, rows[id])) do total = total + weights[i] * x end
    sums[k] = total
  end
  return sums
end

---Of the host: the gradient by the sums of all parties, for each row of a batch.
function vertical.gradient(party, ids, sums)
  local rows, gradient = read(party), {}
  for k, id in ipairs(ids) do
    gradient[k] = (chance_of(sums[k]) - rows[id][#rows[id]]) / #ids
  end
  return gradient
end

---The weights after a step of gradient descent.
function vertical.step(party, ids, weights, gradient, rate)
  local rows, after = read(party), {}
  for i, weight in ipairs(weights) do after[i] = weight end
  for k, id in ipairs(ids) do
    for i, x in ipairs(features_of(party, rows[id])) do
      after[i] = after[i] - rate * x * gradient[k]
    end
  end
  return after
end

---Of the host: how good the sums are: { rows =, loss =, accuracy = }.
function vertical.judge(party, ids, sums)
  local rows, loss, right = read(party), 0.0, 0
  for k, id in ipairs(ids) do
    local z, label = sums[k], rows[id][#rows[id]]
    loss = loss + math.max(z, 0.0) - z * label + math.log(1 + math.exp(-math.abs(z)))
    if (z > 0) == (label == 1) then right = right + 1 end
  end
  return { rows = #ids, loss = loss / #ids, accuracy = right / #ids }
end

return vertical
