--- fed_avg.server: what the aggregator makes of a round's mean. The way from the model to the mean
--- is taken for a gradient: with momentum (Hsu et al., "Measuring the Effects of Non-Identical Data
--- Distribution", 2019), or by Adagrad, Adam or Yogi (Reddi et al., "Adaptive Federated
--- Optimization", ICLR 2021, algorithm 2). Without either the mean is the model.

local vector = require("af").vector

local server = {}

local AT_A_TIME = 10000 -- numbers, as lists

---The square of the gradient, as each remembers it.
local second_moment = {
  adagrad = function(v, square) return v + square end,
  adam = function(v, square, beta2) return beta2 * v + (1 - beta2) * square end,
  yogi = function(v, square, beta2)
    local sign = v > square and 1 or v < square and -1 or 0
    return v - (1 - beta2) * square * sign
  end,
}

---One number: its new value and moments. x: the model's, d: the way to the mean.
local function step(args, second, x, d, m, v)
  if second == nil then -- avgm
    m = args.beta1 * m + d
    return x + args.server_rate * m, m, v
  end
  m = args.beta1 * m + (1 - args.beta1) * d
  v = second(v, d * d, args.beta2)
  return x + args.server_rate * m / (math.sqrt(v) + args.tau), m, v
end

---The next model, and the moments to be remembered: vectors m and v, nil at first.
function server.step(args, model, mean, m, v)
  local second, count = second_moment[args.server], vector.count(model)
  local out = { {}, {}, {} }
  m = m or vector.zeros(count)
  v = v or vector.pack({ args.tau ^ 2 }):rep(count)
  for from = 1, count, AT_A_TIME do
    local function some(of)
      return vector.unpack(vector.slice(of, from, math.min(from + AT_A_TIME - 1, count)))
    end
    local x, to, ms, vs = some(model), some(mean), some(m), some(v)
    for i = 1, #x do x[i], ms[i], vs[i] = step(args, second, x[i], to[i] - x[i], ms[i], vs[i]) end
    for k, list in ipairs { x, ms, vs } do table.insert(out[k], vector.pack(list)) end
  end
  return table.concat(out[1]), table.concat(out[2]), table.concat(out[3])
end

return server
