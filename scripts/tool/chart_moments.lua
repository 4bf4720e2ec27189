--- What each party holds after each row of a chart, as far as a trace tells: its state and data,
--- what it has deferred, its timers, how many contracts are on their way to it.

local rows = require "tool.chart_rows"

local moments = {}

local GONE <const> = { done = "done", fail = "failed", error = "failed", lost = "lost" }
local ARRIVES <const> = {
  deliver = true, defer = true, ignore = true, late = true, unexpected = true, drop = true,
  repeated = true,
}

local function remove(list, uuid)
  for i, item in ipairs(list) do
    if item.uuid == uuid then return table.remove(list, i) end
  end
end

local function holder(world, id)
  local one = world.parties[id]
  if not one then
    one = { party = id, status = "new", deferred = {}, timers = {}, coming = 0 }
    world.parties[id] = one
  end
  if not world.touched[id] then
    world.touched[id] = true
    world.order[#world.order + 1] = one
  end
  return one
end

local function expect(world, uuid, id, by)
  local key = uuid .. "\0" .. id
  local count = (world.pending[key] or 0) + by
  if count < 0 then return end
  world.pending[key] = count
  local one = holder(world, id)
  one.coming = one.coming + by
end

local function disarm(one, name)
  for i, timer in ipairs(one.timers) do
    if timer.timer == name then return table.remove(one.timers, i) end
  end
end

local function enter(one, record)
  one.state, one.data = record.state, record.data
  if record.kind ~= "state" or record.entered then disarm(one, "after") end
  if one.status ~= "down" then one.status = "active" end
end

local on = {}

function on.start(one, record) enter(one, record) end
function on.state(one, record) enter(one, record) end
function on.reload(one, record) enter(one, record) end
function on.crash(one) one.status = "down" end
function on.restart(one) one.status = "active" end
function on.timeout(one, record) disarm(one, record.timer) end

function on.timer(one, record)
  disarm(one, record.timer)
  table.insert(one.timers, { timer = record.timer, due = record.due })
end

function on.defer(one, record, text)
  table.insert(one.deferred, { type = record.type, from = record.from, uuid = text(record.uuid) })
end

local function take(world, record, b)
  local function text(value) return rows.text_of(b, value) or "?" end
  local kind, id = record.kind, rows.text_of(b, record.party)
  if not id then return end
  local uuid = text(record.uuid)
  if kind == "send" then
    for _, to in ipairs(rows.list_of(record.to)) do expect(world, uuid, text(to), 1) end
  elseif kind == "duplicate" then
    expect(world, uuid, id, 1)
  elseif ARRIVES[kind] and not remove(holder(world, id).deferred, uuid) then
    expect(world, uuid, id, -1)
  end
  if on[kind] then on[kind](holder(world, id), record, text) end
  if GONE[kind] then
    local one = holder(world, id)
    one.status, one.deferred, one.timers = GONE[kind], {}, {}
  end
end

local function copy(one)
  local deferred, timers = {}, {}
  for i, item in ipairs(one.deferred) do deferred[i] = { type = item.type, from = item.from } end
  for i, item in ipairs(one.timers) do timers[i] = item end
  return { party = one.party, status = one.status, state = one.state, data = one.data,
    deferred = deferred, timers = timers, coming = one.coming }
end

---Gives each row `after`: those parties of which something has changed since the row before.
---@param model tool.chart.Model
---@param records table[]
function moments.add(model, records)
  local world = { parties = {}, pending = {}, touched = {}, order = {} }
  local b, at = { null = model.codec.null, codec = model.codec }, 2
  for i, row in ipairs(model.rows) do
    local next_row = model.rows[i + 1]
    local last = at - 1
    if not next_row then last = #records elseif next_row.line then last = next_row.line - 1 end
    while at <= last do
      if type(records[at]) == "table" then take(world, records[at], b) end
      at = at + 1
    end
    row.after = {}
    for k, one in ipairs(world.order) do row.after[k] = copy(one) end
    world.touched, world.order = {}, {}
  end
end

return moments
