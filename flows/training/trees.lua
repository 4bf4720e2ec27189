--- training.trees: boosted trees of two classes, 0 and 1, by histograms (as Ke et al., "LightGBM",
--- 2017): what a party counts of its rows, and what is split by the counts of all. Gradients are
--- whole numbers, so that their sums are the same bits in any order.
---
--- A tree is { splits, leaves } in the order of a heap: node n has the children 2n and 2n + 1. A
--- split is { feature, bin }: rows up to this bin go left; feature 0 is none, and all go left.

local chance_of = require("training.logistic").chance_of

local trees = {}

local UNIT <const> = 1 << 20 -- of a gradient of 1
local RATE <const>, REGULAR <const> = 0.3, 1.0 -- of a tree; added to the sum of second derivatives

---The bin of a number, from 0, of so many between low and high.
function trees.bin_of(x, low, high, bins)
  if not (x > low) then return 0 end
  return math.min(bins - 1, math.floor((x - low) / (high - low) * bins))
end

---The node that a row of bins is in, after so many levels of a tree's splits.
local function node_of(splits, row, levels)
  local node = 1
  for _ = 1, levels do
    local split = splits[node]
    local right = split.feature > 0 and row[split.feature] > split.bin
    node = 2 * node + (right and 1 or 0)
  end
  return node
end

---What all trees say of a row.
function trees.score(forest, row, depth)
  local total = 0.0
  for _, tree in ipairs(forest) do
    total = total + tree.leaves[node_of(tree.splits, row, depth) - (1 << depth) + 1]
  end
  return total
end

local function whole(x) return math.floor(x * UNIT + 0.5) end

---Counts of a level's nodes: for each node, feature and bin the sums of gradients and second
---derivatives, and the rows. rows: of bins; splits: of the levels above.
function trees.histogram(forest, splits, level, rows, labels, options)
  local features, bins = options.features, options.bins
  local first, counts = 1 << (level - 1), {}
  for i = 1, first * features * bins * 3 do counts[i] = 0 end
  for k, row in ipairs(rows) do
    local chance = chance_of(trees.score(forest, row, options.depth))
    local gradient, second = whole(chance - labels[k]), whole(chance * (1 - chance))
    local node = node_of(splits, row, level - 1) - first
    for feature = 1, features do
      local at = ((node * features + feature - 1) * bins + row[feature]) * 3
      counts[at + 1] = counts[at + 1] + gradient
      counts[at + 2] = counts[at + 2] + second
      counts[at + 3] = counts[at + 3] + 1
    end
  end
  return counts
end

local function gain(gradient, second) return gradient * gradient / (second + REGULAR) end
local function leaf(gradient, second) return -RATE * gradient / (second + REGULAR) end

---The best split of a node by the counts of all, and the leaves that it would have; the first of
---equals.
local function best_split(counts, node, options)
  local features, bins = options.features, options.bins
  local function at(feature, bin) return ((node * features + feature - 1) * bins + bin) * 3 end
  local total, seconds, rows = 0, 0, 0
  for bin = 0, bins - 1 do
    local place = at(1, bin)
    total, seconds = total + counts[place + 1], seconds + counts[place + 2]
    rows = rows + counts[place + 3]
  end
  local best = { feature = 0, bin = 0 }
  local most, left, right = 0.0, leaf(total / UNIT, seconds / UNIT), 0.0
  for feature = 1, features do
    local g, h, n = 0, 0, 0
    for bin = 0, bins - 2 do
      local place = at(feature, bin)
      g, h, n = g + counts[place + 1], h + counts[place + 2], n + counts[place + 3]
      if n > 0 and n < rows then
        local g1, h1 = g / UNIT, h / UNIT
        local g2, h2 = (total - g) / UNIT, (seconds - h) / UNIT
        local more = gain(g1, h1) + gain(g2, h2) - gain(total / UNIT, seconds / UNIT)
        if more > most then
          most, best = more, { feature = feature, bin = bin }
          left, right = leaf(g1, h1), leaf(g2, h2)
        end
      end
    end
  end
  return best, left, right, rows
end

---Adds the splits of a level to a tree, and its leaves where it is the last. Returns how many rows
---were counted.
function trees.grow(tree, level, counts, options)
  local first, all = 1 << (level - 1), 0
  for node = 0, first - 1 do
    local split, left, right, rows = best_split(counts, node, options)
    tree.splits[first + node], all = split, all + rows
    if level == options.depth then
      tree.leaves[2 * node + 1], tree.leaves[2 * node + 2] = left, right
    end
  end
  return all
end

return trees
