--- `afrun chart --states`: the roles of a flow as state diagrams. What they are is read here; how
--- they look is states_text's (text, Mermaid, graphviz) and states_svg's; states_json has the rows.
---
--- Where a row leads is known if it names a state; else it is read from what its handler returns
--- (lint_returns). Of a part one box is drawn, which leads where it is left to.

local read = require "tool.lint_tokens"
local returns = require "tool.lint_returns"

local states = {}

local DRAWN <const> = {
  text = "tool.states_text", mermaid = "tool.states_text", dot = "tool.states_text",
  svg = "tool.states_svg", json = "tool.states_json",
}

---@class tool.states.Row
---@field on "enter"|"event"|"after"|"timeout"|"way"
---@field label string
---@field name string
---@field line integer?  of its handler, or of what it says
---@field file string?   of a module, which that line is of
---@field to string[]  the states that it may lead to, another or the same
---@field done boolean?   it may end the party so
---@field failed boolean?

---@class tool.states.State
---@field name string
---@field start boolean?
---@field may_end boolean?
---@field part string?  the name of the part that the box stands for
---@field unknown boolean?  nothing is known to lead here
---@field any boolean?  no state, but what holds in every one
---@field line integer?  where it is written
---@field file string?
---@field rows tool.states.Row[]
---@field defers string[]
---@field ignores string[]

local function label_of(row)
  if row.on == "after" then
    return row.seconds and ("after %.14g s"):format(row.seconds) or "after a while"
  elseif row.on == "timeout" then
    return "timeout " .. row.name
  elseif row.on == "way" then
    return "when " .. row.name
  end
  return row.name
end

