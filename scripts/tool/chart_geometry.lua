--- Where everything stands in the SVG, in pixels. Text is not measured but reckoned from its
--- cells: boxes are a little wide rather than too narrow in any system font.

local cells = require "tool.chart_cells"
local view = require "tool.chart_view"

local geometry = {
  NAME_HEIGHT = 38,
  STATE_HEIGHT = 18,
  STATE_STEP = 24,
  BAND_CELLS = 140,
}

local CELL <const> = 6.9
local BOLD_CELL <const> = 7.7
local ROW <const> = 30
local TOP <const> = 26
local MIN_LANE <const> = 132
local MAX_LANE <const> = 230
local MAX_NOTE_CELLS <const> = 72
local MAX_STATE_CELLS <const> = 28
local MAX_NAME_CELLS <const> = 38

--- About how wide words are.
---@param words string  clean
---@return number
function geometry.words(words)
  return cells.width(words) * CELL
end

--- A state's words and the width of its box.
---@param state string
---@return string words, number width
function geometry.state(state)
  local words = cells.cut(cells.clean(state), MAX_STATE_CELLS, "…")
  return words, geometry.words(words) + 18
end

--- A note's words and the width of its box.
---@param note string
---@return string words, number width
function geometry.note(note)
  local words = cells.cut(cells.clean(note), MAX_NOTE_CELLS, "…")
  return words, geometry.words(words) + 18
end

--- As far apart as the widest name, state, or label between neighbours wants.
local function lane_width(choice)
  local most = MIN_LANE
  local function want(width) most = math.max(most, width) end
  for _, party in ipairs(choice.parties) do
    want(math.min(cells.width(cells.clean(party.id)), MAX_NAME_CELLS) * BOLD_CELL + 34)
  end
  for _, item in ipairs(choice.items) do
    local row = item.row
    if row.shape == "arrow" then
      want(geometry.words(cells.clean(row.type)) + (row.mark and #row.mark * CELL or 0) + 76)
    end
    for _, state in ipairs(row.states or {}) do want(select(2, geometry.state(state)) + 14) end
    for _, entry in ipairs(row.entries or {}) do
      want(select(2, geometry.state(entry.state)) + 14)
    end
  end
  return math.min(most, MAX_LANE)
end

local function place_lanes(shape, choice)
  local step = lane_width(choice)
  for i, party in ipairs(choice.parties) do
    local most = (step - 34) // BOLD_CELL | 0
    local name = cells.clean(party.id)
    if cells.width(name) > most then
      local tail = cells.tail(name, most // 2)
      name = cells.split(name, most - 1 - cells.width(tail)) .. "…" .. tail
    end
    local lane = {
      id = party.id, role = party.role, name = name, x = shape.left + step * (i - 0.5),
      name_width = math.max(cells.width(name) * BOLD_CELL + 20, 84), spans = {}, since = 0,
    }
    shape.lanes[i] = lane
    shape.lane[party.id] = lane
  end
  shape.width = shape.left + step * #choice.parties + 24
end

--- Ends a lifeline's span at y and begins the next one.
local function turn(shape, id, life, y)
  local lane = shape.lane[id]
  if not lane then return end
  if lane.life ~= "gone" and y > lane.since then
    lane.spans[#lane.spans + 1] = {
      class = lane.life == "down" and "down" or "life", from = lane.since, to = y,
    }
  end
  lane.since = y
  lane.life = life
end

local function turn_all(shape, changes, y)
  for id, life in pairs(changes or {}) do turn(shape, id, life, y) end
end

--- Notes stand to the right of their lifeline and may need room beyond the last one.
local function make_room(shape, row)
  if row.shape ~= "note" then return end
  local _, width = geometry.note(row.text)
  shape.width = math.max(shape.width, shape.lane[row.party].x + 12 + width + 16)
end

--- Places lanes and rows.
---@param choice table  of view.choose
---@param model tool.chart.Model
---@return table shape  left, width, height, lanes (id, x, spans…), lane by id, items (row, y, …)
function geometry.lay_out(choice, model)
  local clock = view.clock(choice.items)
  local timed = model.end_t > 0
  local shape = { left = timed and 84 or 24, lanes = {}, lane = {}, items = {} }
  place_lanes(shape, choice)
  local y, last_t, sent_y = TOP, nil, {}
  for i, item in ipairs(choice.items) do
    local row = item.row
    local placed = { row = row, y = y, sent_y = sent_y[row.sent] }
    if timed and row.shape ~= "gap" and row.t ~= last_t then
      placed.time, last_t = clock(row.t), row.t
    end
    turn_all(shape, item.before, y - ROW / 2)
    turn_all(shape, row.life, y)
    make_room(shape, row)
    local extra = row.shape == "gap" and next(row.states) and 1 or #(row.states or {})
    local bottom = y + extra * geometry.STATE_STEP
    if item.number then sent_y[item.number] = extra > 0 and bottom + 9 or y end
    y = bottom + ROW
    shape.items[i] = placed
  end
  shape.height = y
  for _, lane in ipairs(shape.lanes) do turn(shape, lane.id, nil, y) end
  return shape
end

return geometry
