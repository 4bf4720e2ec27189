--- Boosted trees of data that stay where they are: each party counts its rows by bins, an
--- aggregator adds the counts up and says where to split.
---
---   aggregator  ── ranges_request ► party   between which numbers are your columns?
---   aggregator  ◄────────── ranges ── party
---   aggregator  ── splits ────────► party   the trees so far, and this one's splits (a file)
---   aggregator  ◄────── histograms ── party   gradients and rows by node, column and bin (a file)
---   aggregator  ── boosted ───────► party   the trees (a file)
---   aggregator  ◄──── boosted_too ── party
---
--- The two in the middle for each level of each tree. Counts are 64-bit whole numbers.
---
--- Holds: with `quorum` parties alive it ends; each tree is what one place with all rows of its
--- parties would grow, the same bits. Who is silent at a level is out: this tree is begun again
--- without it, so that no tree is of two sets of parties. Who is asked again answers the same. The
--- aggregator sees each party's counts; with `secure` it does not:
---
---   aggregator  ── splits ────────► party
---   aggregator  ◄───────── counted ── party   I have, and wait for
---   aggregator  ◄═ secure_aggregation ═ party   the sum of all counts
---
--- More than half of the parties have to be left then. Who drops out of a sum is out.
---
--- Checked in every interleaving with 2 parties, 1 tree of depth 2 and 2 tries: one contract
--- dropped and one party lost; one copied; with `secure` depth 1: one dropped, or lost. A mistake
--- that a check finds: a level that goes on without who is silent. Oracle: 20 trees of depth 3 with
--- 32 bins, grown in one place.

local af = require "af"
local Secure, secure_events = require "secure_aggregation", require "secure_aggregation.events"
local csv, model_file = require "training.csv", require "training.model_file"
local trees = require "training.trees"

local whole = af.integer { min = 1 }
local url, sha256 = model_file.fields.url, model_file.fields.sha256

local RangesRequest = af.event("ranges_request", {})
local Ranges = af.event("ranges", { peer_id = af.id, rows = af.integer { min = 0 },
  low = af.list(af.number), high = af.list(af.number) })
-- try: how often this tree was begun
local Splits = af.event("splits", { tree = whole, try = whole, level = whole, url = url,
  sha256 = sha256 })
local Histograms = af.event("histograms", { tree = whole, try = whole, level = whole,
  peer_id = af.id, url = url, sha256 = sha256 })
local Counted = af.event("counted", { tree = whole, try = whole, level = whole, peer_id = af.id })
local Boosted = af.event("boosted", { url = url, sha256 = sha256 })
local BoostedToo = af.event("boosted_too", { peer_id = af.id })

local function every(party) return party.args.every end
local function tries(party) return party.args.tries end

local function sender(event, from)
  return (from == nil or from == event.peer_id) and event.peer_id
end

---Of how many parties a secure sum has to be: more than half, as all of them know.
local function threshold(party) return #party:nodes "party" // 2 + 1 end

---A number of its own for each question: the round of its secure sum.
local function round_of(question)
  return (question.tree * 1000 + question.try) * 10 + question.level
end

-- The aggregator. --------------------------------------------------------------------------------

---Asks for the counts of a level: by files, or as a secure sum.
local function grow(party) return party.args.secure and "counting" or "growing" end

