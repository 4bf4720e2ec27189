--- Where the lifelines of a terminal chart stand, and how names fit between them.

local cells = require "tool.chart_cells"
local names = require "tool.chart_names"
local view = require "tool.chart_view"

local lanes = {
  OTHERS = {}, -- the key of the lane for all parties without one of their own
}

local MIN_LANE <const> = 10
local MAX_LANE <const> = 40
local TYPE_COLOURS <const> = 8

--- The full text belongs below if the chart had to cut it.
local function explain(d, short, full)
  local key = short .. "\0" .. full
  if short ~= full and not d.explained[key] then
    d.explained[key] = true
    d.legend[#d.legend + 1] = { short = short, full = full }
  end
  return short
end

--- As much of a label as fits: all of it, else the unique short one.
---@param d table
---@param full string    clean
---@param room integer   cells
---@return string
function lanes.label_for(d, full, room)
  if cells.width(full) <= room then return full end
  local short = d.short[full]
  if short and cells.width(short) <= room then return explain(d, short, full) end
  return cells.cut(short and explain(d, short, full) or full, room, d.marks.more)
end

-- The arrow's end, or the row below it, says it already.
local SEEN <const> = { dropped = true, ["in flight"] = true, unexpected = true }

--- What to say of an arrow besides its type.
---@param row tool.chart.Row
---@return string
function lanes.arrow_mark(row)
  return row.mark and not SEEN[row.mark] and " (" .. row.mark .. ")" or ""
end

--- The widest label of each sort; how far apart lifelines would like to be.
local function wanted_spacing(d, items, parties)
  local most = MIN_LANE
  local function want(width) most = math.max(most, width) end
  for _, party in ipairs(parties) do want(cells.width(d.clean(party.id)) + 2) end
  for _, item in ipairs(items) do
    local row = item.row
    if row.shape == "arrow" then
      want(cells.width(d.clean(row.type)) + cells.width(lanes.arrow_mark(row)) + 5)
    end
    for _, state in ipairs(row.states or {}) do
      want((cells.width(d.clean(state)) + 6) // 2)
    end
    for _, entry in ipairs(row.entries or {}) do want(cells.width(d.clean(entry.state)) + 3) end
  end
  return math.min(most, MAX_LANE)
end

local function place(d, choice)
  local room = d.width - d.left
  local most = math.max(1, room // MIN_LANE)
  local shown = choice.parties
  if #shown > most then
    shown = view.fitting(shown, math.max(1, most - 1))
  end
  d.hidden = #choice.parties - #shown
  local count = #shown + (d.hidden > 0 and 1 or 0)
  d.spacing = math.min(wanted_spacing(d, choice.items, shown), room // math.max(1, count))
  local list = {}
  for i, party in ipairs(shown) do list[i] = d.clean(party.id) end
  local short = names.shorten(list, d.spacing - 1, d.marks.more)
  d.lanes, d.lane_by_id, d.lane_at, d.names = {}, {}, {}, {}
  local function add_lane(key, name, role)
    local col = d.left + #d.lanes * d.spacing + (d.spacing + 1) // 2
    local lane = { key = key, name = name, role = role, col = col }
    d.lanes[#d.lanes + 1] = lane
    d.lane_by_id[key], d.lane_at[col] = lane, lane
  end
  for i, party in ipairs(shown) do
    d.names[party.id] = explain(d, short[list[i]], list[i])
    local role = party.role and d.clean(party.role)
    if role and list[i]:sub(1, #role) == role then role = nil end
    add_lane(party.id, d.names[party.id], role)
  end
  if d.hidden > 0 then
    local number = "+" .. view.count(d.hidden)
    add_lane(lanes.OTHERS, #number + 5 < d.spacing and number .. " more" or number)
  end
end

--- Gives each type a colour in the order of first appearance, and a short name.
local function learn_labels(d, items, parties)
  local list, states, styles, number = {}, {}, {}, 0
  for _, item in ipairs(items) do
    local row = item.row
    if row.shape == "arrow" and not styles[row.type] then
      styles[row.type] = "t" .. number % TYPE_COLOURS
      number = number + 1
      list[#list + 1] = d.clean(row.type)
    end
    for _, party in ipairs(row.shape == "gap" and parties or {}) do
      states[#states + 1] = row.states[party.id] and d.clean(row.states[party.id])
    end
    for _, state in ipairs(row.shape ~= "gap" and row.states or {}) do
      states[#states + 1] = d.clean(state)
    end
    for _, entry in ipairs(row.entries or {}) do states[#states + 1] = d.clean(entry.state) end
  end
  d.type_styles = styles
  d.short = names.shorten(states, math.max(4, 2 * d.spacing - 5), d.marks.more)
  for full, short in pairs(names.shorten(list, math.max(4, d.spacing - 4), d.marks.more)) do
    d.short[full] = short
  end
end

--- Places the lifelines: equally far apart, a last one for those that have none of their own.
--- Sets of the drawing d: lanes (key, name, role, col), lane_by_id, lane_at, spacing, names,
--- type_styles, short.
---@param d table         with width, left, marks, clean, legend, explained
---@param choice table    of view.choose
function lanes.lay_out(d, choice)
  place(d, choice)
  learn_labels(d, choice.items, choice.parties)
end

return lanes
