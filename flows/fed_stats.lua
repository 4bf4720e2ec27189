--- Statistics of data that stay where they are: an analyst has counts, means, variances, histograms
--- and quantiles of the columns of all sites together, as far as each site's own policy allows.
---
---   analyst  ── stats_request ──► site   of these columns, this
---   analyst  ◄── stats_response ── site   so many rows; what is refused, and why
---   analyst  ◄═══════════════════ site   the values, by the data channel
---   analyst  ── notice_task_completion ► all
---
--- This is done twice: the least and the greatest of each column, widened by chance; then, in bins
--- between these, count, sum, squares and histogram.
---
--- Holds: a site sends nothing that its policy refuses (fed_stats/policy.lua; numbers of its own in
--- a file on its machine), and says why; a request that comes again is answered by the same bytes,
--- so that chance cannot be averaged away. It ends, whoever is lost; an answer names who is in it,
--- who refused and who was silent. Sums are exact, rounded once: who is in it gives the bits, not
--- the order. The analyst sees each site's values; with `secure` these of the second time are added
--- by secure_aggregation, which more than half of the sites have to come through, and it sees the
--- sums alone. A column that a site refuses a part of is then not told by it at all; one that one
--- site alone tells is that site's, within its policy.
---
--- Checked in every interleaving with 3 sites, one of which has too few rows, and 2 tries: one site
--- lost and one contract dropped; one copied; with `secure` 2 sites, one dropped, or lost. A
--- mistake that a check finds: a site that tells of fewer rows than its policy says. Oracle: the
--- pooled data, the same bits without suppression.

local af = require "af"
local Secure, secure_events = require "secure_aggregation", require "secure_aggregation.events"
local exact, packed = require "fed_stats.exact", require "fed_stats.packed"
local policy = require "fed_stats.policy"

local range = af.record { low = af.number, high = af.number }
local StatsRequest = af.event("stats_request", { session = af.id, features = af.list(af.id),
  kinds = af.list(af.one_of { "range", "count", "sum", "squares", "histogram" }),
  bins = af.integer { min = 1, max = 10000 }, ranges = af.optional(af.map(range)) })
local StatsResponse = af.event("stats_response", { session = af.id, peer_id = af.id,
  count = af.integer { min = 0 }, refused = af.map(af.string), -- by column, or "all"
  sends = af.boolean }) -- whether values follow

local function every(party) return party.args.every end
local function tries(party) return party.args.tries end

---The ends of bins that a range is cut into; of one number that is a range around it.
local function edges_of(low, high, bins)
  local edges = {}
  if low == high then low, high = low - 0.5, high + 0.5 end
  for i = 0, bins do edges[i + 1] = low + (high - low) * i / bins end
  return edges
end

-- The analyst. -----------------------------------------------------------------------------------

---Where a share of the rows lies, by a histogram, between the ends of a bin in proportion.
local function quantile(edges, counts, share)
  local total, before = 0, 0
  for _, count in ipairs(counts) do total = total + count end
  for i, count in ipairs(counts) do
    if count > 0 and before + count >= share * total then
      return edges[i] + (edges[i + 1] - edges[i]) * (share * total - before) / count
    end
    before = before + count
  end
end

---Completes what is told of a column of its sums, the lists of exact.lua.
local function complete(party, feature, answer, sums, squares)
  if answer.count == 0 then return nil end
  local limits = party.data.ranges[feature]
  local count, sum = answer.count, exact.round(sums)
  answer.mean = sum / count
  answer.variance = (exact.round(squares) - sum * sum / count) / math.max(1, count - 1)
  answer.edges = edges_of(limits.low, limits.high, party.args.bins)
  answer.quartiles = af.array {}
  for i = 1, 3 do answer.quartiles[i] = quantile(answer.edges, answer.histogram, i / 4) end
  return answer
end

