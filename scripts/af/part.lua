--- Parts: protocols that flows are built from. A file that returns a part is a flow of it alone.
---
--- What a flow says of a part is laid out where the flow is declared: the part's states become
--- states of the role that plays it, under the prefix of the key that they stood at. Nothing is
--- nested while it runs.

local types = require "af.types"

local part = {}

local part_keys = {
  name = "string", version = "number", mock = "table", params = "table", roles = "table",
  invariants = "table", monitors = "table",
}

---Part of a role's states: what `Sum.server { … }` gives.
local Placed = {}

---@class af.At  where a part stands: given to the functions that make its roles
local At = {}

---A part's state by the name that the flow's role has it under.
function At.state(self, name)
  return self.prefix == "" and name or self.prefix .. "." .. name
end

---What the part keeps of a party: a table of its own in the party's data; an empty one where the
---party has not entered it yet, as an invariant sees it.
function At.data(self, party)
  local data = party.data
  for _, key in ipairs(self.path) do
    data = data and data[key]
  end
  return data or {}
end

---A parameter: a value, or what the flow's function(party) gives, which is validated at each use.
---Of a part that runs by itself it is an argument, which has been.
function At.param(self, party, name)
  local of = self.part.records[name] -- a record of it alone, which knows what may be absent
  if of == nil then
    error(("part '%s' has no parameter '%s'%s"):format(self.part.name, tostring(name),
      host.near(tostring(name), self.part.params, "it has")), 0)
  end
  if self.alone then return party.args[name] end
  local value = self.given[name]
  if type(value) == "function" then
    value = value(party)
  end
  return host.build(of, { [name] = value }, ("part '%s': parameter"):format(self.part.name))[name]
end

---The flow's name of the role that plays one of the part's.
function At.role(self, name)
  if self.part.roles[name] == nil then
    error(("part '%s' has no role '%s'%s"):format(self.part.name, tostring(name),
      host.near(tostring(name), self.part.roles, "it has")), 0)
  end
  local players = self.players[name]
  if players == nil then
    error(("part '%s' at '%s': no role plays '%s'"):format(self.part.name, self.prefix, name), 0)
  elseif players[2] ~= nil then
    error(("part '%s' at '%s': the roles %s play '%s'; ask for each by its own name"):format(
      self.part.name, self.prefix, table.concat(players, ", "), name), 0)
  end
  return players[1]
end

local function leave(self, party, way, value, otherwise)
  local target = self.given[way]
  if target == nil then
    return otherwise(value)
  elseif type(target) == "function" then
    return target(party, value)
  end
  return target
end

---Leaves the part, which is done: what a handler returns.
function At.done(self, party, result)
  return leave(self, party, "done", result, host.done)
end

---Leaves the part, which has failed: what a handler returns.
function At.failed(self, party, reason)
  return leave(self, party, "failed", reason, host.fail)
end

---An `at` whose functions are called with a dot.
local function make_at(fields)
  local at = {}
  for _, name in ipairs { "state", "data", "param", "role", "done", "failed" } do
    at[name] = function(...) return At[name](fields, ...) end
  end
  return host.lock(host.strict(at, "a part's `at` has no", {}), "at")
end

-- Declaring. -------------------------------------------------------------------------------------

local function wrong(format, ...)
  error("af.part: " .. format:format(...), 0)
end

local function check(definition)
  if type(definition) ~= "table" then
    wrong("expected a table, got a %s", type(definition))
  end
  for key, value in pairs(definition) do
    local kind = part_keys[key]
    if kind == nil then
      wrong("key '%s' is unknown%s", tostring(key),
        host.near(tostring(key), part_keys, "a part has"))
    elseif type(value) ~= kind then
      wrong("'%s' must be a %s, got a %s", key, kind, type(value))
    end
  end
  local unfit = definition.name == nil and "is missing" or host.unfit_name(definition.name)
  if unfit then
    wrong("'name' %s", unfit)
  elseif definition.roles == nil or host.is_empty(definition.roles) then
    wrong("part '%s' has no roles", definition.name)
  end
  for name, make in pairs(definition.roles) do
    if type(name) ~= "string" or type(make) ~= "function" then
      wrong("part '%s': 'roles' must be { name = function(at) … }", definition.name)
    end
  end
