--- training.logistic: logistic regression of two classes, 0 and 1, in Lua: as logistic.py, in its
--- order. Parameters are a list: a weight for each feature, and one for all rows.

local logistic = {}

local function margin(parameters, row)
  local total = parameters[#row + 1]
  for i, value in ipairs(row) do total = total + parameters[i] * value end
  return total
end

---The logistic function, without an overflow.
function logistic.chance_of(z)
  if z >= 0 then return 1 / (1 + math.exp(-z)) end
  local power = math.exp(z)
  return power / (1 + power)
end

---The mean over all rows.
function logistic.gradient(parameters, rows, labels)
  local slope = {}
  for i = 1, #parameters do slope[i] = 0.0 end
  for k, row in ipairs(rows) do
    local wrong = logistic.chance_of(margin(parameters, row)) - labels[k]
    for i, value in ipairs(row) do slope[i] = slope[i] + wrong * value end
    slope[#slope] = slope[#slope] + wrong
  end
  for i, total in ipairs(slope) do slope[i] = total / #rows end
  return slope
end

---Gradient descent on all rows; options: steps, rate, mu, which holds the parameters near to those
---that it began with (FedProx). All may be absent: one step, 0.1, 0.
function logistic.train(parameters, rows, labels, options)
  local rate, mu, start = options.rate or 0.1, options.mu or 0, parameters
  for _ = 1, options.steps or 1 do
    local slope, after = logistic.gradient(parameters, rows, labels), {}
    for i, weight in ipairs(parameters) do
      if mu ~= 0 then slope[i] = slope[i] + mu * (weight - start[i]) end
      after[i] = weight - rate * slope[i]
    end
    parameters = after
  end
  return parameters
end

---How good the parameters are: { rows =, loss =, accuracy = }.
function logistic.test(parameters, rows, labels)
  local loss, right = 0.0, 0
  for k, row in ipairs(rows) do
    local z = margin(parameters, row)
    loss = loss + math.max(z, 0.0) - z * labels[k] + math.log(1 + math.exp(-math.abs(z)))
    if (z > 0) == (labels[k] == 1) then right = right + 1 end
  end
  return { rows = #rows, loss = loss / #rows, accuracy = right / #rows }
end

return logistic
