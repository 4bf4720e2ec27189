--- An `af` of its own for explore.py, made from lua-api.md alone: as much as a flow needs to be
--- explored. Reads requests, a line of JSON each, and answers them in kind.
---
---   lua5.4 explore_af.lua FLOW.lua

local cjson = require "cjson"
cjson.encode_sparse_array(true)
local path = arg[1]
local parts = dofile(arg[0]:gsub("[^/]*$", "") .. "explore_parts.lua")

local ORDER = {} -- roles by name

-- The library. ---------------------------------------------------------------------------------

local function new_af()
  local af = { version = "explore", EVERYONE = {}, null = cjson.null }
  local callable = { __call = function(self) return self end }
  for _, name in ipairs { "id", "string", "number", "integer", "boolean", "any", "bytes", "url" } do
    af[name] = setmetatable({}, callable)
  end
  function af.list() return {} end
  function af.map() return {} end
  function af.enum() return {} end
  af.record, af.choice = af.list, af.list
  function af.optional(_, default) return { optional = true, default = default } end

  function af.event(kind, fields)
    local class = { event_type = kind, fields = fields or {} }
    function class.is(_, event) return type(event) == "table" and event.type == kind end
    return setmetatable(class, { __call = function(_, values)
      local event = { type = kind }
      for name, field in pairs(fields or {}) do
        local value = values and values[name]
        if value == nil then value = field.default end
        event[name] = value
      end
      return event
    end })
  end
  af.PartyFailed = af.event("party_failed", { peer_id = af.id, reason = af.string })
  af.NoticeTaskCompletion = af.event("notice_task_completion", { result = af.boolean })

  function af.done(result) return { done = true, result = result } end
  function af.fail(reason) return { fail = reason or "" } end
  function af.expect(condition, message)
    if not condition then error("expectation broken: " .. (message or ""), 2) end
    return condition
  end
  function af.now() return 0 end
  function af.flow(flow) return parts.lay_out(flow) end
  parts.add(af)
  return af
end

---A flow of a fresh instance, so that no call sees what another left behind.
local function load_flow()
  local af = new_af()
  local env
  env = setmetatable({ require = function(name)
    if name == "af" then return af end
    local file = path:gsub("[^/]*$", "") .. name:gsub("%.", "/") .. ".lua"
    return assert(loadfile(file, "t", env))()
  end }, { __index = _G })
  local flow = assert(loadfile(path, "t", env))()
  return flow.alone and parts.alone(flow.alone) or flow, af
end

-- Describing it. -------------------------------------------------------------------------------

local KEYS = { enter = true, after = true, defer = true, ignore = true, timeout = true,
  may_end = true }

local function names_of(rows)
  local names = {}
  for name in pairs(rows or {}) do table.insert(names, name) end
  table.sort(names)
  return names
end

local function describe()
  local flow = load_flow()
  local roles = {}
  for name, role in pairs(flow.roles) do
    local states = {}
    for state, rows in pairs(role.states) do
      local events, timeouts = {}, {}
      for key in pairs(rows) do
        if not KEYS[key] then events[key.event_type] = "handled" end
      end
      for _, class in ipairs(rows.defer or {}) do events[class.event_type] = "deferred" end
      for _, class in ipairs(rows.ignore or {}) do events[class.event_type] = "ignored" end
      for timeout in pairs(rows.timeout or {}) do timeouts[timeout] = true end
      states[state] = { events = events, timeouts = timeouts, may_end = rows.may_end or false,
        after = rows.after ~= nil }
    end
    roles[name] = { states = states, count = flow.mock and flow.mock[name] or 1 }
  end
  local watched = { monitors = names_of(flow.monitors), eventually = names_of(flow.eventually),
    leads_to = names_of(flow.leads_to) }
  return { name = flow.name, version = flow.version or 1, roles = roles,
    report_failure = flow.report_failure ~= false, invariants = flow.invariants ~= nil,
    watched = watched }
end

-- A call. --------------------------------------------------------------------------------------

local function make_party(request, effects, af, flow)
  for name, field in pairs(flow.args or {}) do
    if request.args[name] == nil then request.args[name] = field.default end
  end
  local party = { id = request.id, role = request.role, task_id = "explore",
    args = request.args, data = request.data, state = request.state }
  function party:nodes(role)
    local list = {}
    for _, name in ipairs(ORDER) do
      for _, member in ipairs(request.members) do
        if member.role == name and (role == nil or role == name) then
          table.insert(list, member.id)
        end
      end
    end
    return list
  end
  function party.send(_, targets, event)
    if targets == af.EVERYONE then targets = party:nodes() end
    if type(targets) == "string" then targets = { targets } end
    local seen = {}
    for _, id in ipairs(targets) do
      if not seen[id] then table.insert(effects.sends, { to = id, event = event }) end
      seen[id] = true
    end
  end
  function party:broadcast(event)
    for _, id in ipairs(self:nodes()) do
      if id ~= self.id then table.insert(effects.sends, { to = id, event = event }) end
    end
  end
  function party.deadline(_, name, seconds) effects.deadlines[name] = seconds or -1 end
  function party.log() end
  function party.report_progress() end
  function party.now() return 0 end
  return party
end

