--- fed_avg.robust: means that bear some participants which send anything at all. None is weighted:
--- a participant says itself how many rows it has.
---
---   median     at each place (Yin et al., "Byzantine-Robust Distributed Learning", ICML 2018)
---   trimmed    at each place the mean without the f least and the f greatest (the same)
---   krum       the mean of the m that are nearest to their neighbours (Blanchard et al., NeurIPS
---              2017)
---   bulyan     krum again and again, then at each place the mean of those around the median
---              (El Mhamdi et al., "The Hidden Vulnerability of Distributed Learning", ICML 2018)
---   norm_clip  none goes further from the last model than `clip`

local vector = require("af").vector

local robust = {}

local AT_A_TIME = 2000 -- places, as lists

---How many updates each needs, of which f may be anything.
local least = {
  median = function(f) return 2 * f + 1 end,
  trimmed = function(f) return 2 * f + 1 end,
  krum = function(f) return 2 * f + 3 end,
  bulyan = function(f) return 4 * f + 3 end,
  norm_clip = function() return 1 end,
}

---Why the arguments do not go with so many updates; nil: they do.
function robust.unfit(args, count)
  local needed = least[args.robust](args.faulty)
  if count < needed then
    return ("%s with faulty = %d needs %d updates, and a quorum of %d may be all there are"):format(
      args.robust, args.faulty, needed, count)
  elseif args.robust == "krum" and args.chosen > count - args.faulty - 2 then
    return ("krum of %d updates, %d of them faulty, chooses at most %d"):format(count, args.faulty,
      count - args.faulty - 2)
  end
end

---The place of the one whose nearest neighbours are the nearest. Where few are left there is one
---neighbour at least.
local function nearest(distances, left, f)
  local best, lowest
  for _, a in ipairs(left) do
    local near, score = {}, 0.0
    for _, b in ipairs(left) do
      if a ~= b then table.insert(near, distances[a][b] ^ 2) end
    end
    table.sort(near)
    for i = 1, math.max(#left - f - 2, 1) do score = score + near[i] end
    if lowest == nil or score < lowest then best, lowest = a, score end
  end
  return best
end

---The mean of the `count` numbers of a sorted list that are nearest to its median.
local function around_median(sorted, count)
  local half = #sorted // 2
  local median = #sorted % 2 == 1 and sorted[half + 1] or (sorted[half] + sorted[half + 1]) / 2
  local first, last, sum = 1, #sorted, 0.0
  while last - first + 1 > count do
    if median - sorted[first] > sorted[last] - median then
      first = first + 1
    else
      last = last - 1
    end
  end
  for i = first, last do sum = sum + sorted[i] end
  return sum / count
end

local function bulyan(list, f)
  local distances, left, chosen = vector.distances(list), {}, {}
  for i = 1, #list do left[i] = i end
  while #chosen < #list - 2 * f do
    local best = nearest(distances, left, f)
    table.insert(chosen, list[best])
    for k, i in ipairs(left) do
      if i == best then table.remove(left, k) break end
    end
  end
  local out, count = {}, vector.count(list[1])
  for from = 1, count, AT_A_TIME do
    local to, slices, mean = math.min(from + AT_A_TIME - 1, count), {}, {}
    for k, v in ipairs(chosen) do slices[k] = vector.unpack(vector.slice(v, from, to)) end
    for i = 1, to - from + 1 do
      local column = {}
      for k, slice in ipairs(slices) do column[k] = slice[i] end
      table.sort(column)
      mean[i] = around_median(column, #chosen - 2 * f)
    end
    table.insert(out, vector.pack(mean))
  end
  return table.concat(out)
end

local function norm_clip(list, model, clip)
  local near = {}
  for k, v in ipairs(list) do
    near[k] = vector.add(model, (vector.clip(vector.sub(v, model), clip)))
  end
  return vector.mean(near)
end

---The mean of the updates, which go from `model`.
function robust.mean(args, list, model)
  if args.robust == "median" then return vector.median(list) end
  if args.robust == "trimmed" then return vector.trimmed_mean(list, args.faulty) end
  if args.robust == "krum" then return (vector.krum(list, args.faulty, args.chosen)) end
  if args.robust == "bulyan" then return bulyan(list, args.faulty) end
  return norm_clip(list, model, args.clip)
end

return robust
