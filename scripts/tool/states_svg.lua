--- State diagrams as one SVG, a column for each role: boxes from top to bottom, by their layers. A
--- box has a row for each event and timer; from the row's end a line leads to the next state, down
--- at the right of the boxes, up at their left. All lines to one state share a lane, so that words
--- stand in boxes alone, where nothing runs over them.

local cells = require "tool.chart_cells"
local colours = require "tool.chart_colours"
local geometry = require "tool.chart_geometry"
local words = require "tool.states_text"
local xml = require "tool.chart_xml"

local svg = {}

local TITLE <const>, ROW <const>, GAP <const>, LANE <const> = 26, 18, 30, 9
local TOP <const>, MARGIN <const>, HEAD <const> = 84, 16, 9
local WIDEST <const> = 46 -- cells of a row or remark
local COLOURS <const> = 8

local STYLE <const> = [[
.af .head{fill:var(--c)}
.af .edge{fill:none;stroke:var(--c);stroke-width:1.5;stroke-linejoin:round}
.af .box{fill:var(--box);stroke:var(--line)}.af .any .box{stroke-dasharray:5 3;fill:none}
.af .part .box{stroke-dasharray:2 2}.af .rest{fill:none;stroke:var(--line)}
.af .state text{text-anchor:start}.af .state .soft{fill:var(--soft)}
.af .state .ends{text-anchor:end;fill:var(--good)}.af .state .fails{fill:var(--bad)}
.af .state .middle{text-anchor:middle;font-size:12.5px;font-weight:600}
.af .role{font-size:13px;font-weight:600}
]]