---What the sites' values of a column come to together.
local function merge(party, feature)
  local data = party.data
  local sums, squares = { 0.0 }, { 0.0 }
  local answer = { sites = af.array {}, count = 0, suppressed = 0, histogram = af.array {} }
  for id, values in pairs(data.values) do
    local one = values[feature]
    if one then
      table.insert(answer.sites, id)
      answer.count = answer.count + one.count
      for _, part in ipairs(one.sum) do exact.add(sums, part) end
      for _, part in ipairs(one.squares) do exact.add(squares, part) end
      for i, cell in ipairs(one.histogram) do
        answer.histogram[i] = (answer.histogram[i] or 0) + (cell ~= af.null and cell or 0)
        answer.suppressed = answer.suppressed + (cell == af.null and 1 or 0)
      end
    end
  end
  return complete(party, feature, answer, sums, squares)
end

---The same of a secure sum.
local function read_sum(party, result)
  local data, args, answers = party.data, party.args, {}
  local columns = packed.read(party:kept(result.sum), args.features, args.bins)
  for feature, column in pairs(columns) do
    local answer = { sites = af.array {}, count = column.count, suppressed = column.suppressed,
      histogram = column.histogram }
    for _, id in ipairs(result.clients) do
      local refused = data.refused[id]
      if not (refused and refused[feature]) then table.insert(answer.sites, id) end
    end
    answers[feature] = data.ranges[feature]
      and complete(party, feature, answer, column.sum, column.squares)
  end
  return answers
end

---A site's values, by column, if they are such: numbers, and counts that are whole. Raises else.
local function read(bytes, kinds)
  local function number(x)
    af.expect(type(x) == "number" and math.abs(x) < math.huge, "no number")
    return x + 0.0
  end
  local function whole(x) return x == af.null and x or af.expect(math.tointeger(x), "no count") end
  local function list(item, from)
    local items = af.array {}
    for i, x in ipairs(from) do items[i] = item(x) end
    return items
  end
  local all = {}
  for feature, one in pairs(cjson.decode(bytes)) do
    if kinds.range then
      all[feature] = { low = number(one.low), high = number(one.high) }
    else
      all[feature] = { count = whole(one.count), sum = list(number, one.sum),
        squares = list(number, one.squares), histogram = list(whole, one.histogram or {}) }
    end
  end
  return all
end

