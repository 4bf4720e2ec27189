--- State diagrams as text: for a terminal, as Mermaid's stateDiagram-v2, as a graph of graphviz.

local cells = require "tool.chart_cells"
local mermaid = require "tool.chart_mermaid"

local text = {}

local function names(list)
  local clean = {}
  for i, name in ipairs(list) do clean[i] = cells.clean(name) end
  return table.concat(clean, ", ")
end

---Where a row leads, in words.
function text.goals(row)
  local list = { table.unpack(row.to) }
  if row.done then list[#list + 1] = "done" end
  if row.failed then list[#list + 1] = "failed" end
  return list
end

---What else a box says of its state.
function text.remarks(box)
  local list = {}
  if box.part then list[#list + 1] = "the part " .. cells.clean(box.part) end
  if box.may_end then list[#list + 1] = "may end" end
  if box.unknown then list[#list + 1] = "what leads here is not known" end
  if box.defers[1] then list[#list + 1] = "defers " .. names(box.defers) end
  if box.ignores[1] then list[#list + 1] = "ignores " .. names(box.ignores) end
  return list
end

function text.title(flow)
  return ("%s version %d"):format(cells.clean(flow.name), flow.version)
end

function text.text(flow)
  local out = { text.title(flow) }
  local function say(...) out[#out + 1] = table.concat { ... } end
  for _, role in ipairs(flow.roles) do
    say("\n", cells.clean(role.name), role.boxes[1] and "" or ": a plain function, without states")
    for _, box in ipairs(role.boxes) do
      local width = 0
      for _, row in ipairs(box.rows) do
        width = math.max(width, cells.width(cells.clean(row.label)))
      end
      say("  ", box.start and "▶ " or box.any and "∗ " or "  ", cells.clean(box.name))
      for _, row in ipairs(box.rows) do
        local label, leads = cells.clean(row.label), names(text.goals(row))
        say("        ", label, leads == "" and ""
          or (" "):rep(width - cells.width(label)) .. " → " .. leads)
      end
      for _, remark in ipairs(text.remarks(box)) do say("        (", remark, ")") end
    end
  end
  return table.concat(out, "\n") .. "\n"
end

---One edge for all rows of a box that lead to the same: tell(goal, labels); goal: a state's name,
---or true for an end, whose labels say how.
local function edges(box, tell)
  local order, labels = {}, {}
  local function note(goal, label)
    if not labels[goal] then order[#order + 1], labels[goal] = goal, {} end
    table.insert(labels[goal], label)
  end
  for _, row in ipairs(box.rows) do
    for _, name in ipairs(row.to) do note(name, row.label) end
    if row.done then note(true, row.label .. " (done)") end
    if row.failed then note(true, row.label .. " (failed)") end
  end
  for _, goal in ipairs(order) do tell(goal, labels[goal]) end
end

---What a box says inside of it: rows that lead nowhere known, and remarks.
local function inside(box)
  local list, rows = text.remarks(box), {}
  for _, row in ipairs(box.rows) do
    if not text.goals(row)[1] then rows[#rows + 1] = row.label end
  end
  if rows[1] then table.insert(list, 1, "on " .. names(rows)) end
  return list
end

function text.mermaid(flow)
  local out = { "stateDiagram-v2" }
  local function say(...) out[#out + 1] = table.concat { ... } end
  for r, role in ipairs(flow.roles) do
    say('  state "', mermaid.label(role.name), '" as r', r, " {")
    local alias = {}
    for i, box in ipairs(role.boxes) do alias[box.name] = ("r%ds%d"):format(r, i) end
    for i, box in ipairs(role.boxes) do
      local id = ("r%ds%d"):format(r, i)
      say('    state "', mermaid.label(box.name), '" as ', id)
      for _, line in ipairs(inside(box)) do say("    ", id, ": ", mermaid.label(line)) end
      if box.start then say("    [*] --> ", id) end
      edges(box, function(goal, labels)
        say("    ", id, " --> ", goal == true and "[*]" or alias[goal], ": ",
          mermaid.label(table.concat(labels, ", ")))
      end)
    end
    say("  }")
  end
  return table.concat(out, "\n") .. "\n"
end

local function quoted(...)
  local lines = { ... }
  for i, line in ipairs(lines) do lines[i] = cells.clean(line):gsub('[\\"]', "\\%0") end
  return '"' .. table.concat(lines, "\\n") .. '"'
end

function text.dot(flow)
  local out = { "digraph states {", "  node [shape=box, style=rounded, fontname=sans];",
    "  edge [fontname=sans, fontsize=10];" }
  local function say(...) out[#out + 1] = table.concat { ... } end
  for r, role in ipairs(flow.roles) do
    say("  subgraph cluster_r", r, " {\n    label=", quoted(role.name), ";")
    local alias = {}
    for i, box in ipairs(role.boxes) do alias[box.name] = ("r%ds%d"):format(r, i) end
    for i, box in ipairs(role.boxes) do
      local id, ends = ("r%ds%d"):format(r, i), false
      say("    ", id, " [label=", quoted(box.name, table.unpack(inside(box))),
        box.may_end and ", peripheries=2" or box.any and ", style=dashed" or "", "];")
      if box.start then
        say("    r", r, "start [shape=point]; r", r, "start -> ", id, ";")
      end
      edges(box, function(goal, labels)
        ends = ends or goal == true
        say("    ", id, " -> ", goal == true and ("r%dend"):format(r) or alias[goal], " [label=",
          quoted(table.unpack(labels)), "];")
      end)
      if ends then say("    r", r, 'end [shape=doublecircle, label="", width=.2];') end
    end
    say("  }")
  end
  say("}")
  return table.concat(out, "\n") .. "\n"
end

return text
