--- The chart as SVG: a space-time diagram.
---
--- Lifelines run down, in equal steps per row. An arrow leaves its sender where the contract was
--- sent, slants down for as long as it was under way, and ends level, so that its label stands
--- on a line of its own. Rows are written last to first: SVG paints in order, and so no arrow
--- runs over the label of an earlier row.
---
--- Every row is a group with class "row", data-row, data-kind, data-type, data-party, data-from,
--- and a <title> that holds all there is to say.

local cells = require "tool.chart_cells"
local geometry = require "tool.chart_geometry"
local json = require "tool.chart_json"
local style = require "tool.chart_style"
local view = require "tool.chart_view"
local xml = require "tool.chart_xml"

local svg = {}

local MAX_CONTENT_CHARS <const> = 2000
local MAX_TITLE_BYTES <const> = 4 * MAX_CONTENT_CHARS -- before cutting by characters
local TYPE_COLOURS <const> = 8

local text, number, clean = xml.text, xml.number, cells.clean

local function put(d, ...)
  for _, part in ipairs { ... } do d.out[#d.out + 1] = part end
end

--- Words just above an arrow.
local function label_at(x, y, words)
  return ('<text class="label" x="%s" y="%s">%s</text>'):format(number(x), number(y), text(words))
end

--- A rounded box with words: a note, a state.
local function pill(class, centre, y, width, height, words, anchor_left)
  local x = anchor_left and centre or centre - width / 2
  return ('<g class="%s"><rect x="%s" y="%s" width="%s" height="%s" rx="%s"/>'
    .. '<text x="%s" y="%s">%s</text></g>'):format(class, number(x), number(y - height / 2),
    number(width), number(height), number(class == "state" and height / 2 or 4),
    number(anchor_left and x + 8 or centre), number(y + 4), text(words))
end

local function pretty_content(d, content)
  local known = d.content_text[content]
  if known then return known end
  local compact = json.encode(content, d.model.codec)
  local words = #compact > 60 and #compact < MAX_TITLE_BYTES
    and json.encode(content, d.model.codec, "  ") or compact
  if #words > MAX_CONTENT_CHARS then
    words = cells.cut(cells.clean(words:sub(1, MAX_TITLE_BYTES):gsub("\n", "\1")),
      MAX_CONTENT_CHARS, "…"):gsub("\\u{1}", "\n")
  end
  if type(content) == "table" then d.content_text[content] = words end
  return words
end

--- All there is to say of a row, for the reader who points at it.
local function title_of(d, row)
  local lines = {}
  if row.shape == "arrow" then
    lines[1] = ("%s%s: %s → %s"):format(clean(row.type), row.mark and " (" .. row.mark .. ")" or "",
      clean(row.from), clean(row.party))
    if row.sent_t then
      lines[2] = ("sent %s, %s %s"):format(view.duration(row.sent_t),
        row.kind == "drop" and "dropped" or row.kind == "in_flight" and "still under way at"
        or "arrived", view.duration(row.t))
    else
      lines[2] = "at " .. view.duration(row.t)
    end
    if row.uuid then lines[#lines + 1] = "uuid " .. clean(row.uuid) end
  else
    lines[1] = clean(row.party and row.party .. ": " .. row.text or row.text)
    lines[2] = "at " .. view.duration(row.t)
  end
  for _, state in ipairs(row.states or {}) do lines[#lines + 1] = "enters " .. clean(state) end
  if row.content ~= nil then lines[#lines + 1] = pretty_content(d, row.content) end
  for i, line in ipairs(lines) do lines[i] = line:sub(1, MAX_TITLE_BYTES) end
  return "<title>" .. text(table.concat(lines, "\n")) .. "</title>"
end

local function open_row(d, row, index, extra)
  local class = ("row %s %s"):format(row.kind, extra or d.type_class[row.type] or "plain")
  if row.level ~= "plain" then class = class .. " " .. row.level end
  put(d, xml.open("g", {
    "class", class, "data-row", index, "data-kind", row.kind, "data-type", row.type,
    "data-party", row.party, "data-from", row.from,
  }, 12))
end

local function draw_time(d, item)
  if item.time then
    put(d, ('<text class="time" x="%s" y="%s">%s</text>'):format(number(d.shape.left - 12),
      number(item.y + 4), item.time))
  end
end

local function draw_states(d, item)
  local lane = d.shape.lane[item.row.party]
  for i, state in ipairs(item.row.states or {}) do
    local words, width = geometry.state(state)
    put(d, pill("state", lane.x, item.y + geometry.STATE_STEP * i, width, geometry.STATE_HEIGHT,
      words))
  end
end

local function draw_head(d, x, y, direction)
  put(d, ('<path class="head" d="M%s %sl%d -4.5v9z"/>'):format(number(x), number(y),
    -9 * direction))
end

local function draw_cross(d, x, y)
  put(d, ('<path class="cross" d="M%s %sl9 9m0 -9l-9 9"/>'):format(number(x - 4.5),
    number(y - 4.5)))
end

local function draw_loop(d, item, label, width)
  local x, y = d.shape.lane[item.row.party].x, item.y
  local path = ("M%s %sh16q7 0 7 6t-7 6h-10"):format(number(x), number(y - 6))
  put(d, '<path class="hit" d="', path, '"/><path class="arrow" d="', path, '"/>')
  if item.row.kind == "drop" then
    draw_cross(d, x + 8, y + 6)
  else
    draw_head(d, x + 1, y + 6, -1)
  end
  put(d, label_at(x + 28 + width / 2, y + 4, label))
end

local function draw_arrow(d, item)
  local row = item.row
  local label = row.type .. (row.mark and " (" .. row.mark .. ")" or "")
  label = cells.cut(cells.clean(label), 40, "…")
  local width = geometry.words(label) + 8
  if row.from == row.party then return draw_loop(d, item, label, width) end
  local x1, x2, y = d.shape.lane[row.from].x, d.shape.lane[row.party].x, item.y
  local direction = x2 > x1 and 1 or -1
  local stop = x2
  if row.kind == "drop" or row.kind == "in_flight" then stop = x2 - 16 * direction end
  local level = math.min(width + 16, math.abs(stop - x1) * 0.8)
  local bend = stop - level * direction
  local y1 = math.min(item.sent_y or y, y)
  local path = ("M%s %sL%s %sH%s"):format(number(x1), number(y1), number(bend), number(y),
    number(stop - 8 * direction))
  put(d, '<path class="hit" d="', path, '"/><path class="arrow" d="', path, '"/>')
  if row.kind == "drop" then
    draw_cross(d, stop - 8 * direction, y)
  elseif row.kind ~= "in_flight" then
    draw_head(d, stop - 1 * direction, y, direction)
  end
  put(d, label_at(stop - (12 + width / 2) * direction, y - 5, label))
end

local function draw_note(d, item)
  local lane = d.shape.lane[item.row.party]
  local words, width = geometry.note(item.row.text)
  put(d, ('<circle class="dot" cx="%s" cy="%s" r="5"/>'):format(number(lane.x), number(item.y)),
    pill("note", lane.x + 12, item.y, width, 20, words, true))
end

local function draw_band(d, item, words)
  local shape = d.shape
  local left = shape.left - 10
  words = cells.cut(cells.clean(words), geometry.BAND_CELLS, "…")
  local height = item.row.level == "bad" and 22 or 0
  put(d, ('<path class="band" d="M%s %sH%sv%dH%sz"/>'):format(number(left),
    number(item.y - height / 2), number(shape.width - 8), height, number(left)),
    ('<text class="words" x="%s" y="%s">%s</text>'):format(number(shape.left), number(item.y + 4),
      text(words)))
end

--- States of several parties at once, each a group of its own for filters.
local function draw_entries(d, item, index, entries, y)
  for _, entry in ipairs(entries) do
    local row = item.row
    put(d, xml.open("g", { "class", "row states", "data-row", index, "data-kind", row.kind,
      "data-party", entry.party }), "<title>", text(("%s: %s\nat %s"):format(entry.party,
      entry.state, view.duration(row.t))), "</title>")
    local words, width = geometry.state(entry.state)
    put(d, pill("state", d.shape.lane[entry.party].x, y, width, geometry.STATE_HEIGHT, words),
      "</g>\n")
  end
end

local function draw_gap(d, item, index)
  put(d, '<g class="row gap quiet" data-kind="gap">')
  draw_band(d, item, view.gap_text(item.row))
  put(d, "</g>\n")
  local entries = {}
  for _, lane in ipairs(d.shape.lanes) do
    local state = item.row.states[lane.id]
    if state then entries[#entries + 1] = { party = lane.id, state = state } end
  end
  draw_entries(d, item, index, entries, item.y + geometry.STATE_STEP)
end

local function draw_item(d, item, index)
  local row = item.row
  if row.shape == "gap" then return draw_gap(d, item, index) end
  if row.shape == "states" then
    draw_entries(d, item, index, row.entries, item.y)
    return draw_time(d, item)
  end
  open_row(d, row, index)
  put(d, title_of(d, row))
  draw_time(d, item)
  if row.shape == "arrow" then
    draw_arrow(d, item)
  elseif row.shape == "note" then
    draw_note(d, item)
  else
    draw_band(d, item, row.text)
  end
  draw_states(d, item)
  put(d, "</g>\n")
end

local function draw_lifelines(d)
  for _, lane in ipairs(d.shape.lanes) do
    put(d, xml.open("g", { "class", "lane", "data-party", lane.id }))
    for _, span in ipairs(lane.spans) do
      put(d, ('<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>'):format(span.class,
        number(lane.x), number(span.from), number(lane.x), number(span.to)))
    end
    put(d, "</g>\n")
  end
end

local function learn_types(items)
  local classes, list = {}, {}
  for _, item in ipairs(items) do
    local kind = item.row.type
    if kind and not classes[kind] then
      classes[kind] = "t" .. #list % TYPE_COLOURS
      list[#list + 1] = kind
    end
  end
  return classes, list
end

--- The parties' names, as they stand at the head of their lifelines.
local function draw_names(d, top)
  for _, lane in ipairs(d.shape.lanes) do
    put(d, xml.open("g", { "class", "name", "data-party", lane.id }), "<title>",
      text(lane.role and lane.id .. "\n" .. lane.role or lane.id), "</title>",
      ('<rect x="%s" y="%s" width="%s" height="%d" rx="6"/>'):format(
        number(lane.x - lane.name_width / 2), number(top), number(lane.name_width),
        geometry.NAME_HEIGHT),
      ('<text x="%s" y="%s">%s</text>'):format(number(lane.x), number(top + 16), text(lane.name)))
    if lane.role then
      put(d, ('<text class="role" x="%s" y="%s">%s</text>'):format(number(lane.x),
        number(top + 29), text(cells.cut(cells.clean(lane.role), 24, "…"))))
    end
    put(d, "</g>\n")
  end
end

local function new_drawing(model, choice)
  local d = { model = model, out = {}, content_text = {} }
  d.shape = geometry.lay_out(choice, model)
  d.type_class, d.types = learn_types(choice.items)
  return d
end

local function flush(d)
  local markup = table.concat(d.out)
  d.out = {}
  return markup
end

---@class tool.chart.SvgParts  pieces that fit together, all in one coordinate system
---@field width number
---@field height number       of the rows
---@field names string        the head, NAME_HEIGHT high, drawn from y = 0
---@field names_height number
---@field body string         lifelines and rows, from y = 0
---@field types string[]      event types, in the order of their colours
---@field lanes table[]       id, role

--- Draws the pieces from which SVG and page are made.
---@param model tool.chart.Model
---@param choice table  of view.choose
---@return tool.chart.SvgParts
function svg.parts(model, choice)
  local d = new_drawing(model, choice)
  draw_names(d, 0)
  local names = flush(d)
  draw_lifelines(d)
  local items = d.shape.items
  for index = #items, 1, -1 do draw_item(d, items[index], index) end
  return {
    width = d.shape.width, height = d.shape.height, names = names,
    names_height = geometry.NAME_HEIGHT, body = flush(d), types = d.types, lanes = d.shape.lanes,
    type_class = d.type_class,
  }
end

--- Says what the picture shows and what it leaves out.
---@param model tool.chart.Model
---@param choice table
---@return string title, string[] foot
function svg.words(model, choice)
  local title = model.flow
  if model.version then title = title .. " version " .. model.version end
  if model.seed then title = title .. ", seed " .. model.seed end
  local foot = { view.summary(model) }
  foot[#foot + 1] = choice.message
  if choice.hidden_rows > 0 then
    foot[#foot + 1] = view.plural(choice.hidden_rows, "row") .. " hidden by the filter"
  end
  if choice.silent > 0 then
    foot[#foot + 1] = view.silent_text(choice.silent)
  end
  return title, foot
end

--- Draws a chart as one SVG document.
---@param model tool.chart.Model
---@param choice table  of view.choose
---@return string
function svg.draw(model, choice)
  local parts = svg.parts(model, choice)
  local title, foot = svg.words(model, choice)
  local names_top <const>, margin <const> = 44, 16
  local body_top = names_top + parts.names_height
  local repeated = parts.height > 900 and parts.names_height + 8 or 0
  local foot_top = body_top + parts.height + repeated + 24
  local height = foot_top + 18 * #foot + margin
  local width = math.max(parts.width, 480)
  local out = {
    ('<svg xmlns="http://www.w3.org/2000/svg" class="af" width="%s" height="%s" '
      .. 'viewBox="0 0 %s %s">\n'):format(number(width), number(height), number(width),
      number(height)),
    "<title>", text(title), "</title>\n<style>\n", style, "</style>\n",
    ('<rect class="bg" width="%s" height="%s"/>\n'):format(number(width), number(height)),
    '<text class="title" x="16" y="28">', text(cells.cut(cells.clean(title), 100, "…")),
    "</text>\n",
    ('<g transform="translate(0 %s)">\n'):format(number(body_top)), parts.body, "</g>\n",
    ('<g transform="translate(0 %s)">\n'):format(number(names_top)), parts.names, "</g>\n",
  }
  if repeated > 0 then
    out[#out + 1] = ('<g transform="translate(0 %s)">\n%s</g>\n'):format(
      number(body_top + parts.height + 8), parts.names)
  end
  for i, line in ipairs(foot) do
    out[#out + 1] = ('<text class="%s" x="16" y="%s">%s</text>\n'):format(i == 1 and "" or "soft",
      number(foot_top + 18 * (i - 1)), text(cells.cut(cells.clean(line), 160, "…")))
  end
  out[#out + 1] = "</svg>\n"
  return table.concat(out)
end

return svg
