--- The chart as Mermaid text, for documents that render it.
---
--- Mermaid ends a statement at a line end or a semicolon and reads `#…;` as a character by its
--- number. So whatever a trace says is written with everything but letters, digits and harmless
--- signs as such numbers; no word of a trace can become syntax.

local cells = require "tool.chart_cells"
local view = require "tool.chart_view"

local mermaid = {}

local MAX_LABEL_CELLS <const> = 80

local function by_number(char)
  return ("#%d;"):format(char:byte())
end

--- Mermaid's own word: as a label it would close a block.
local function guard_end(word)
  return word:lower() == "end" and by_number(word) .. word:sub(2) or nil
end

--- A text of others as a label.
---@param s string
---@return string
function mermaid.label(s)
  s = cells.cut(cells.clean(s), MAX_LABEL_CELLS, "…")
  s = s:gsub("[^%w %.,!_=/()%[%]\128-\255-]", by_number):gsub("%-%-+", function(dashes)
    return ("#45;"):rep(#dashes)
  end)
  s = s:gsub("%f[%w]%a+%f[^%w]", guard_end)
  return s:find("%S") and s or "#32;"
end

local label <const> = mermaid.label

local function say(d, ...)
  d.out[#d.out + 1] = "  " .. table.concat({ ... })
end

local function note(d, party, words)
  say(d, "Note over ", d.alias[party], ": ", label(words))
end

local function wide_note(d, words)
  local first, last = d.parties[1], d.parties[#d.parties]
  if not first then return end
  local over = d.alias[first.id]
  if last ~= first then over = over .. "," .. d.alias[last.id] end
  say(d, "Note over ", over, ": ", label(words))
end

local ARROWS <const> = { drop = "-x", in_flight = "--)", ignore = "-->>", late = "-->>" }

local function draw_arrow(d, row)
  local words = row.type
  if row.mark then words = words .. " (" .. row.mark .. ")" end
  say(d, d.alias[row.from], ARROWS[row.kind] or "->>", d.alias[row.party], ": ", label(words))
end

local MARKS <const> = { bad = "✗ ", fault = "! ", good = "✓ ", timer = "◷ " }

local function draw_gap(d, gap)
  wide_note(d, "… " .. view.gap_text(gap) .. " …")
  for _, party in ipairs(d.parties) do
    local state = gap.states[party.id]
    if state then note(d, party.id, "[" .. state .. "]") end
  end
end

local function draw_item(d, item)
  local row = item.row
  if row.t ~= d.last_t and row.shape ~= "gap" and d.timed then
    say(d, "%% ", d.clock(row.t))
    d.last_t = row.t
  end
  if row.shape == "gap" then
    draw_gap(d, row)
  elseif row.shape == "arrow" then
    draw_arrow(d, row)
  elseif row.shape == "states" then
    for _, entry in ipairs(row.entries) do note(d, entry.party, "[" .. entry.state .. "]") end
  elseif row.shape == "note" then
    note(d, row.party, (MARKS[row.level] or "") .. row.text)
  else
    wide_note(d, (MARKS[row.level] or "") .. row.text)
  end
  for _, state in ipairs(row.states or {}) do note(d, row.party, "[" .. state .. "]") end
end

--- Draws a chart as a Mermaid sequenceDiagram.
---@param model tool.chart.Model
---@param choice table  of view.choose
---@return string
function mermaid.draw(model, choice)
  local d = {
    out = { "sequenceDiagram" }, alias = {}, parties = choice.parties,
    clock = view.clock(choice.items), timed = model.end_t > 0,
  }
  for i, party in ipairs(choice.parties) do
    d.alias[party.id] = "p" .. i
    say(d, "participant p", i, " as ", label(party.id))
  end
  for _, item in ipairs(choice.items) do draw_item(d, item) end
  if choice.hidden_rows > 0 then
    wide_note(d, view.plural(choice.hidden_rows, "row") .. " hidden by the filter")
  end
  wide_note(d, view.summary(model))
  return table.concat(d.out, "\n") .. "\n"
end

return mermaid