local function question_of(data)
  return { tree = #data.trees + 1, try = data.try, level = data.level }
end

local function options_of(party)
  return { depth = party.args.depth, bins = party.args.bins, features = #party.data.low }
end

---Goes on without who is silent, with a new tree; fails where too few are left.
local function without(party, left)
  local data = party.data
  data.parties, data.try, data.level = left, data.try + 1, 1
  data.tree = { splits = {}, leaves = {}, rows = {}, parties = left }
  local least = party.args.secure and math.max(party.args.quorum, threshold(party))
    or party.args.quorum
  if #left < least then
    return af.fail(("%d parties are left, and %d are needed"):format(#left, least))
  end
  return grow(party)
end

local function begin_tree(party)
  local data = party.data
  data.try, data.level = 1, 1
  data.tree = { splits = {}, leaves = {}, rows = {}, parties = data.parties }
  return grow(party)
end

---Splits the level's nodes by the counts of all, packed.
local function split_by(party, sum)
  local data, counts = party.data, af.vector.unpack(sum, "i64")
  table.insert(data.tree.rows, trees.grow(data.tree, data.level, counts, options_of(party)))
  data.counts, data.level = {}, data.level + 1
  if data.level <= party.args.depth then return grow(party) end
  table.insert(data.trees, data.tree)
  data.tree = nil
  party:report_progress(100 * #data.trees // party.args.trees)
  return #data.trees < party.args.trees and begin_tree(party) or "telling"
end

local function split(party)
  local data, list = party.data, {}
  for _, id in ipairs(data.parties) do list[#list + 1] = party:kept(data.counts[id]) end
  return split_by(party, af.vector.sum(list, "i64"))
end

---Splits by the secure sum, if it is of all.
local function split_secure(party, result)
  if #result.clients < #party.data.parties then return without(party, result.clients) end
  return split_by(party, party:kept(result.sum))
end

local function publish(party, tree)
  local data = party.data
  return model_file.publish(party, cjson.encode { low = data.low, high = data.high,
    trees = af.array(data.trees), splits = tree and af.array(tree.splits), bins = party.args.bins,
    depth = party.args.depth })
end

---What the parties are asked at a level.
local function ask_splits(party, _, try)
  local data = party.data
  if try == 1 then data.file = publish(party, data.tree) end
  return Splits { tree = #data.trees + 1, try = data.try, level = data.level,
    url = data.file.url, sha256 = data.file.sha256 }
end

local function is_asked(party, event)
  local asked = question_of(party.data)
  return event.tree == asked.tree and event.try == asked.try and event.level == asked.level
end

---Who is silent is out of the tree, which is begun again.
local function drop(party, ids, missing)
  party:log("'%s' is silent; the tree is begun again", table.concat(missing, "', '"))
  party.data.counts = {}
  return without(party, ids)
end

local aggregator = {
  always = { ignore = { Ranges, Histograms, Counted, af.ApplySfSendingData,
    table.unpack(secure_events.to_server) } },
  data = function() return { trees = {}, counts = {}, rows = {} } end,
  start = "asking",
  states = {
    asking = af.patterns.gather {
      from = function(party) return party:nodes "party" end,
      ask = function() return RangesRequest {} end,
      answer = Ranges, who = sender,
      accept = function(party, event)
        local low = party.data.low or event.low
        return event.rows > 0 and #event.low == #low and #event.high == #low and #low > 0
      end,
      take = function(party, id, event)
        local data = party.data
        data.rows[id], data.low, data.high = event.rows, data.low or event.low,
          data.high or event.high
        for i, x in ipairs(event.low) do
          data.low[i] = math.min(data.low[i], x)
          data.high[i] = math.max(data.high[i], event.high[i])
        end
      end,
      every = every, tries = tries, need = function(party) return party.args.quorum end,
      done = function(party, ids)
        party.data.parties = ids
        return begin_tree(party)
      end,
    },
    growing = af.patterns.gather {
      from = function(party) return party.data.parties end,
      ask = ask_splits,
      answer = Histograms, who = sender,
      accept = function(party, event, id)
        local data, options = party.data, options_of(party)
        if not is_asked(party, event) then return false end
        local counts, why = model_file.fetch(event,
          (1 << (data.level - 1)) * options.features * options.bins * 3, "i64")
        if counts == nil then
          party:log("the histograms of %s are refused: %s", id, why)
          return false
        end
        data.counts[id] = party:keep(counts)
        return true
      end,
      every = every, tries = tries,
      done = split,
      short = drop,
    },
    counting = af.patterns.gather {
      from = function(party) return party.data.parties end,
      ask = ask_splits,
      answer = Counted, who = sender, accept = is_asked,
      every = every, tries = tries, done = "sum", short = drop,
    },
    sum = Secure.server {
      clients = function(party) return party.data.parties end,
      round = function(party) return round_of(question_of(party.data)) end,
      threshold = threshold, every = every, tries = tries,
      done = split_secure, failed = function(_, why) return af.fail(why) end,
    },
    telling = af.patterns.gather {
      from = function(party) return party.data.parties end,
      ask = function(party, _, try)
        if try == 1 then party.data.file = publish(party) end
        return Boosted { url = party.data.file.url, sha256 = party.data.file.sha256 }
      end,
      answer = BoostedToo, who = sender, every = every, tries = tries, need = 0,
      done = function(party)
        return af.done { trees = party.data.trees, low = party.data.low, high = party.data.high }
      end,
    },
  },
}

-- A party. ---------------------------------------------------------------------------------------

---Its rows and labels: of a CSV file, or a few by its place.
local function read(party)
  if party.args.data ~= "" then
    return csv.read((party.args.data:gsub("{id}", (party.id:gsub("%%", "%%%%")))))
  end
  local rows, labels = {}, {}
  for place, id in ipairs(party:nodes "party") do
    for i = 1, id == party.id and place + 3 or 0 do
      rows[i], labels[i] = { i * place % 5, i }, (i * place % 5 > 1) == (i % 3 > 0) and 1 or 0
    end
  end
  return rows, labels
end

local function the_aggregator(party) return party:nodes "aggregator"[1] end

local function tell_ranges(party)
  local rows, low, high = read(party), {}, {}
  for _, row in ipairs(rows) do
    for i, x in ipairs(row) do
      low[i], high[i] = math.min(low[i] or x, x), math.max(high[i] or x, x)
    end
  end
  party.data.rows = #rows
  party:send(the_aggregator(party), Ranges { peer_id = party.id, rows = #rows, low = low,
    high = high })
  return "serving"
end

---Its rows in bins, as the aggregator's file says.
local function binned(rows, told)
  local all = {}
  for k, row in ipairs(rows) do
    all[k] = {}
    for i, x in ipairs(row) do
      all[k][i] = trees.bin_of(x, told.low[i], told.high[i], told.bins)
    end
  end
  return all
end

---What the aggregator's file says; nil where there is none, or another.
local function fetch(event)
  local bytes = model_file.fetch_bytes(event)
  local ok, told = pcall(cjson.decode, bytes or "")
  return ok and type(told) == "table" and told or nil
end

---What it counts for a question, packed; nil where the question's file cannot be had.
local function counts_for(party, event)
  local told = fetch(event)
  if not told then return nil end
  local rows, labels = read(party)
  return af.vector.pack(trees.histogram(told.trees, told.splits, event.level, binned(rows, told),
    labels, { features = #told.low, bins = math.tointeger(told.bins),
      depth = math.tointeger(told.depth) }), "i64")
end

---Counts, and waits for the secure sum; a copy of the question is answered, an older one is not.
local function count_secure(party, event)
  local data, round = party.data, round_of(event)
  if round < (data.round or 0) then return end
  local is_new = round ~= data.round
  if is_new then
    local counts = counts_for(party, event)
    if not counts then return end
    data.counts, data.round = party:keep(counts), round
  end
  party:send(the_aggregator(party), Counted { tree = event.tree, try = event.try,
    level = event.level, peer_id = party.id })
  return is_new and "sum" or nil
end

---Counts, once for each question: it answers a copy by the same file.
local function count(party, event)
  if party.args.secure then return count_secure(party, event) end
  local data = party.data
  local question = ("%d %d %d"):format(event.tree, event.try, event.level)
  if data.question ~= question then
    local counts = counts_for(party, event)
    if not counts then return end
    data.file, data.question = model_file.publish(party, counts), question
  end
  party:send(the_aggregator(party), Histograms { tree = event.tree, try = event.try,
    level = event.level, peer_id = party.id, url = data.file.url, sha256 = data.file.sha256 })
  return "serving"
end

---How many of its rows the trees put into their class.
local function finish(party, event)
  local told = fetch(event)
  if not told then return end
  local rows, labels = read(party)
  local right = 0
  for k, row in ipairs(binned(rows, told)) do
    local is_one = trees.score(told.trees, row, math.tointeger(told.depth)) > 0
    if is_one == (labels[k] == 1) then right = right + 1 end
  end
  party:send(the_aggregator(party), BoostedToo { peer_id = party.id })
  return af.done { trees = #told.trees, rows = #rows, right = right }
end

local party_role = {
  start = "serving",
  always = { [Splits] = count, [Boosted] = finish,
    ignore = { RangesRequest, table.unpack(secure_events.to_client) } },
  states = {
    serving = {
      [RangesRequest] = tell_ranges,
      after = {
        function(party) return every(party) * (tries(party) * 2 + 3) end,
        function() return af.fail "the aggregator is silent" end,
      },
    },
    sum = Secure.client {
      vector = function(party) return party:kept(party.data.counts) end,
      round = function(party) return party.data.round end,
      threshold = threshold, every = every, tries = tries,
      done = "serving", failed = function(party, why)
        party:log("not in the sum: %s", why)
        return "serving"
      end,
    },
  },
}

return af.flow {
  name = "hist_boost",
  mock = { aggregator = 1, party = 3 },
  args = {
    trees = af.optional(whole, 3),
    depth = af.optional(af.integer { min = 1, max = 8 }, 2),
    bins = af.optional(af.integer { min = 2, max = 1024 }, 4), -- of a column
    quorum = af.optional(whole, 1), -- with fewer parties it fails
    secure = af.optional(af.boolean, false), -- the aggregator has the sums of counts alone
    data = af.optional(af.string, ""), -- of a party: a CSV file; "{id}" in it is its name
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(whole, 9), -- then it is out
  },
  roles = { aggregator = aggregator, party = party_role },
  invariants = {
    ["a tree is of all rows of its parties, at each level"] = function(world)
      local data = world:with_role("aggregator")[1].data
      local all = { data.tree }
      for _, tree in ipairs(data.trees) do all[#all + 1] = tree end
      for _, tree in ipairs(all) do
        local rows = 0
        for _, id in ipairs(tree.parties) do rows = rows + data.rows[id] end
        for _, counted in ipairs(tree.rows) do if counted ~= rows then return false end end
      end
      return true
    end,
  },
}
