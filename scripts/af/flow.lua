--- Flows: what af.flow{…} describes, checked once and laid out as a plan.
---
--- The plan holds names, lines and numbers only, so it is made once for a file; of each party's own
--- run of the file extract() takes the functions, in the order that the plan gave them.

local keys = require "af.keys"
local monitors = require "af.monitors"
local part = require "af.part"
local predefined = require "af.predefined_events"
local types = require "af.types"

local flow = {}

local HANDLED, DEFERRED, IGNORED = 1, 2, 3

local flow_keys = {
  name = "string", version = "number", args = "table", mock = "table", roles = "table",
  invariants = "table", report_failure = "boolean", migrate_back = "function", initiator = "string",
  monitors = "table", eventually = "table", leads_to = "table",
  mock_programs = "table", migrate = "any", -- a function, or one for each version: checked below
}
local role_keys = { always = true, data = true, start = true, states = true }
local always_keys = { defer = true, ignore = true, timeout = true }
local state_keys = {
  enter = true, after = true, defer = true, ignore = true, timeout = true, may_end = true,
}

---Where each definition was given to af.flow(), as "file:line: ".
local calls = setmetatable({}, { __mode = "k" })

---Where what is being read stands, or what it is in.
local here = ""

---Raises a mistake in the description, with the place in it, which is said in words, too.
local function wrong(place, format, ...)
  error(("%s%s: %s"):format(here, place, format:format(...)), 0)
end

local function where(line, file)
  return line and line > 0 and ("%s:%d: "):format(file or (host.file()), line) or ""
end

---Reads from now on what the table holds: its first function of the flow's own file says where.
local function look_at(definition)
  local first
  for _, value in pairs(type(definition) == "table" and definition or {}) do
    local line, file
    if type(value) == "function" then line, file = host.line(value) end
    if line and file == nil and (first == nil or line < first) then first = line end
  end
  if first then here = where(first) end
end

local function event_name(key)
  return host.is_event_class(key) and key.TYPE or nil
end

---Declares the flow of this file. Returns what the file must return.
---@param definition table  see the description of flows
function flow.flow(definition)
  if type(definition) ~= "table" then
    error("af.flow: expected a table, got a " .. type(definition), 2)
  end
  local whole = part.lay_out(definition)
  if not host.again() then
    local name, line = host.file()
    calls[whole] = where(line, name)
  end
  return host.declare_flow(whole)
end

---What a file returned: a part is the flow of it alone. Returns what the file would return for it.
---@param returned any
---@return any? declared  nil: it is no part
function flow.declare_part(returned)
  local definition = part.alone(returned)
  return definition and host.declare_flow(part.lay_out(definition))
end

-- What a handler's place may hold: a function, or a state's name. --------------------------------

---@class Layout  one role while it is laid out
---@field role table  its plan
---@field index table<string, integer>  state names → their number

