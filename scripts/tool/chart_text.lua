--- The chart for a terminal.
---
---   initiator-1                participant-1            one lifeline per party
---   0.004 s  │◄─────query─────────┤                     a row per arrival, time at the left
---        [waiting_response]       │                     the state that it entered
---
--- All widths are in cells. Nothing is ever wider than `width`.

local cells = require "tool.chart_cells"
local lanes = require "tool.chart_lanes"
local view = require "tool.chart_view"

local text = {}

local OTHERS <const> = lanes.OTHERS
local label_for, arrow_mark = lanes.label_for, lanes.arrow_mark

local LONG_CHART_LINES <const> = 40 -- beyond it the names are repeated at the foot
local MAX_LINE_WRAPS <const> = 6

local UNICODE <const> = {
  life = "│", down = "┊", gone = " ", run = "─", cross = "┼", from_right = "├", from_left = "┤",
  right = "►", left = "◄", lost = "x", loop = "↺", bad = "✗", fault = "!", good = "✓",
  timer = "◷", quiet = "·", plain = "•", rule = "─", more = "…", unknown = "?",
}
local ASCII <const> = {
  life = "|", down = ":", gone = " ", run = "-", cross = "+", from_right = "|", from_left = "|",
  right = ">", left = "<", lost = "x", loop = "@", bad = "X", fault = "!", good = "*",
  timer = "T", quiet = ".", plain = "*", rule = "-", more = "~", unknown = "?",
}

local COLOURS <const> = {
  bad = "1;31", fault = "31", good = "32", timer = "33", quiet = "2", plain = "0", life = "2",
  name = "1", state = "1", title = "1", t0 = "36", t1 = "32", t2 = "33", t3 = "35", t4 = "34",
  t5 = "96", t6 = "93", t7 = "95",
}