---Two states: asks all sites, and takes the values of those who send some.
local function pass(states, name, kinds, done)
  local set = {}
  for _, kind in ipairs(kinds) do set[kind] = true end
  local function session(party) return party.data.session .. " " .. name end
  states["ask_" .. name] = af.patterns.gather {
    from = function(party) return party:nodes "site" end,
    ask = function(party)
      local features = table.move(party.args.features, 1, #party.args.features, 1, {})
      return StatsRequest { session = session(party), features = features, kinds = kinds,
        bins = party.args.bins, ranges = party.data.ranges }
    end,
    answer = StatsResponse,
    who = function(event, from) return (from == nil or from == event.peer_id) and event.peer_id end,
    accept = function(party, event) return event.session == session(party) end,
    take = function(party, id, event)
      party.data.refused[id] = next(event.refused) and event.refused or nil
      if event.sends then table.insert(party.data.senders, id) end
    end,
    every = every, tries = tries, need = 0,
    done = function(party, _, missing)
      party.data.silent = missing
      if not party.data.senders[1] then
        return af.fail(missing[1] and "no site answers" or "all sites refuse")
      end
      return set.sum and party.args.secure and "sum" or "take_" .. name
    end,
    more = { defer = { af.ApplySfSendingData } },
  }
  states["take_" .. name] = af.data_channel.receiving {
    source = function(party) return party.data.senders end,
    label = session, every = every, tries = tries, need = 0,
    received = function(party, id, bytes)
      local ok, values = pcall(read, bytes, set)
      if not ok then return "its values cannot be read" end
      party.data.values[id] = values
    end,
    done = function(party, _, missing)
      for _, id in ipairs(missing) do table.insert(party.data.silent, id) end
      return done(party)
    end,
  }
end

local analyst_states = {}

---The range of all sites together; then the second pass.
pass(analyst_states, "ranges", { "range" }, function(party)
  local data = party.data
  data.ranges = {}
  for _, values in pairs(data.values) do
    for feature, one in pairs(values) do
      local all = data.ranges[feature] or one
      data.ranges[feature] = { low = math.min(all.low, one.low),
        high = math.max(all.high, one.high) }
    end
  end
  data.values, data.senders = {}, {}
  return next(data.ranges) and "ask_values" or af.fail "no site tells a range"
end)

local function tell_all(party, answers)
  party:notify_task_completion(true)
  return af.done { features = answers, refused = party.data.refused,
    silent = af.array(party.data.silent) }
end

pass(analyst_states, "values", { "count", "sum", "squares", "histogram" }, function(party)
  local data = party.data
  data.answers = {}
  for _, feature in ipairs(party.args.features) do
    data.answers[feature] = data.ranges[feature] and merge(party, feature)
  end
  return tell_all(party, data.answers)
end)

---Of how many sites a secure sum has to be: more than half, as all of them know.
local function threshold(party) return #party:nodes "site" // 2 + 1 end

analyst_states.sum = Secure.server {
  clients = function(party) return party.data.senders end,
  threshold = threshold, every = every, tries = tries,
  done = function(party, result)
    local data, is_in = party.data, {}
    for _, id in ipairs(result.clients) do is_in[id] = true end
    for _, id in ipairs(data.senders) do
      if not is_in[id] then table.insert(data.silent, id) end
    end
    data.answers = read_sum(party, result)
    return tell_all(party, data.answers)
  end,
  failed = function(_, why) return af.fail(why) end,
}

local analyst = {
  always = { ignore = { StatsResponse, table.unpack(secure_events.to_server) } },
  data = function() return { session = af.uuid(), values = {}, senders = {}, refused = {} } end,
  start = "ask_ranges",
  states = analyst_states,
}

-- A site. ----------------------------------------------------------------------------------------

---The columns of a CSV file with a heading, without what is no number. Without a file: an example.
local function columns_of(party)
  local columns = {}
  if party.args.data == "" then
    for place, id in ipairs(party:nodes "site") do
      if id == party.id then
        columns.x = {}
        for i = 1, party.args.size - 10 * (place - 1) do columns.x[i] = place * i / 10 end
      end
    end
    return columns
  end
  local names
  local file = party.args.data:gsub("{id}", (party.id:gsub("%%", "%%%%")))
  for line in af.download("file://" .. file):gmatch "[^\r\n]+" do
    local fields = {}
    for field in (line .. ","):gmatch "([^,]*)," do fields[#fields + 1] = field end
    if names then
      for i, name in ipairs(names) do
        local value = tonumber(fields[i])
        if value then table.insert(columns[name], value + 0.0) end
      end
    else
      names = fields
      for _, name in ipairs(names) do columns[name] = {} end
    end
  end
  return columns
end

---What is told of a column; nil and why nothing is.
local function tell(own, values, event, feature)
  local why = policy.refuses(own, values)
  if why then return nil, why end
  local kinds, limits = {}, event.ranges and event.ranges[feature]
  for _, kind in ipairs(event.kinds) do kinds[kind] = true end
  local told = {}
  if kinds.range then told.low, told.high = policy.range(own, values) end
  if kinds.count then told.count = #values end
  if kinds.sum then told.sum = exact.sum(values) end
  if kinds.squares then
    local squares = {}
    for i, x in ipairs(values) do squares[i] = x * x end
    told.squares = exact.sum(squares)
  end
  if kinds.histogram and limits then
    why = policy.refuses_bins(own, values, event.bins)
    if why then return told, why end
    local ok, counts = pcall(af.vector.histogram, af.vector.pack(values),
      edges_of(limits.low, limits.high, event.bins))
    if not ok then return told, "a range that cannot be cut into such bins" end
    told.histogram = policy.suppress(own, counts)
  end
  return told
end

---Whether a request's values go into a secure sum: those of the second time.
local function is_secure(party, event) return party.args.secure and event.ranges ~= nil end

---The answer to a request: made once for each that differs, and kept.
local function answer_to(party, event)
  local data = party.data
  local own = policy.read(party.args.policy)
  local question = af.crypto.hex(af.crypto.sha256(cjson.encode { event.features, event.kinds,
    event.bins, event.ranges or {} }))
  if data.answers[question] then return question end
  local count = 0
  for _ in pairs(data.answers) do count = count + 1 end
  local answer, values = { refused = {}, count = 0, sends = false }, {}
  data.answers[question] = answer
  if count >= own.budget then
    answer.refused.all = ("the budget of %d requests is spent"):format(own.budget)
    return question
  end
  local columns = columns_of(party)
  for _, feature in ipairs(event.features) do
    local column = columns[feature]
    local told, why
    if column then
      told, why = tell(own, column, event, feature)
      if why and is_secure(party, event) then told = nil end
    else
      why = "there is no such column"
    end
    values[feature], answer.refused[feature] = told, why
    if told then answer.count, answer.sends = math.max(answer.count, #column), true end
  end
  if answer.sends then
    answer.values = party:keep(is_secure(party, event) and packed.pack(event, values)
      or cjson.encode(values))
  end
  return question
end

local function respond(party, event, from)
  local question = answer_to(party, event)
  local answer = party.data.answers[question]
  party:send(from or party:nodes "analyst"[1], StatsResponse { session = event.session,
    peer_id = party.id, count = answer.count, refused = answer.refused, sends = answer.sends })
  return question, answer
end

local function take(party, event, from)
  local data = party.data
  local question, answer = respond(party, event, from)
  data.session, data.question = event.session, question
  if not answer.sends then return "serving" end
  return is_secure(party, event) and "sum" or "offering"
end

local function done() return af.done() end

local site = {
  data = function() return { answers = {} } end,
  start = "serving",
  always = {
    [StatsRequest] = function(party, event, from) respond(party, event, from) end,
    [af.NoticeTaskCompletion] = done,
    ignore = secure_events.to_client,
  },
  states = {
    serving = {
      [StatsRequest] = take,
      may_end = true,
      after = {
        function(party) return every(party) * (2 * tries(party) + 3) end,
        function() return af.fail "the analyst is silent" end,
      },
    },
    offering = af.data_channel.sending {
      target = function(party) return party:nodes "analyst"[1] end,
      ref = function(party) return party.data.answers[party.data.question].values end,
      label = function(party) return party.data.session end,
      every = every, tries = tries, done = "serving", failed = "serving",
      state = { [StatsRequest] = take },
    },
    sum = Secure.client {
      vector = function(party)
        return party:kept(party.data.answers[party.data.question].values)
      end,
      threshold = threshold, every = every, tries = tries,
      done = "serving", failed = function(party, why)
        party:log("not in the sum: %s", why)
        return "serving"
      end,
    },
  },
}

return af.flow {
  name = "fed_stats",
  mock = { analyst = 1, site = 3 },
  args = {
    features = af.optional(af.list(af.id, { min_length = 1 }), { "x" }),
    bins = af.optional(af.integer { min = 1, max = 10000 }, 2),
    data = af.optional(af.string, ""), -- of a site: a CSV file with a heading; "{id}" is its name
    policy = af.optional(af.string, ""), -- of a site: a JSON file; absent: as usual
    secure = af.optional(af.boolean, false), -- the analyst has the sums of sites' values alone
    size = af.optional(af.integer { min = 0 }, 30), -- of the example: rows of the first site
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- then it is left out
  },
  roles = { analyst = analyst, site = site },
  invariants = {
    ["nothing is told of fewer rows than the policy says"] = function(world)
      local answers = world:with_role("analyst")[1].data.answers
      for _, answer in pairs(answers or {}) do
        if answer.count < 11 * #answer.sites then return false end
      end
      for _, one in ipairs(world:with_role "site") do
        for _, answer in pairs(one.data.answers) do
          if answer.sends and answer.count < 11 then return false end
        end
      end
      return true
    end,
    ["a count is that of the sites that are named"] = function(world)
      local answers = world:with_role("analyst")[1].data.answers
      for _, answer in pairs(answers or {}) do
        local count = 0
        for _, id in ipairs(answer.sites) do
          local most = 0
          for _, told in pairs(world.parties[id].data.answers) do
            most = math.max(most, told.count)
          end
          count = count + most
        end
        if answer.count > count then return false end
      end
      return true
    end,
  },
}