local function put(d, format, ...)
  local values = { ... }
  for i, value in ipairs(values) do
    values[i] = type(value) == "number" and xml.number(value) or value
  end
  d[#d + 1] = format:format(table.unpack(values))
end

local function fit(text)
  return cells.cut(cells.clean(text), WIDEST, "…")
end

---What stands at a row's right.
local function ends_of(row)
  local list = {}
  if row.again then list[#list + 1] = "↻" end
  if row.done then list[#list + 1] = "✓ done" end
  if row.failed then list[#list + 1] = "✗ failed" end
  return table.concat(list, " ")
end

---How wide and high a box is, and where its rows are, from its top on.
local function measure(box)
  local width = geometry.words(fit(box.name)) + 40
  for _, row in ipairs(box.rows) do
    for _, name in ipairs(row.to) do row.again = row.again or name == box.name end
    row.ends, row.words = ends_of(row), fit(row.label)
    local size = geometry.words(row.words) + (row.ends ~= "" and 24 + geometry.words(row.ends) or 0)
    width = math.max(width, size + 28)
  end
  box.width, box.remarks = width, {}
  for _, remark in ipairs(words.remarks(box)) do
    for _, line in ipairs(cells.wrap(remark, WIDEST)) do
      box.remarks[#box.remarks + 1] = line
      box.width = math.max(box.width, geometry.words(line) + 24)
    end
  end
  box.height = TITLE + ROW * (#box.rows + #box.remarks) + 4
end

---The lines of a role, those to one state together: { box, down, ports = { y, … }, from, to }.
local function lines_of(role)
  local by_name, lines, order = {}, {}, {}
  for i, box in ipairs(role.boxes) do by_name[box.name], box.place = box, i end
  for _, box in ipairs(role.boxes) do
    for k, row in ipairs(box.rows) do
      local count = { [true] = 0, [false] = 0 }
      for _, name in ipairs(row.to) do
        local goal = by_name[name]
        local down = goal.place > box.place
        if goal ~= box then
          local key = name .. (down and ">" or "<")
          if not lines[key] then
            lines[key] = { box = goal, down = down, ports = {} }
            order[#order + 1] = lines[key]
          end
          local y = box.y + TITLE + ROW * (k - 0.5) - 4.5 + 3 * (count[down] % 4)
          count[down] = count[down] + 1
          table.insert(lines[key].ports, { y = y, box = box })
        end
      end
    end
  end
  for _, line in ipairs(order) do
    line.to = line.box.y + TITLE / 2
    line.low, line.high = line.to, line.to
    for _, port in ipairs(line.ports) do
      line.low, line.high = math.min(line.low, port.y), math.max(line.high, port.y)
    end
  end
  return order
end

---Gives each line a lane at its side, short ones nearest the boxes; returns how many there are.
local function give_lanes(lines, down)
  local side, lanes = {}, {}
  for _, line in ipairs(lines) do
    if line.down == down then side[#side + 1] = line end
  end
  table.sort(side, function(a, b)
    local x, y = a.high - a.low, b.high - b.low
    if x ~= y then return x < y end
    return a.box.place < b.box.place
  end)
  for _, line in ipairs(side) do
    local at = 1
    local function is_free()
      for _, other in ipairs(lanes[at] or {}) do
        if line.low < other.high + 5 and other.low < line.high + 5 then return false end
      end
      return true
    end
    while not is_free() do at = at + 1 end
    lanes[at] = lanes[at] or {}
    table.insert(lanes[at], line)
    line.lane = at
  end
  return #lanes
end

---Lays a role out from x on; returns where it ends.
local function lay_out(role, x)
  local y, width = TOP, geometry.words(fit(role.name)) + 20
  for _, box in ipairs(role.boxes) do
    measure(box)
    box.y, width = y, math.max(width, box.width)
    y = y + box.height + GAP
  end
  role.lines = lines_of(role)
  role.x = x + LANE * give_lanes(role.lines, false) + HEAD + 8
  role.width, role.bottom = width, y - GAP
  return role.x + width + LANE * give_lanes(role.lines, true) + HEAD + 8
end

local function draw_line(d, role, line)
  local side = line.down and 1 or -1
  local edge = line.down and role.x + role.width or role.x
  local lane = edge + side * (HEAD + 2 + LANE * line.lane)
  put(d, '<g style="--c:var(--t%d)">', (line.box.place - 1) % COLOURS)
  for _, port in ipairs(line.ports) do
    put(d, '<path class="edge" d="M%s %sH%sV%sH%s"/>', edge, port.y, lane, line.to,
      edge + side * HEAD)
  end
  put(d, '<path class="head" d="M%s %sl%d -4.5v9z"/></g>\n', edge + side, line.to, side * HEAD)
end

local function draw_box(d, role, box)
  local x, y, width = role.x, box.y, role.width
  put(d, '<g class="state%s"><title>%s</title><rect class="box" x="%s" y="%s" width="%s" '
    .. 'height="%s" rx="7"/>', box.any and " any" or box.part and " part" or "",
    xml.text(box.name), x, y, width, box.height)
  if box.may_end then
    put(d, '<rect class="rest" x="%s" y="%s" width="%s" height="%s" rx="5"/>', x + 3, y + 3,
      width - 6, box.height - 6)
  end
  if box.start then
    local middle = x + width / 2
    put(d, '<circle cx="%s" cy="%s" r="5" fill="var(--ink)"/><path d="M%s %sv10" '
      .. 'stroke="var(--ink)"/><path d="M%s %sl-4.5 -7h9z" fill="var(--ink)"/>', middle, y - 20,
      middle, y - 17, middle, y - 1)
  end
  put(d, '<text class="middle" x="%s" y="%s">%s</text>', x + width / 2, y + 18,
    xml.text(fit(box.name)))
  for k, row in ipairs(box.rows) do
    local base = y + TITLE + ROW * k - 5
    local goals = table.concat(words.goals(row), ", ")
    put(d, '<g><title>%s</title><text x="%s" y="%s">%s</text>', xml.text(goals == "" and row.label
      or row.label .. " → " .. goals), x + 12, base, xml.text(row.words))
    if row.ends ~= "" then
      put(d, '<text class="ends%s" x="%s" y="%s">%s</text>', row.failed and not row.done
        and " fails" or "", x + width - 12, base, row.ends)
    end
    put(d, "</g>")
  end
  for k, remark in ipairs(box.remarks) do
    put(d, '<text class="soft" x="%s" y="%s">%s</text>', x + 12,
      y + TITLE + ROW * (#box.rows + k) - 5, xml.text(remark))
  end
  put(d, "</g>\n")
end

function svg.svg(flow)
  local x, bottom, body = MARGIN, TOP, {}
  for _, role in ipairs(flow.roles) do
    x = lay_out(role, x) + 24
    bottom = math.max(bottom, role.bottom)
    put(body, '<text class="role" x="%s" y="54">%s</text>\n', role.x, xml.text(fit(role.name)))
    for _, line in ipairs(role.lines) do draw_line(body, role, line) end
    for _, box in ipairs(role.boxes) do draw_box(body, role, box) end
  end
  local title = words.title(flow)
  local width = math.max(x - 24, geometry.words(title) * 1.4) + MARGIN
  local out = {}
  put(out, '<svg xmlns="http://www.w3.org/2000/svg" class="af" width="%s" height="%s" '
    .. 'viewBox="0 0 %s %s">\n<title>%s</title>\n<style>\n', width, bottom + MARGIN, width,
    bottom + MARGIN, xml.text(title))
  out[#out + 1] = colours .. STYLE
  put(out, '</style>\n<rect class="bg" width="%s" height="%s"/>\n<text class="title" x="%d" y="28">'
    .. "%s</text>\n", width, bottom + MARGIN, MARGIN, xml.text(cells.cut(title, 100, "…")))
  return table.concat(out) .. table.concat(body) .. "</svg>\n"
end

return svg
