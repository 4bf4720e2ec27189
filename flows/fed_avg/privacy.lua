--- fed_avg.privacy: a participant's noise, and what the aggregator can have learnt in spite of it.
---
--- How far training has moved the model is clipped to the norm `clip`, cut to whole steps of a
--- grid (towards 0, so that the norm does not grow), and has discrete Gaussian noise of deviation
--- `noise` · clip added at each place (Canonne, Kamath and Steinke, "The Discrete Gaussian for
--- Differential Privacy", NeurIPS 2020). Whatever a participant's data are, two updates lie at most
--- 2 · clip apart, so an update is (alpha, alpha · (2 · clip)² / (2 · sigma²))-Rényi private for
--- all its rows at once, and updates add up (Mironov, "Rényi Differential Privacy", CSF 2017).
---
--- Not covered: the number of rows (n_k). Nothing is gained here by sampling or by other
--- participants: it is what the aggregator sees of one participant.

local vector = require("af").vector

local privacy = {}

local FINEST = 65536 -- steps of the grid in `clip`; and the greatest deviation that can be drawn
local AT_A_TIME = 10000 -- numbers, as lists

---Steps of the grid in the norm.
local function steps_in(args)
  local steps = FINEST
  while steps * args.noise > FINEST do steps = steps // 2 end
  return steps
end

---The trained model as it may be seen.
function privacy.noised(args, model, trained)
  local steps, out, count = steps_in(args), {}, vector.count(model)
  local grid = args.clip / steps
  -- a little less, for what floats lose
  local way = vector.clip(vector.sub(trained, model), args.clip * (1 - 1e-9))
  for from = 1, count, AT_A_TIME do
    local to = math.min(from + AT_A_TIME - 1, count)
    local moved = vector.unpack(vector.slice(way, from, to))
    local noise = vector.unpack(vector.discrete_gaussian(#moved, args.noise * steps), "i64")
    for i, distance in ipairs(moved) do
      local whole = distance / grid
      whole = whole < 0 and math.ceil(whole) or math.floor(whole)
      moved[i] = grid * (whole + noise[i])
    end
    table.insert(out, vector.pack(moved))
  end
  return vector.add(model, table.concat(out))
end

---The epsilon of so many updates at args.delta: the least that an order alpha gives, by the
---conversion of Canonne, Kamath and Steinke (proposition 12).
function privacy.epsilon(args, updates)
  if updates == 0 then return 0.0 end
  local rho = updates * 2 / args.noise ^ 2 -- (2 · clip)² / (2 · (noise · clip)²), for each
  local least = math.huge
  for power = -160, 320 do
    local beyond = 2 ^ (power / 16) -- alpha - 1
    local alpha = 1 + beyond
    local epsilon = alpha * rho + math.log(beyond / alpha)
      - (math.log(args.delta) + math.log(alpha)) / beyond
    least = math.min(least, epsilon)
  end
  return math.max(least, 0.0)
end

return privacy