local function emit(d, line)
  d.out[#d.out + 1] = line:text(d.colours)
end

local function new_line(d)
  return cells.line(d.width)
end

--- A line with every lifeline as it is now.
local function life_line(d)
  local line = new_line(d)
  for _, lane in ipairs(d.lanes) do
    line:put(lane.col, d.marks[d.life[lane.key] or "life"], "life")
  end
  return line
end

local function put_time(d, line, t)
  if not d.time_width or t == d.last_t then return end
  d.last_t = t
  local label = d.clock(t)
  line:put(d.time_width - cells.width(label) + 1, label, "quiet")
end

local function lane_of(d, id)
  return d.lane_by_id[id] or d.lane_by_id[OTHERS]
end

--- Notes what a party's lifeline becomes; the lane of the others stays as it is.
local function set_life(d, changes)
  for id, life in pairs(changes or {}) do
    d.life[id] = life ~= "up" and life or nil
  end
end

local function put_centred(d, line, col, label, style)
  local width = cells.width(label)
  local start = math.max(d.left + 1, math.min(col - width // 2, d.width - width + 1))
  line:put(start, label, style)
end

--- Writes states, [like this], on as few lines as they need without touching each other.
local function draw_states(d, entries, first_line)
  local line = first_line
  local placed = {}
  for _, entry in ipairs(entries) do
    local lane = d.lane_by_id[entry.party]
    if lane then
      local state = label_for(d, d.clean(entry.state), 2 * d.spacing - 5)
      placed[#placed + 1] = { col = lane.col, label = "[" .. state .. "]" }
    end
  end
  table.sort(placed, function(a, b) return a.col < b.col end)
  while #placed > 0 do
    local rest = {}
    local ends = d.left
    line = line or life_line(d)
    for _, item in ipairs(placed) do
      local width = cells.width(item.label)
      local start = math.max(d.left + 1, math.min(item.col - width // 2, d.width - width + 1))
      if start > ends then
        put_centred(d, line, item.col, item.label, "state")
        ends = start + width
      else
        rest[#rest + 1] = item
      end
    end
    emit(d, line)
    line, placed = nil, rest
  end
  if line then emit(d, line) end
end

local function type_style(d, row)
  if row.level == "bad" or row.level == "fault" then return row.level end
  return d.type_styles[row.type]
end

--- Who is meant, where an end of the arrow is among the others.
local function hidden_ends(d, row)
  local from, to = d.lane_by_id[row.from], d.lane_by_id[row.party]
  if from and to then return "" end
  local who = {}
  if not from then who[#who + 1] = "from " .. d.clean(row.from) end
  if not to then who[#who + 1] = "to " .. d.clean(row.party) end
  return " " .. table.concat(who, " ")
end

local function arrow_head(d, row, head)
  return row.kind == "drop" and d.marks.lost or row.kind == "in_flight" and d.marks.unknown or head
end

local function arrow_label(d, row, room)
  local mark = arrow_mark(row) .. hidden_ends(d, row)
  local name = d.clean(row.type)
  if cells.width(name .. mark) <= room then return name .. mark end
  return label_for(d, name, room), mark
end

--- A party to itself, and between two of the others.
local function draw_loop(d, line, lane, row)
  local style = type_style(d, row)
  local head = arrow_head(d, row, "")
  local lost = head ~= "" and " " .. head or ""
  local mark = arrow_mark(row)
  local label = d.marks.loop .. " " .. d.clean(row.type) .. mark .. lost .. hidden_ends(d, row)
  local room = d.width - lane.col + 1
  if cells.width(label) > room and lane.col - d.left > room then
    label = d.clean(row.type) .. mark .. lost .. hidden_ends(d, row) .. " " .. d.marks.loop
    label = cells.cut(label, lane.col - d.left, d.marks.more)
    line:put(lane.col - cells.width(label) + 1, label, style)
  else
    line:put(lane.col, cells.cut(label, room, d.marks.more), style)
  end
end

local function draw_arrow(d, row)
  local line = life_line(d)
  put_time(d, line, row.t)
  local from, to = lane_of(d, row.from), lane_of(d, row.party)
  if from == to then
    draw_loop(d, line, to, row)
    return line
  end
  local style, marks = type_style(d, row), d.marks
  local right = to.col > from.col
  local low, high = math.min(from.col, to.col) + 1, math.max(from.col, to.col) - 1
  for col = low, high do
    local crossed = d.lane_at[col]
    local alive = crossed and not d.life[crossed.key]
    line:put(col, alive and marks.cross or marks.run, style)
  end
  local tail = right and marks.from_right or marks.from_left
  line:put(from.col, d.life[from.key] and marks.run or tail, style)
  local head = arrow_head(d, row, right and marks.right or marks.left)
  line:put(right and high or low, head, style)
  local label, rest = arrow_label(d, row, high - low - 1)
  local start = low + (right and 0 or 1) + (high - low - cells.width(label)) // 2
  line:put(start, label, style)
  if rest and rest ~= "" then
    emit(d, line)
    line = life_line(d)
    rest = cells.cut(rest:sub(2), 2 * d.spacing, marks.more)
    put_centred(d, line, (low + high) // 2, rest, style)
  end
  return line
end

--- Words beside a lifeline, on the side with room for them.
local function draw_note(d, row)
  local line = life_line(d)
  put_time(d, line, row.t)
  local lane = lane_of(d, row.party)
  local words = d.clean(row.text)
  if lane.key == OTHERS then
    words = d.clean(row.party) .. " " .. words
  elseif row.life and row.life[row.party] == "down" or row.kind == "lost" then
    words = d.names[row.party] .. " " .. words
  end
  local mark, style = d.marks[row.level], row.kind == "deliver" and type_style(d, row) or row.level
  local right_room, left_room = d.width - lane.col - 1, lane.col - d.left - 2
  local width = cells.width(words)
  local shown
  if width <= right_room or right_room >= left_room then
    shown = cells.cut(words, right_room, d.marks.more)
    line:put(lane.col, mark .. " " .. shown, style)
  else
    shown = cells.cut(words, left_room, d.marks.more)
    line:put(lane.col - cells.width(shown) - 1, shown .. " " .. mark, style)
  end
  if shown ~= words and (row.level == "bad" or row.level == "good") then
    d.cut_notes[#d.cut_notes + 1] = { row = row, words = words }
  end
  return line
end

--- Words over the whole width, in a rule.
local function draw_line(d, words, level)
  local lines = cells.wrap(words, d.width - 6)
  for i = 1, math.min(#lines, MAX_LINE_WRAPS) do
    local line = new_line(d)
    if i == 1 then
      for col = 1, d.width do line:put(col, d.marks.rule, level) end
    end
    local cut = i == MAX_LINE_WRAPS and #lines > i
    line:put(3, " " .. lines[i] .. (cut and d.marks.more or "") .. " ", level)
    emit(d, line)
  end
end

local function draw_gap(d, gap)
  emit(d, life_line(d))
  draw_line(d, view.gap_text(gap), "quiet")
  set_life(d, gap.life)
  local entries = {}
  for _, lane in ipairs(d.lanes) do
    local state = gap.states[lane.key]
    if state then entries[#entries + 1] = { party = lane.key, state = state } end
  end
  if #entries > 0 then draw_states(d, entries) end
  d.last_t = nil
end

local function draw_row(d, item)
  local row = item.row
  set_life(d, item.before)
  if row.shape == "gap" then return draw_gap(d, row) end
  if row.shape == "line" then return draw_line(d, d.clean(row.text), row.level) end
  if row.life and row.life[row.party] == "up" then set_life(d, row.life) end
  if row.shape == "states" then
    local line = life_line(d)
    put_time(d, line, row.t)
    return draw_states(d, row.entries, line)
  end
  emit(d, row.shape == "arrow" and draw_arrow(d, row) or draw_note(d, row))
  set_life(d, row.life)
  for _, state in ipairs(row.states or {}) do
    draw_states(d, { { party = row.party, state = state } })
  end
end

local function draw_names(d)
  local line, roles = new_line(d), false
  for _, lane in ipairs(d.lanes) do
    put_centred(d, line, lane.col, lane.name, "name")
    roles = roles or lane.role ~= nil
  end
  emit(d, line)
  if not roles then return end
  line = new_line(d)
  for _, lane in ipairs(d.lanes) do
    if lane.role then
      put_centred(d, line, lane.col, cells.cut(lane.role, d.spacing - 1, d.marks.more), "quiet")
    end
  end
  emit(d, line)
end

local function write_wrapped(d, words, indent, style)
  local lines = cells.wrap(words, d.width - indent)
  for i = 1, math.min(#lines, MAX_LINE_WRAPS) do
    local line = new_line(d)
    line:put(i == 1 and 1 or indent + 1, lines[i], style)
    if i == MAX_LINE_WRAPS and #lines > i then
      line:put(math.min(line.last + 1, d.width), d.marks.more, style)
    end
    emit(d, line)
  end
end

local function draw_legend(d)
  if #d.legend == 0 and #d.cut_notes == 0 then return end
  d.out[#d.out + 1] = ""
  for _, entry in ipairs(d.legend) do
    write_wrapped(d, entry.short .. " = " .. entry.full, 2, "quiet")
  end
  for _, entry in ipairs(d.cut_notes) do
    write_wrapped(d, d.clean(entry.row.party) .. ": " .. entry.words, 2, entry.row.level)
  end
end

local function title_of(model)
  local words = model.flow
  if model.version then words = words .. " version " .. model.version end
  if model.seed then words = words .. ", seed " .. model.seed end
  return words
end

local function draw_foot(d, model, choice)
  if choice.hidden_rows > 0 then
    write_wrapped(d, view.plural(choice.hidden_rows, "row") .. " hidden by the filter", 2, "quiet")
  end
  if choice.silent > 0 then
    write_wrapped(d, view.silent_text(choice.silent), 2, "quiet")
  end
  draw_legend(d)
  d.out[#d.out + 1] = ""
  local good = model.outcome == "ok"
  write_wrapped(d, d.clean(view.summary(model)), 2, good and "good" or "bad")
  if choice.message then write_wrapped(d, d.clean(choice.message), 2, "bad") end
end

--- Draws a chart for a terminal.
---@param model tool.chart.Model
---@param choice table  of view.choose
---@param opts {width: integer?, color: boolean?, ascii: boolean?}
---@return string
function text.draw(model, choice, opts)
  local known = {}
  local d = {
    width = math.max(opts.width or 80, 20), marks = opts.ascii and ASCII or UNICODE,
    colours = opts.color and COLOURS or nil, out = {}, life = {}, legend = {}, explained = {},
    cut_notes = {}, clock = view.clock(choice.items),
    clean = function(s)
      local clean = known[s]
      if not clean then
        clean = cells.clean(s)
        known[s] = clean
      end
      return clean
    end,
  }
  d.left = 0
  if model.end_t > 0 then
    d.time_width = 0
    for _, item in ipairs(choice.items) do
      d.time_width = math.max(d.time_width, #d.clock(item.row.t))
    end
    d.left = d.time_width + 1
  end
  lanes.lay_out(d, choice)
  write_wrapped(d, d.clean(title_of(model)), 2, "title")
  d.out[#d.out + 1] = ""
  draw_names(d)
  local first = #d.out
  for _, item in ipairs(choice.items) do draw_row(d, item) end
  if #d.out - first > LONG_CHART_LINES then draw_names(d) end
  draw_foot(d, model, choice)
  return table.concat(d.out, "\n") .. "\n"
end

return text