---Adds a state, once.
local function add(list, name)
  for _, one in ipairs(list) do
    if one == name then return end
  end
  list[#list + 1] = name
end

---The source of a file: of none, the flow's own, which is the first; nil: it is not known.
local function source_of(sources, file)
  for _, source in ipairs(sources) do
    if file == nil or source.file == file then return source end
  end
end

---The name of the state that a handler of `state` means by a text; nil: none.
local function meant(role, state, text)
  local beside = state.name:match("^.*%.")
  return role.known[text] and text or beside and role.known[beside .. text] and beside .. text
end

---Tells which function of a source is a row's: the one of its line and key; all of its line where
---none has that key.
local function handler_of(source, row)
  local key, found = row.on == "event" and "]" or row.name, false
  for _, fn in ipairs(source.functions) do
    found = found or fn.line == row.line and fn.key == key
  end
  return function(fn) return fn.line == row.line and (fn.key == key or not found) end
end

local function row_of(sources, role, state, row)
  local one = { on = row.on, name = row.name, label = label_of(row), to = {}, line = row.line,
    file = row.file }
  local function tell(name, outcome)
    name = outcome == "again" and state.name or name and meant(role, state, name)
    if name then
      add(one.to, role.box[name])
    elseif outcome then
      one[outcome] = true
    end
  end
  tell(row.to, row.ends)
  local source = row.line and source_of(sources, row.file)
  if source then
    returns.lead(source, handler_of(source, row), tell, {})
  end
  return one
end

---A state's rows but those of every state, or these alone.
local function box_of(sources, role, state, always)
  local box = { name = always and "in every state" or state.name, any = always, rows = {},
    defers = {}, ignores = {}, start = not always and role.start == state.name,
    may_end = not always and state.may_end, part = state.part }
  for _, row in ipairs(state.rows) do
    local is_of_it = (row.always == true) == (always == true)
    if row.how == "deferred" then
      if is_of_it then add(box.defers, row.name) end
    elseif row.how == "ignored" then
      if is_of_it then add(box.ignores, row.name) end
    elseif is_of_it and not (state.part and row.on == "enter") then
      box.rows[#box.rows + 1] = row_of(sources, role, state, row)
    end
  end
  return box
end

---What holds in every state: the rows that any state has of it.
local function every_state(sources, role)
  local all = { rows = {}, defers = {}, ignores = {} }
  local known = {}
  for _, state in ipairs(role.states) do
    local box = box_of(sources, role, state, true)
    for _, row in ipairs(box.rows) do
      if not known[row.on .. row.label] then
        known[row.on .. row.label] = true
        all.rows[#all.rows + 1] = row
      end
    end
    for _, name in ipairs(box.defers) do add(all.defers, name) end
    for _, name in ipairs(box.ignores) do add(all.ignores, name) end
  end
  all.name, all.any = "in every state", true
  return (all.rows[1] or all.defers[1] or all.ignores[1]) and all or nil
end

---Each state's layer: how long the longest way to it is from the start, loops left out. A state
---that nothing leads to stands behind all others.
local function layers(boxes, start)
  local layer, open, by_name, order = {}, {}, {}, {}
  for _, box in ipairs(boxes) do by_name[box.name] = box end
  local loops = {}
  local function walk(box)
    open[box] = true
    for _, row in ipairs(box.rows) do
      for _, name in ipairs(row.to) do
        local next_box = by_name[name]
        if open[next_box] then
          loops[row], loops[row] = loops[row] or {}, loops[row] or {}
          loops[row][name] = true
        elseif open[next_box] == nil then
          walk(next_box)
        end
      end
    end
    open[box] = false
    table.insert(order, 1, box) -- before all that it leads to
  end
  if by_name[start] then walk(by_name[start]) end
  for _, box in ipairs(order) do
    layer[box] = layer[box] or 0
    for _, row in ipairs(box.rows) do
      for _, name in ipairs(row.to) do
        if not (loops[row] and loops[row][name]) then
          layer[by_name[name]] = math.max(layer[by_name[name]] or 0, layer[box] + 1)
        end
      end
    end
  end
  return layer
end

---Whether any box is known to lead to this one.
local function is_goal(boxes, always, goal)
  for i = 1, #boxes + 1 do
    for _, row in ipairs((boxes[i] or always or {}).rows or {}) do
      for _, name in ipairs(row.to) do
        if name == goal.name and boxes[i] ~= goal then return true end
      end
    end
  end
  return false
end

---The boxes of a role, in the order of their layers; what holds in every state comes last.
local function boxes_of(sources, role)
  role.known, role.box = {}, {}
  local parts, boxes = {}, {}
  for _, state in ipairs(role.states) do
    role.known[state.name] = true
    if state.part then parts[#parts + 1] = state.name end
  end
  for _, state in ipairs(role.states) do
    role.box[state.name] = state.name
    for _, name in ipairs(parts) do -- the outermost part that it is of
      if state.name:sub(1, #name + 1) == name .. "." and #name < #role.box[state.name] then
        role.box[state.name] = name
      end
    end
  end
  for _, state in ipairs(role.states) do
    if role.box[state.name] == state.name then
      boxes[#boxes + 1] = box_of(sources, role, state)
    end
  end
  local always = every_state(sources, role)
  local layer = layers(boxes, role.start)
  local place = {}
  for i, box in ipairs(boxes) do
    place[box], box.unknown = i, layer[box] == nil and not is_goal(boxes, always, box) or nil
  end
  table.sort(boxes, function(a, b)
    local x, y = layer[a] or math.huge, layer[b] or math.huge
    if x ~= y then return x < y end
    return place[a] < place[b]
  end)
  boxes[#boxes + 1] = always
  return boxes
end

---Tells each box where its state is written.
local function place(boxes, written)
  local by_name = {}
  for _, state in ipairs(written) do by_name[state.name] = state end
  for _, box in ipairs(boxes) do
    local state = not box.any and by_name[box.name] or {}
    box.line, box.file = state.line, state.file
  end
end

---@param request table  { format, flow, outline = of af.flow, files = { { name, text }, … } }
---@return table  { text = the drawing }
function states.work(request)
  local sources = {}
  for i, file in ipairs(request.files) do
    local list = read.read(file.text)
    sources[i] = { file = file.name, list = list, functions = returns.functions(list) }
  end
  local flow = { name = request.outline.name, version = request.outline.version, roles = {},
    files = request.files }
  for i, role in ipairs(request.outline.roles) do
    flow.roles[i] = { name = role.name, boxes = boxes_of(sources, role) }
    place(flow.roles[i].boxes, request.flow.roles[i].states)
  end
  return { text = require(DRAWN[request.format])[request.format](flow) }
end

return states