end

local own_ways = { done = true, failed = true }

---Sum.server { … }: the part's role, played by the flow's role that has it among its states.
local function place(self, role, given)
  if type(given) ~= "table" then
    error(("%s.%s: expected a table of parameters, got a %s"):format(self.name, role, type(given)),
      0)
  end
  for key, value in pairs(given) do
    if own_ways[key] then
      if type(value) ~= "string" and type(value) ~= "function" then
        error(("part '%s': '%s' must be a state's name or a function, got a %s"):format(self.name,
          key, type(value)), 0)
      end
    elseif self.params[key] == nil then
      error(("part '%s' has no parameter '%s'%s"):format(self.name, tostring(key),
        host.near(tostring(key), self.params, "it has")), 0)
    elseif type(value) ~= "function" and not host.again() then
      host.build(self.records[key], { [key] = value }, ("part '%s': parameter"):format(self.name))
    end
  end
  for name, of in pairs(self.params) do
    local _, _, optional = host.type_expected(of)
    if given[name] == nil and not optional and not host.again() then
      error(("part '%s': parameter '%s' is missing"):format(self.name, name), 0)
    end
  end
  return setmetatable({ part = self, role = role, given = given, line = host.caller_line(2) },
    Placed)
end

---Declares a part. Its roles are called with the parameters where a flow plays them.
function part.part(definition)
  check(definition)
  local params = definition.params or {}
  local records = {}
  for name, of in pairs(params) do
    records[name] = host.declared(types.fields("af.part: 'params'", { [name] = of }, 2))
  end
  local self = { name = definition.name, roles = definition.roles, params = params,
    records = records, definition = definition }
  local made = {}
  for role in pairs(definition.roles) do
    made[role] = function(given) return place(self, role, given) end
  end
  host.strict(made, ("part '%s' has no role"):format(definition.name), {})
  local shown = host.lock(made, ("part '%s'"):format(definition.name))
  part.known[shown] = self
  return shown
end

---Parts by what scripts see of them.
part.known = setmetatable({}, { __mode = "k" })

-- Laying out. ------------------------------------------------------------------------------------

---Adds a state under its full name.
local function add_state(out, name, state, role)
  if out[name] ~= nil then
    error(("af.flow: role '%s': state '%s' is of the part at '%s', and stands beside it, too")
      :format(role, name, name:match("^(.*)%.") or name), 0)
  end
  out[name] = state
end

---The states of a role, or of a part whose own place is `outer`, under their full names.
local function layout_states(states, outer, role, places)
  local out = {}
  for name, state in pairs(states) do
    local full = outer == nil and name or outer.prefix .. "." .. tostring(name)
    if getmetatable(state) == Placed then
      places.add(full, name, outer, state, role, out)
    else
      add_state(out, full, state, role)
    end
  end
  return out
end

