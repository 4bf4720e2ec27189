--- What of a run is drawn: filters, the last rows only, long runs elided.
---
--- What is left out stays accounted for: a gap says how many rows it stands for, how many faults
--- and findings are among them, and carries what they did to states and lifelines, so that the
--- picture goes on from the truth.

local view = {}

--- Findings and the run's frame stay, whatever the filter.
local ALWAYS <const> = { bad = true }

local function set_of(list)
  if not list or list == "" then return nil end
  local set = {}
  for word in list:gmatch("[^,]+") do set[word:match("^%s*(.-)%s*$")] = true end
  return next(set) and set
end

local function concerns(row, parties)
  if not parties or row.shape == "line" then return true end
  return parties[row.party] or parties[row.from]
end

--- A row of several parties, cut down to those that are wanted.
local function narrow(row, parties)
  if not parties or not row.entries then return row end
  local entries = {}
  for _, entry in ipairs(row.entries) do
    if parties[entry.party] then entries[#entries + 1] = entry end
  end
  if #entries == 0 then return nil end
  local copy = {}
  for key, value in pairs(row) do copy[key] = value end
  copy.entries = entries
  return copy
end

local function wanted(row, parties, types)
  if row.entries then
    return not types or types[row.kind]
  end
  return (concerns(row, parties)
    and (not types or types[row.type] or types[row.kind] or row.kind == "timeout" and types.timer))
    or ALWAYS[row.level]
end

--- What a row leaves behind in its parties.
local function apply(effects, row)
  if row.states then effects.states[row.party] = row.states[#row.states] end
  for _, entry in ipairs(row.entries or {}) do effects.states[entry.party] = entry.state end
  for id, life in pairs(row.life or {}) do effects.life[id] = life end
end

--- What parties hold after the model's rows first..last, as the last of them says.
local function held_after(model, first, last)
  if not model.rows[last] or not model.rows[last].after then return nil end
  local seen, all = {}, {}
  for i = last, first, -1 do
    for _, one in ipairs(model.rows[i].after) do
      if not seen[one.party] then all[#all + 1] = one end
      seen[one.party] = true
    end
  end
  return all
end

--- Stands for the model's rows first..last, of which `left_out` would have been drawn.
local function gap_of(model, first, last, left_out, where)
  local gap = {
    shape = "gap", kind = "gap", level = "quiet", where = where, count = #left_out,
    faults = 0, findings = 0, states = {}, life = {}, t = model.rows[last].t,
  }
  for i = first, last do apply(gap, model.rows[i]) end
  gap.after = held_after(model, first, last)
  for _, item in ipairs(left_out) do
    if item.row.level == "fault" then gap.faults = gap.faults + 1 end
    if item.row.level == "bad" then gap.findings = gap.findings + 1 end
  end
  return gap
end

--- "1234567" -> "1,234,567"
---@param n integer
---@return string
function view.count(n)
  local s = tostring(n)
  local grouped = s:reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (grouped:gsub("^,", ""))
end

--- "1 row", "2 rows"
---@param n integer
---@param noun string
---@return string
function view.plural(n, noun)
  return ("%s %s%s"):format(view.count(n), noun, n == 1 and "" or "s")
end

--- Says how many parties are not drawn because nothing drawn is theirs.
---@param n integer
---@return string
function view.silent_text(n)
  return ("%s %s no part in what is shown"):format(view.count(n),
    n == 1 and "party has" or "parties have")
end

--- What a gap says.
---@param gap tool.chart.Row
---@return string
function view.gap_text(gap)
  local text = ("%s left out %s"):format(view.plural(gap.count, "row"), gap.where)
  local among = {}
  if gap.faults > 0 then among[#among + 1] = view.plural(gap.faults, "fault") end
  if gap.findings > 0 then among[#among + 1] = view.plural(gap.findings, "finding") end
  if #among > 0 then text = text .. ", with " .. table.concat(among, " and ") end
  return text
end

--- The rows that pass the filter. Numbers of rows (`sent`) stay those of the model.
local function filter(model, opts)
  local parties, types = set_of(opts.party), set_of(opts.type)
  local kept, hidden = {}, 0
  for i, row in ipairs(model.rows) do
    local narrowed = wanted(row, parties, types) and narrow(row, parties)
    if narrowed then
      kept[#kept + 1] = { number = i, row = narrowed }
    else
      hidden = hidden + 1
    end
  end
  return kept, hidden
end

--- How many of the kept rows are drawn at the beginning and at the end.
local function ends_of(count, opts)
  local head, tail = count, 0
  if opts.tail and opts.tail < count then head, tail = 0, opts.tail end
  local max_rows = opts.max_rows
  if max_rows and max_rows < head + tail then
    if head == 0 then
      tail = max_rows
    else
      head, tail = (max_rows + 1) // 2, max_rows // 2
    end
  end
  return head, tail
end

--- Parties hidden by a filter or a gap still change; the changes between two drawn rows
--- are given to the next one as `before`.
local function with_hidden_effects(model, from, to)
  local effects = { states = {}, life = {} }
  for i = from, to do apply(effects, model.rows[i]) end
  return next(effects.life) and effects.life or nil
end

--- The parties with a part in what is drawn, in the trace's order.
local function parties_of(model, items, opts)
  local part = {}
  local function give(id, points)
    if id then part[id] = (part[id] or 0) + points end
  end
  for _, item in ipairs(items) do
    local row = item.row
    give(row.party, row.level == "bad" and 1000 or row.level == "fault" and 10 or 1)
    give(row.from, 1)
    for _, entry in ipairs(row.entries or {}) do give(entry.party, 0) end
  end
  local listed = set_of(opts.party) or {}
  local parties = {}
  for i, party in ipairs(model.parties) do
    local weight = part[party.id]
    if weight then
      if listed[party.id] then weight = weight + 1000000 end
      parties[#parties + 1] = { id = party.id, role = party.role, order = i, weight = weight }
    end
  end
  return parties
end

--- Raises where a filter names what the trace does not have.
local function check_words(option, list, noun, known, near)
  for word in pairs(set_of(list) or {}) do
    if not known[word] then
      error(("%s: the trace has no %s '%s'%s"):format(option, noun, word,
        near(word, known, "it has")), 0)
    end
  end
end

local function check_filters(model, opts)
  local parties, types = {}, {}
  for _, party in ipairs(model.parties) do parties[party.id] = true end
  for _, row in ipairs(model.rows) do
    types[row.kind] = true
    if row.type then types[row.type] = true end
    if row.kind == "timeout" then types.timer = true end
  end
  check_words("--party", opts.party, "party", parties, opts.near)
  check_words("--type", opts.type, "type of event or record", types, opts.near)
end

--- Whether a row tells what the trace's last word is about.
local function tells(row, message)
  return row.level == "bad" and message:find(row.invariant or row.party, 1, true)
end

--- The trace's last word, unless it has been told: by a row that is drawn, or before the drawing.
local function untold(model, items, opts)
  if opts.told or not model.message then return nil end
  for _, item in ipairs(items) do
    if tells(item.row, model.message) then return nil end
  end
  return model.message
end

--- Chooses what is drawn. Raises where a filter names what the trace does not have.
---@param model tool.chart.Model
---@param opts {party: string?, type: string?, tail: integer?, max_rows: integer?}
---@return table  {items, parties, hidden_rows, silent, message}
---  items: {number, row, before}, a gap among them without a number; silent: parties without a row;
---  message: the trace's last word, where no row tells it
function view.choose(model, opts)
  check_filters(model, opts)
  local kept, hidden = filter(model, opts)
  local head, tail = ends_of(#kept, opts)
  local items, last = {}, 0
  local function take(item)
    item.before = with_hidden_effects(model, last + 1, item.number - 1)
    if item.number > last + 1 then item.row.after = held_after(model, last + 1, item.number) end
    items[#items + 1] = item
    last = item.number
  end
  for i = 1, head do take(kept[i]) end
  if head + tail < #kept then
    local next_number = tail > 0 and kept[#kept - tail + 1].number or #model.rows + 1
    local left_out = table.move(kept, head + 1, #kept - tail, 1, {})
    local gap = gap_of(model, last + 1, next_number - 1, left_out, head == 0 and "before" or "here")
    items[#items + 1] = { row = gap }
    last = next_number - 1
    for i = #kept - tail + 1, #kept do take(kept[i]) end
  end
  local parties = parties_of(model, items, opts)
  return {
    items = items, parties = parties, hidden_rows = hidden,
    silent = #model.parties - #parties, message = untold(model, items, opts),
  }
end

--- The parties that get a lifeline of their own when only `most` fit: those with most to tell.
---@param parties table[]  of view.choose
---@param most integer
---@return table[] shown  in the trace's order
function view.fitting(parties, most)
  if #parties <= most then return parties end
  local ranked = table.move(parties, 1, #parties, 1, {})
  table.sort(ranked, function(a, b)
    if a.weight ~= b.weight then return a.weight > b.weight end
    return a.order < b.order
  end)
  local shown = table.move(ranked, 1, most, 1, {})
  table.sort(shown, function(a, b) return a.order < b.order end)
  return shown
end

local function digits(t, places)
  local unit = 10 ^ (9 - places) // 1 | 0
  local rounded = (t + unit // 2) // unit
  local scale = 10 ^ places // 1 | 0
  if places == 0 then return tostring(rounded) end
  return ("%d.%0" .. places .. "d"):format(rounded // scale, rounded % scale)
end

--- Milliseconds are as fine as a reader cares for, unless the time is shorter than that.
local function useful_places(t)
  return t >= 10000000 and 3 or t >= 10000 and 6 or 9
end

--- "0.021 s"
---@param t integer  nanoseconds
---@return string
function view.duration(t)
  local s = digits(t, useful_places(t))
  return s:gsub("%.?0+$", "") .. " s"
end

--- Whether rows of different times look different.
local function tells_apart(items, places)
  local previous
  for _, item in ipairs(items) do
    local t = item.row.t
    if previous and t ~= previous and digits(t, places) == digits(previous, places) then
      return false
    end
    previous = t
  end
  return true
end

--- How to write the times of rows: in as few digits as tell them apart.
---@param items table[]
---@return fun(t: integer): string
function view.clock(items)
  local first, last = math.maxinteger, 0
  for _, item in ipairs(items) do
    first, last = math.min(first, item.row.t), math.max(last, item.row.t)
  end
  local most, places = useful_places(last - first), 0
  while places < most and not tells_apart(items, places) do places = places + 1 end
  return function(t) return digits(t, places) .. " s" end
end

--- One line about the whole run.
---@param model tool.chart.Model
---@return string
function view.summary(model)
  local counts, words = model.counts, {}
  local function say(key, what, always)
    local n = counts[key] or 0
    if n > 0 or always then words[#words + 1] = view.count(n) .. " " .. what end
  end
  say("done", "done", true)
  say("fail", "failed")
  say("error", "with an error")
  say("lost", "lost")
  say("stuck", "stuck")
  local parties = table.concat(words, ", ")
  words = {}
  say("deliver", "delivered", true)
  say("drop", "dropped")
  say("duplicate", "duplicated")
  say("unexpected", "unexpected")
  say("late", "late")
  say("in_flight", "in flight")
  local text = ("%s: %s, %s; messages: %s"):format(model.outcome or "no end",
    view.plural(#model.parties, "party"):gsub("partys", "parties"), parties,
    table.concat(words, ", "))
  if model.end_t > 0 then text = text .. "; " .. view.duration(model.end_t) end
  return text
end

return view