---Notes a function's path from the role's definition on, returns its slot.
local function add_slot(layout, ...)
  local paths = layout.role.paths
  paths[#paths + 1] = { ... }
  return #paths
end

local function target(layout, place, value, ...)
  if type(value) == "function" then
    local line, file = host.line(value)
    return { slot = add_slot(layout, ...), line = line, file = file }
  elseif type(value) == "string" then
    local next_state = layout.index[value]
    if next_state == nil then
      wrong(place, "names the unknown state '%s'%s", value,
        host.near(value, layout.index, "the role has"))
    end
    return { next = next_state }
  end
  wrong(place, "expected a function or a state's name, got a %s", type(value))
end

-- States. ----------------------------------------------------------------------------------------

local function set_row(rows, place, class, row)
  local known = rows[class.TYPE]
  if known ~= nil then
    if known.class ~= class then
      wrong(place, "two event types are named '%s'", class.TYPE)
    end
    wrong(place, "event '%s' is both %s and %s", class.TYPE, known.how, row.how)
  end
  row.class = class
  rows[class.TYPE] = row
end

local function read_list(rows, place, name, list, kind)
  if host.is_event_class(list) then
    wrong(place, "'%s' must be a list of event types; put braces around: { %s }", name, list.TYPE)
  elseif type(list) ~= "table" then
    wrong(place, "'%s' must be a list of event types, got a %s", name, type(list))
  end
  for key, class in pairs(list) do
    if math.type(key) ~= "integer" or not host.is_event_class(class) then
      wrong(place, "'%s' must be a list of event types; %s is not one", name, tostring(class))
    end
    set_row(rows, place, class, { kind = kind, how = kind == DEFERRED and "deferred" or "ignored" })
  end
end

local function read_after(layout, place, name, after, state)
  if type(after) ~= "table" or after[1] == nil or after[2] == nil or after[3] ~= nil then
    wrong(place, "'after' must be { seconds, handler or \"state\" }")
  end
  if type(after[1]) == "function" then
    state.after_seconds_slot = add_slot(layout, "states", name, "after", 1)
  elseif type(after[1]) == "number" and after[1] >= 0 and after[1] <= 31536000 then
    state.after_ns = math.floor(after[1] * 1e9 + 0.5)
  else
    wrong(place, "'after' needs 0 to 31536000 seconds, or a function that gives them")
  end
  state.after = target(layout, place .. ", 'after'", after[2], "states", name, "after", 2)
end

---Adds the rows of `timeouts`, which stands at the path.
local function read_timeouts(layout, place, timeouts, list, ...)
  if type(timeouts) ~= "table" then
    wrong(place, "'timeout' must be { name = handler }")
  end
  for deadline, value in pairs(timeouts) do
    if type(deadline) ~= "string" then
      wrong(place, "'timeout' must be { name = handler }; %s is no name", tostring(deadline))
    end
    local path = { ... }
    path[#path + 1] = deadline
    local row = target(layout, ("%s, timeout '%s'"):format(place, deadline), value,
      table.unpack(path))
    row.name = deadline
    list[#list + 1] = row
  end
end

---Whether a row's line is a better place for its state: the flow's own file comes first.
local function is_before(row, other)
  if row.line == nil then return false end
  if other.line == nil then return true end
  if row.file ~= other.file then
    return row.file == nil or (other.file ~= nil and row.file < other.file)
  end
  return row.line < other.line
end

local function read_state(layout, place, name, definition)
  if type(definition) ~= "table" then
    wrong(place, "must be a table, got a %s", type(definition))
  end
  look_at(definition)
  local state = { name = name, rows = {}, timeouts = {}, may_end = definition.may_end == true }
  local maker = getmetatable(definition) or {}
  local at = maker -- where it is: row or state that knows a line
  for key, value in pairs(definition) do
    local class = event_name(key)
    if class ~= nil then
      local of_event = ("%s, event '%s'"):format(place, class)
      local row = target(layout, of_event, value, "states", name, key)
      row.kind, row.how = HANDLED, "handled"
      if is_before(row, at) then at = row end
      set_row(state.rows, place, key, row)
    elseif not state_keys[key] then
      wrong(place, "key '%s' is neither an event type nor one of %s", tostring(key),
        keys.text(state_keys))
    end
  end
  state.ways, state.part = {}, maker.part
  for _, way in ipairs { "done", "failed", "short" } do -- where a maker's state goes
    local goal = maker.targets and maker.targets[way]
    if type(goal) == "string" and layout.index[goal] == nil then
      wrong(place, "'%s' names the unknown state '%s'%s", way, goal,
        host.near(goal, layout.index, "the role has"))
    elseif type(goal) == "function" then
      local line, file = host.line(goal)
      state.ways[#state.ways + 1] = { name = way, line = line, file = file }
    elseif goal ~= nil or (maker.ends and maker.ends[way]) then
      state.ways[#state.ways + 1] = { name = way, next = layout.index[goal],
        ends = goal == nil and maker.ends[way] or nil }
    end
  end
  if definition.may_end ~= nil and type(definition.may_end) ~= "boolean" then
    wrong(place, "'may_end' must be true or false")
  end
  if definition.defer ~= nil then
    read_list(state.rows, place, "defer", definition.defer, DEFERRED)
  end
  if definition.ignore ~= nil then
    read_list(state.rows, place, "ignore", definition.ignore, IGNORED)
  end
  if definition.enter ~= nil then
    state.enter = target(layout, place .. ", 'enter'", definition.enter, "states", name, "enter")
    if at.line == nil then at = state.enter end
  end
  if definition.after ~= nil then
    read_after(layout, place, name, definition.after, state)
    if at.line == nil then at = state.after end
  end
  if definition.timeout ~= nil then
    read_timeouts(layout, place, definition.timeout, state.timeouts, "states", name, "timeout")
  end
  state.line, state.file = at.line, at.file
  return state
end

-- Rows of every state. ----------------------------------------------------------------------------

---The rows of a role's `always`, and its timeouts.
local function read_always(layout, place, always)
  local rows, timeouts = {}, {}
  if always == nil then
    return rows, timeouts
  elseif type(always) ~= "table" then
    wrong(place, "'always' must be a table of rows, got a %s", type(always))
  end
  place = place .. ", 'always'"
  for key, value in pairs(always) do
    local class = event_name(key)
    if class ~= nil then
      local row = target(layout, ("%s, event '%s'"):format(place, class), value, "always", key)
      row.kind, row.how = HANDLED, "handled"
      set_row(rows, place, key, row)
    elseif not always_keys[key] then
      wrong(place, "key '%s' is neither an event type nor one of %s", tostring(key),
        keys.text(always_keys))
    end
  end
  if always.defer ~= nil then
    read_list(rows, place, "defer", always.defer, DEFERRED)
  end
  if always.ignore ~= nil then
    read_list(rows, place, "ignore", always.ignore, IGNORED)
  end
  if always.timeout ~= nil then
    read_timeouts(layout, place, always.timeout, timeouts, "always", "timeout")
  end
  return rows, timeouts
end

---Gives a state the rows of `always` that it has none of its own for.
local function add_always(state, place, rows, timeouts)
  for name, row in pairs(rows) do
    local own = state.rows[name]
    if own == nil then
      state.rows[name] = { class = row.class, kind = row.kind, how = row.how, slot = row.slot,
        next = row.next, line = row.line, file = row.file, always = true }
    elseif own.class ~= row.class then
      wrong(place, "two event types are named '%s'", name)
    end
  end
  local named = {}
  for _, timeout in ipairs(state.timeouts) do named[timeout.name] = true end
  for _, timeout in ipairs(timeouts) do
    timeout.always = true
    if not named[timeout.name] then state.timeouts[#state.timeouts + 1] = timeout end
  end
end

-- Migration. -------------------------------------------------------------------------------------

---A migration is a function(old), or one for each version: { [2] = function(old) … }, which makes
---of the version before it this one.
local function check_migrate(migrate, version)
  if migrate == nil or type(migrate) == "function" then
    return
  elseif type(migrate) ~= "table" then
    wrong("af.flow", "'migrate' must be a function, or a table of them by version; got a %s",
      type(migrate))
  end
  for to, step in pairs(migrate) do
    if math.type(to) ~= "integer" or to < 2 or to > version or type(step) ~= "function" then
      wrong("af.flow", "'migrate' needs a function for each of the versions 2 to %d; [%s] is a %s",
        version, tostring(to), type(step))
    end
  end
end

---The steps as one function: each is given what the one before it has made; a version without a
---step changed nothing.
local function chain(steps, version)
  return function(old)
    for to = old.version + 1, version do
      if steps[to] ~= nil then
        local new = steps[to](old)
        if type(new) ~= "table" then
          error(("migrate[%d]: expected { state =, data = }, got %s"):format(to, tostring(new)), 0)
        end
        old = { role = old.role, args = old.args, version = to, state = new.state, data = new.data }
      end
    end
    return { state = old.state, data = old.data }
  end
end

-- Roles. -----------------------------------------------------------------------------------------

local function read_role(name, definition, flow_definition)
  local place = ("role '%s'"):format(name)
  here = calls[flow_definition] or ""
  local role = { name = name, states = {}, paths = {}, deadlines = {}, programs = {} }
  if type(definition) == "function" then
    role.sequential = true
    role.line, role.file = host.line(definition)
    role.paths[1] = {}
    return role
  elseif type(definition) ~= "table" then
    wrong(place, "must be a table with states, or a function; got a %s", type(definition))
  end
  for key in pairs(definition) do
    if not role_keys[key] then
      wrong(place, "key '%s' is unknown%s", tostring(key),
        host.near(tostring(key), role_keys, "a role has"))
    end
  end
  if type(definition.states) ~= "table" or host.is_empty(definition.states) then
    wrong(place, "has no states")
  end
  local layout = { role = role, index = {} }
  local names = {}
  for state_name in pairs(definition.states) do
    if type(state_name) ~= "string" then
      wrong(place, "a state's name must be a string, got %s", tostring(state_name))
    end
    names[#names + 1] = state_name
    layout.index[state_name] = #names
  end
  if type(definition.data) == "function" then
    role.data_slot = add_slot(layout, "data")
  elseif definition.data ~= nil then
    wrong(place, "'data' must be a function(party), got a %s", type(definition.data))
  end
  if type(definition.start) ~= "string" or layout.index[definition.start] == nil then
    wrong(place, "'start' must name one of its states, got %s%s", tostring(definition.start),
      host.near(tostring(definition.start), layout.index, "it has"))
  end
  role.start = layout.index[definition.start]
  local always, timeouts = read_always(layout, place, definition.always)
  for i, state_name in ipairs(names) do
    local of_state = ("%s, state '%s'"):format(place, state_name)
    here = calls[flow_definition] or ""
    role.states[i] = read_state(layout, of_state, state_name, definition.states[state_name])
    add_always(role.states[i], of_state, always, timeouts)
    for _, timeout in ipairs(role.states[i].timeouts) do role.deadlines[timeout.name] = true end
  end
  local at = role.states[role.start]
  for _, state in ipairs(role.states) do
    if at.line == nil then at = state end
  end
  role.line, role.file = at.line, at.file
  for _, state in ipairs(role.states) do
    if state.line == nil then state.line, state.file = role.line, role.file end
  end
  for _, key in ipairs { "migrate", "migrate_back" } do
    if flow_definition[key] ~= nil then
      role[key .. "_slot"] = add_slot(layout, key)
    end
  end
  return role
end

-- The flow. --------------------------------------------------------------------------------------

---The event types of all states, each once, then the predefined ones that are not named by one.
local function collect_events(roles, declared)
  local events, known = {}, {}
  local function add(class)
    local other = known[class.TYPE]
    if other == nil then
      known[class.TYPE] = class
      events[#events + 1] = class
    elseif other ~= class then
      wrong("af.flow", "two event types are named '%s'", class.TYPE)
    end
  end
  local sequential = false
  for _, role in ipairs(roles) do
    sequential = sequential or role.sequential
    for _, state in ipairs(role.states) do
      for _, row in pairs(state.rows) do
        add(row.class)
      end
    end
  end
  if sequential then
    for _, class in ipairs(declared) do
      if host.is_event_class(class) and known[class.TYPE] == nil then
        add(class)
      end
    end
  end
  for _, class in pairs(predefined) do
    if known[class.TYPE] == nil then
      add(class)
    end
  end
  return events
end

---Lays each state's rows out in the order of the flow's events.
local function number_rows(roles, events)
  local is_predefined = {}
  for _, class in pairs(predefined) do
    is_predefined[class] = true
  end
  for _, role in ipairs(roles) do
    for _, state in ipairs(role.states) do
      local rows = {}
      for i, class in ipairs(events) do
        local row = state.rows[class.TYPE]
        if row == nil and is_predefined[class] then
          row = { kind = IGNORED }
        end
        rows[i] = row or {}
      end
      state.rows = rows
    end
  end
end

local function read_mock(definition, roles)
  for name, count in pairs(definition.mock or {}) do
    local known = false
    for _, role in ipairs(roles) do
      known = known or role.name == name
    end
    if not known then
      wrong("af.flow", "'mock' names the unknown role '%s'", tostring(name))
    elseif math.type(count) ~= "integer" or count < 0 then
      wrong("af.flow", "'mock' needs a number of parties for role '%s', got %s", name,
        type(count) == "number" and tostring(count) or "a " .. type(count))
    end
  end
  for _, role in ipairs(roles) do
    role.mock = definition.mock and definition.mock[role.name] or nil
  end
end

local function read_invariants(definition)
  local list = {}
  for name, check in pairs(definition.invariants or {}) do
    if type(name) ~= "string" or type(check) ~= "function" then
      wrong("af.flow", "'invariants' must be { [\"name\"] = function(world) … }")
    end
    list[#list + 1] = { name = name, check = check }
  end
  return list
end

---Stand-ins of programs are functions of every role: what they change is found as of handlers.
local function add_programs(definition, roles)
  for name, stand_in in pairs(definition.mock_programs or {}) do
    if type(name) ~= "string" or type(stand_in) ~= "function" then
      wrong("af.flow", "'mock_programs' must be { [\"program\"] = function(args, input) … }")
    end
    for _, role in ipairs(roles) do
      role.programs[name] = add_slot({ role = role }, "mock_programs", name)
    end
  end
end

local function check_keys(definition)
  for key, value in pairs(definition) do
    local kind = flow_keys[key]
    if kind == nil then
      wrong("af.flow", "key '%s' is unknown%s", tostring(key),
        host.near(tostring(key), flow_keys, "a flow has"))
    elseif kind ~= "any" and type(value) ~= kind then
      wrong("af.flow", "'%s' must be a %s, got a %s", key, kind, type(value))
    end
  end
  local unfit = definition.name == nil and "is missing" or host.unfit_name(definition.name)
  if unfit then
    wrong("af.flow", "'name' %s", unfit)
  end
  if definition.version ~= nil and (math.type(definition.version) ~= "integer"
      or definition.version < 1) then
    wrong("af.flow", "'version' must be an integer >= 1, got %s", tostring(definition.version))
  end
  check_migrate(definition.migrate, definition.version or 1)
  if definition.roles == nil or host.is_empty(definition.roles) then
    wrong("af.flow", "the flow has no roles")
  end
end

---The role of the platform's initiator (number 1 of a task): the one that the flow names, or one
---of that name, or the aggregator; the number of its role, 0 if there is none.
local function initiator_of(definition, roles)
  for _, name in ipairs { definition.initiator or "initiator", "aggregator" } do
    for number, role in ipairs(roles) do
      if role.name == name then
        return number
      end
    end
    if definition.initiator ~= nil then
      wrong("af.flow", "'initiator' names the role '%s', which the flow does not have", name)
    end
  end
  return 0
end

---Checks a definition and makes its plan. Raises what is wrong.
---@param definition table  as given to af.flow()
---@param declared table  the event types that the file declares
---@return table plan
function flow.plan(definition, declared)
  here = calls[definition] or ""
  check_keys(definition)
  local roles = {}
  for name, role in pairs(definition.roles) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_-]*$") then
      wrong("af.flow", "'%s' cannot name a role; use letters, digits, '_' and '-'", tostring(name))
    end
    roles[#roles + 1] = read_role(name, role, definition)
  end
  here = calls[definition] or ""
  local events = collect_events(roles, declared)
  number_rows(roles, events)
  read_mock(definition, roles)
  add_programs(definition, roles)
  local args = types.fields("af.flow: 'args'", definition.args or {}, -1, "party.args has no")
  if host.hides(args) then
    wrong("af.flow", "'args' cannot be secrets: they stand on the command line, and in what a node "
      .. "shows; have a party read a file, or be sent the secret")
  end
  local invariants = read_invariants(definition)
  local watched = monitors.read(definition, wrong, look_at)
  return {
    name = definition.name, version = definition.version or 1, roles = roles, events = events,
    report_failure = definition.report_failure ~= false,
    initiator = initiator_of(definition, roles),
    invariants = invariants, has_invariants = #invariants > 0, watched = watched,
    args = args,
    arg_types = definition.args or {},
  }
end

---What a state does, as rows for who draws it: what it is done on, and where that leads, as far as
---the plan says.
local function outline_of(role, state, events)
  local rows = {}
  local function add(on, name, row, how)
    rows[#rows + 1] = { on = on, name = name, how = how, line = row.line, file = row.file,
      always = row.always, ends = row.ends, to = row.next and role.states[row.next].name }
    return rows[#rows]
  end
  if state.enter then add("enter", "enter", state.enter) end
  for i, row in ipairs(state.rows) do
    if row.how then add("event", events[i].TYPE, row, row.how) end
  end
  if state.after then
    add("after", "after", state.after).seconds = state.after_ns and state.after_ns / 1e9
  end
  for _, row in ipairs(state.timeouts) do add("timeout", row.name, row) end
  for _, row in ipairs(state.ways) do add("way", row.name, row) end
  return { name = state.name, may_end = state.may_end, part = state.part, rows = rows }
end

---The roles of a plan, for who draws them: names and places alone.
---@param plan table
function flow.outline(plan)
  local roles = {}
  for i, role in ipairs(plan.roles) do
    local start = role.states[role.start or 0]
    roles[i] = { name = role.name, states = {}, start = start and start.name }
    for k, state in ipairs(role.states) do
      roles[i].states[k] = outline_of(role, state, plan.events)
    end
  end
  return { name = plan.name, version = plan.version, roles = roles }
end

---The functions of a role, from one party's own run of the file.
---@param definition table
---@param plan table
---@param number integer  the role's
function flow.extract(definition, plan, number)
  local role = plan.roles[number]
  local found = definition.roles[role.name]
  local functions = {}
  for slot, path in ipairs(role.paths) do
    local value = found
    if path[1] == "migrate" or path[1] == "migrate_back" or path[1] == "mock_programs" then
      value = definition
    end
    for _, key in ipairs(path) do
      value = value[key]
    end
    if path[1] == "migrate" and type(value) == "table" then
      value = chain(value, plan.version)
    end
    functions[slot] = value
  end
  return functions
end

---The flow's arguments, validated.
---@param plan table
---@param given table  a list of { name, text }
---@return table args
function flow.arguments(plan, given)
  here = ""
  local args = {}
  for _, pair in ipairs(given) do
    local name, text = pair[1], pair[2]
    local of = plan.arg_types[name]
    if of == nil then
      wrong("--arg " .. name, "the flow takes no such argument%s",
        host.near(name, plan.arg_types, "it takes"))
    elseif args[name] ~= nil then
      wrong("--arg " .. name, "is given twice")
    end
    args[name] = host.argument(of, text)
  end
  return host.build(plan.args, args, "argument")
end

return flow
