--- The chart for programs: the members of a JSON object, which the command line completes.
---
---   flow, version, seed, outcome, message, end_t
---   parties  [{id, role}]      those with a part in the rows
---   rows     [{t, kind, level, line, party, from, event, mark, text, states, sent, count, content,
---              after}]
---   hidden   how many rows a filter has left out
---   counts   {kind: records}
---
--- A row has those of the fields that it needs; `line` is the trace's, of the row's record; states
--- are [{party, state}], entered there; `sent` is when its contract was. A gap stands for `count`
--- rows that were left out. With --data there are `content`, the contract's, and `after`: [{party,
--- status, state, data, deferred, timers, coming}] of the parties of which something has changed.

local json = require "tool.chart_json"

local object = {}

local function text(value)
  return json.encode(value, {})
end

--- The model has numbers as text: who knows what a damaged trace holds.
local function number(value)
  return text(math.tointeger(value) or value)
end

local function list(items)
  return "[" .. table.concat(items, ",") .. "]"
end

--- An object of those members that there are, in this order.
local function members(fields)
  local out = {}
  for _, field in ipairs(fields) do
    if field[2] ~= nil then out[#out + 1] = ('"%s":%s'):format(field[1], field[2]) end
  end
  return "{" .. table.concat(out, ",") .. "}"
end

local function optional(value)
  if value ~= nil then return text(value) end
end

local function states_of(row)
  local items = {}
  for _, entry in ipairs(row.entries or {}) do
    items[#items + 1] = text { party = entry.party, state = entry.state }
  end
  for _, state in ipairs(row.states or {}) do
    if type(state) == "string" then
      items[#items + 1] = text { party = row.party, state = state }
    end
  end
  return #items > 0 and list(items) or nil
end

local function moment_of(one, codec)
  local deferred, timers = {}, {}
  for i, item in ipairs(one.deferred) do deferred[i] = json.encode(item, codec) end
  for i, item in ipairs(one.timers) do timers[i] = json.encode(item, codec) end
  return members {
    { "party", text(one.party) }, { "status", text(one.status) },
    { "state", json.encode(one.state, codec) },
    { "data", one.data ~= nil and json.encode(one.data, codec) or nil },
    { "deferred", list(deferred) }, { "timers", list(timers) }, { "coming", text(one.coming) },
  }
end

local function after_of(row, codec)
  local items = {}
  for i, one in ipairs(row.after or {}) do items[i] = moment_of(one, codec) end
  return items[1] and list(items)
end

local function row_of(row, codec, with_data)
  local is_gap = row.shape == "gap"
  return members {
    { "t", text(row.t) }, { "kind", text(row.kind) }, { "level", text(row.level) },
    { "line", optional(row.line) }, { "party", optional(row.party) },
    { "from", optional(row.from) }, { "event", optional(row.type) },
    { "mark", optional(row.mark) }, { "text", optional(row.text) },
    { "states", not is_gap and states_of(row) or nil },
    { "sent", optional(row.sent_t) },
    { "content", with_data and row.content ~= nil and json.encode(row.content, codec) or nil },
    { "count", is_gap and text(row.count) or nil },
    { "after", after_of(row, codec) },
  }
end

--- The members, without the object's braces.
---@param model tool.chart.Model
---@param choice table  of view.choose
---@param opts tool.chart.Options
---@return string
function object.draw(model, choice, opts)
  local rows, parties = {}, {}
  for i, item in ipairs(choice.items) do rows[i] = row_of(item.row, model.codec, opts.data) end
  for i, party in ipairs(choice.parties) do
    parties[i] = members { { "id", text(party.id) }, { "role", text(party.role) } }
  end
  local whole = members {
    { "flow", text(model.flow) }, { "version", number(model.version) },
    { "seed", number(model.seed) },
    { "outcome", text(model.outcome) }, { "message", text(model.message) },
    { "end_t", text(model.end_t) }, { "parties", list(parties) }, { "rows", list(rows) },
    { "hidden", choice.hidden_rows > 0 and text(choice.hidden_rows) or nil },
    { "counts", text(model.counts) },
  }
  return whole:sub(2, -2)
end

return object