---The state that the key of a part names: it makes the part's data and goes to the part's first.
local function entrance(fields, made, line)
  local path = fields.path
  return setmetatable({
    enter = function(party)
      local holder = party.data
      for i = 1, #path - 1 do holder = holder[path[i]] end
      holder[path[#path]] = {}
      if made.data then holder[path[#path]] = made.data(party) end
      return At.state(fields, made.start)
    end,
  }, { line = line, targets = fields.given, part = fields.part.name,
    ends = { done = "done", failed = "failed" } })
end

---How a role's `always` has to be begun with: a pattern's.
local function begin_of(role)
  local metatable = getmetatable(role.always)
  return metatable and metatable.begin
end

---Whether a role is more than its plain states: most flows have none such.
local function needs_layout(role)
  if type(role) ~= "table" or type(role.states) ~= "table" then return false end
  for _, state in pairs(role.states) do
    if getmetatable(state) == Placed then return true end
  end
  return begin_of(role) ~= nil
end

---A copy of the role whose parts are laid out, and whose first data begin its `always`.
local function layout_role(role, name, places)
  local copy = {}
  for key, value in pairs(role) do copy[key] = value end
  copy.states = layout_states(role.states, nil, name, places)
  local begin, data = begin_of(role), role.data
  if begin then
    copy.data = function(party) return begin(party, data and data(party) or {}) end
  end
  return copy
end

---A part's invariant and its monitor where the part stands.
local function place_invariant(invariant, at)
  return function(world) return invariant(world, at) end
end

local function place_monitor(monitor, at)
  if type(monitor) ~= "table" then return monitor end -- which is told of elsewhere
  local step, start = monitor.step, monitor.start
  local placed = setmetatable({}, { of = monitor })
  for key, value in pairs(monitor) do placed[key] = value end
  if type(step) == "function" then
    placed.step = function(seen, one) return step(seen, one, at) end
  end
  if type(start) == "function" then placed.start = function(world) return start(world, at) end end
  return placed
end

local JUDGES <const> = { invariants = place_invariant, monitors = place_monitor }

---Lays a definition's parts out as states, invariants and all. One without parts is given back.
---@param definition table  of a flow
---@return table definition
function part.lay_out(definition)
  local at_places, order = {}, {} -- prefix → where the part stands
  local roles, plain = {}, true
  local places = {}

  local function at_of(prefix, placed)
    local known = at_places[prefix]
    if known == nil then
      known = { part = placed.part, players = {}, prefix = prefix }
      at_places[prefix] = known
      order[#order + 1] = prefix
    elseif known.part ~= placed.part then
      error(("af.flow: the parts '%s' and '%s' stand at the same key '%s'"):format(
        known.part.name, placed.part.name, prefix), 0)
    end
    return known
  end

  function places.add(prefix, key, outer, placed, role, out)
    local shared = at_of(prefix, placed)
    local players = shared.players[placed.role] or {}
    shared.players[placed.role] = players
    players[#players + 1] = role
    local path = { table.unpack(outer and outer.path or {}) }
    path[#path + 1] = key
    shared.path = path
    local fields = { prefix = prefix, path = path, part = placed.part, given = placed.given,
      players = shared.players }
    local made = placed.part.roles[placed.role](make_at(fields))
    if type(made) ~= "table" or type(made.states) ~= "table" or type(made.start) ~= "string"
      or made.states[made.start] == nil then
      error(("part '%s': role '%s' must be a function that returns { start =, states = }"):format(
        placed.part.name, placed.role), 0)
    end
    add_state(out, prefix, entrance(fields, made, placed.line), role)
    for name, state in pairs(layout_states(made.states, fields, role, places)) do
      add_state(out, name, state, role)
    end
  end

  if type(definition.roles) ~= "table" then return definition end -- which is told of elsewhere
  for name, role in pairs(definition.roles) do
    roles[name] = role
    if needs_layout(role) then
      roles[name], plain = layout_role(role, name, places), false
    end
  end
  if plain then return definition end

  local whole = {}
  for key, value in pairs(definition) do whole[key] = value end
  whole.roles = roles
  for key, place_one in pairs(order[1] and JUDGES or {}) do
    local all, own = {}, definition[key]
    if own ~= nil and type(own) ~= "table" then return whole end -- which is told of elsewhere
    for name, one in pairs(own or {}) do all[name] = one end
    for _, prefix in ipairs(order) do
      local shared = at_places[prefix]
      local at = make_at { prefix = prefix, path = shared.path, part = shared.part, given = {},
        players = shared.players }
      for name, one in pairs(shared.part.definition[key] or {}) do
        all[("%s: %s"):format(prefix, name)] = place_one(one, at)
      end
    end
    whole[key] = all
  end
  return whole
end

---The flow that a part is by itself: its parameters are the arguments.
---@param shown any  what a file returned
---@return table? definition  nil: it is no part
function part.alone(shown)
  local self = part.known[shown]
  if self == nil then return nil end
  local definition, players, roles = self.definition, {}, {}
  for role in pairs(self.roles) do players[role] = { role } end
  local at = make_at { prefix = "", path = {}, part = self, given = {}, players = players,
    alone = true }
  for role, make in pairs(self.roles) do roles[role] = make(at) end
  local whole = { name = self.name, version = definition.version, args = self.params,
    mock = definition.mock, roles = roles }
  for key, place_one in pairs(JUDGES) do
    whole[key] = {}
    for name, one in pairs(definition[key] or {}) do
      whole[key][tostring(name)] = place_one(one, at)
    end
  end
  return whole
end

return part