local function enter_or_stay(flow_role, party, effects, result)
  local count = 0
  while result ~= nil do
    if type(result) == "table" then
      if result.done then
        effects.done, effects.result = true, result.result
      elseif result.fail then
        effects.fail = tostring(result.fail)
      else
        error("a handler returned a table")
      end
      return
    end
    local rows = assert(flow_role.states[result], "no state " .. tostring(result))
    party.state, effects.entered = result, true
    table.insert(effects.states, result)
    count = count + 1
    assert(count <= 100, "more than 100 states in a row")
    local enter = rows.enter
    if type(enter) == "function" then result = enter(party) else result = enter end
  end
end

local function run(handler, ...)
  if type(handler) == "function" then return handler(...) end
  return handler
end

local function call(request)
  local flow, af = load_flow()
  local role = flow.roles[request.role]
  local effects = { sends = {}, deadlines = {}, entered = false, states = {} }
  local party = make_party(request, effects, af, flow)
  local rows = role.states[request.state]
  local result
  if request.kind == "start" then
    party.data = role.data and role.data(party) or {}
    result = role.start
  elseif request.kind == "event" then
    for key, handler in pairs(rows) do
      if type(key) == "table" and key.event_type == request.event.type then
        for name, field in pairs(key.fields) do -- another version of the flow may have sent it
          if request.event[name] == nil then request.event[name] = field.default end
        end
        result = run(handler, party, request.event, request.from)
      end
    end
  elseif request.kind == "after" then
    result = run(rows.after[2], party)
  else
    result = run(rows.timeout[request.name], party)
  end
  enter_or_stay(role, party, effects, result)
  local after = role.states[party.state].after
  if effects.entered and after and not effects.done and not effects.fail then
    effects.after = type(after[1]) == "function" and after[1](party) or after[1]
  end
  effects.state, effects.data = party.state, party.data
  return effects
end

-- Invariants. ----------------------------------------------------------------------------------

local function drop_nulls(fields)
  for key, value in pairs(fields) do if value == cjson.null then fields[key] = nil end end
  return fields
end

local function world_of(parties)
  local world = { parties = {} }
  for _, party in ipairs(parties) do world.parties[party.id] = drop_nulls(party) end
  function world.with_role(_, name)
    local list = {}
    for _, party in ipairs(parties) do
      if party.role == name then table.insert(list, party) end
    end
    return list
  end
  function world.count(_, name, state)
    local count = 0
    for _, party in ipairs(world:with_role(name)) do
      if party.state == state then count = count + 1 end
    end
    return count
  end
  return world
end

local function judge(request)
  local flow = load_flow()
  local world = world_of(request.parties)
  for _, name in ipairs(names_of(flow.invariants)) do
    local fine, verdict = pcall(flow.invariants[name], world)
    if not fine or verdict == false then
      return { broken = name, message = fine and "it is false" or tostring(verdict) }
    end
  end
  return {}
end

-- Over time. -----------------------------------------------------------------------------------

---What each monitor starts with, by name.
local function watch_start(request)
  local flow, seen = load_flow(), {}
  for name, monitor in pairs(flow.monitors or {}) do
    local start = monitor.start
    if type(start) == "function" then start = start(world_of(request.parties)) end
    seen[name] = start or {}
  end
  return { seen = seen }
end

---What all have seen after a list of steps, of which some see the world before.
local function watch(request)
  local flow, seen = load_flow(), request.seen
  local before, after = world_of(request.before), world_of(request.after)
  for _, step in ipairs(request.steps) do
    drop_nulls(step).world = step.before and before or after
    for _, name in ipairs(names_of(flow.monitors)) do
      local fine, new = pcall(flow.monitors[name].step, seen[name], step)
      if not fine or new == false then return { broken = name } end
      if type(new) == "table" then seen[name] = new end
    end
  end
  return { seen = seen }
end

---Which predicates hold: of eventually { name → holds }, of leads_to { name → { first, second } }.
local function predicates(request)
  local flow, world = load_flow(), world_of(request.parties)
  local answer = { eventually = {}, leads_to = {} }
  for name, predicate in pairs(flow.eventually or {}) do
    answer.eventually[name] = predicate(world) and true or false
  end
  for name, pair in pairs(flow.leads_to or {}) do
    answer.leads_to[name] = { pair[1](world) and true or false, pair[2](world) and true or false }
  end
  return answer
end

-- Upgrades. ------------------------------------------------------------------------------------

---What an older party becomes in this version.
local function migrate(request)
  local flow = load_flow()
  local old = { role = request.role, state = request.state, data = request.data,
    version = request.version, args = request.args }
  if flow.migrate then old = flow.migrate(old) end
  local rows = flow.roles[request.role].states[old.state]
  if not rows then return { error = "no state " .. tostring(old.state) } end
  return { state = old.state, data = old.data, after = rows.after and rows.after[1] }
end

-- Requests. ------------------------------------------------------------------------------------

for name in pairs(load_flow().roles) do table.insert(ORDER, name) end
table.sort(ORDER)
-- Whole numbers of JSON are integers here, as they are to af; cjson makes all of them floats.
local function integers(value)
  if type(value) == "table" then
    for key, item in pairs(value) do value[key] = integers(item) end
  end
  return math.type(value) == "float" and math.tointeger(value) or value
end

for line in io.lines() do
  local request = integers(cjson.decode(line))
  local handlers = { describe = describe, call = call, judge = judge, migrate = migrate,
    watch = watch, watch_start = watch_start, predicates = predicates }
  local fine, answer = pcall(handlers[request.op], request)
  if not fine then answer = { error = tostring(answer) } end
  io.write(cjson.encode(answer), "\n")
  io.flush()
end
