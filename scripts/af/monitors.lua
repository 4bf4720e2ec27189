--- What a flow says of time: `monitors`, `eventually`, `leads_to`.
---
--- A plan has a list of them, monitors first; of an instance's own run of the file extract() takes
--- two functions for each, false where there is none: step and start, the predicate, from and to.

local monitors = {}

local MOST <const> = 64 -- bounds.h: AF_FLOW_WATCHED_MAX
local monitor_keys = { start = true, step = true }

---The function that a part's monitor wraps, or itself: its line is told.
local function told(monitor, step)
  local own = getmetatable(monitor)
  return own and own.of and own.of.step or step
end

local function read_monitor(name, monitor, wrong)
  local place = ("monitor '%s'"):format(name)
  if type(monitor) ~= "table" then
    wrong(place, "must be { start = …, step = function(seen, step) … end }, got a %s",
      type(monitor))
  end
  for key in pairs(monitor) do
    if not monitor_keys[key] then
      wrong(place, "key '%s' is unknown%s", tostring(key),
        host.near(tostring(key), monitor_keys, "a monitor has"))
    end
  end
  if type(monitor.step) ~= "function" then
    wrong(place, "'step' must be a function(seen, step), got a %s", type(monitor.step))
  end
  local start = monitor.start
  if start ~= nil and type(start) ~= "function" then
    if type(start) ~= "table" then
      wrong(place, "'start' must be a table or a function(world), got a %s", type(start))
    end
    local unfit = host.unfit_data(start, "start")
    if unfit then wrong(place, "%s", unfit) end
  end
  return told(monitor, monitor.step)
end

local function read_predicate(name, predicate, wrong)
  local place = ("eventually '%s'"):format(name)
  if type(predicate) ~= "function" then
    wrong(place, "must be a function(world), got a %s", type(predicate))
  end
  return predicate
end

local function read_pair(name, pair, wrong)
  local place = ("leads_to '%s'"):format(name)
  if type(pair) ~= "table" or type(pair[1]) ~= "function" or type(pair[2]) ~= "function" then
    wrong(place, "must be { function(world), function(world) }")
  end
  for key in pairs(pair) do
    if key ~= 1 and key ~= 2 then
      wrong(place, "must be { function(world), function(world) }; it has the key '%s', too",
        tostring(key))
    end
  end
  return pair[1]
end

local kinds = {
  { key = "monitors", kind = "monitor", read = read_monitor },
  { key = "eventually", kind = "eventually", read = read_predicate },
  { key = "leads_to", kind = "leads_to", read = read_pair },
}

---Checks what a definition says of time.
---@param definition table  as given to af.flow()
---@param wrong function  wrong(place, format, …) raises
---@param look_at function  look_at(table): what is wrong from now on is at the table's line
---@return table[] watched  { kind, name, line, file? } each
function monitors.read(definition, wrong, look_at)
  local list = {}
  for _, row in ipairs(kinds) do
    for name, value in pairs(definition[row.key] or {}) do
      look_at(type(value) == "table" and value or { value })
      local unfit = type(name) ~= "string" and "must be a string, got " .. tostring(name)
        or host.unfit_name(name)
      if unfit then wrong("'" .. row.key .. "'", "a name %s", unfit) end
      local line, file = host.line(row.read(name, value, wrong))
      list[#list + 1] = { kind = row.kind, name = name, line = line, file = file }
    end
  end
  if #list > MOST then
    wrong("af.flow", "monitors, eventually and leads_to are %d together, more than %d", #list, MOST)
  end
  return list
end

---The functions of an instance, and what each monitor starts with, if that is no function.
---@param definition table
---@param plan table
---@return table functions
---@return table starts
function monitors.extract(definition, plan)
  local functions, starts = {}, {}
  for i, row in ipairs(plan.watched) do
    local one, two
    if row.kind == "monitor" then
      local monitor = definition.monitors[row.name]
      local start = monitor.start
      one, two = monitor.step, type(start) == "function" and start
      starts[i] = not two and start or {}
    elseif row.kind == "eventually" then
      one = definition.eventually[row.name]
    else
      one, two = table.unpack(definition.leads_to[row.name], 1, 2)
    end
    functions[2 * i - 1], functions[2 * i] = one, two or false
  end
  return functions, starts
end

return monitors
