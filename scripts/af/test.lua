--- af.test: what the files that `afrun test` runs require.
---
--- A party under test lives in the host, in a state of its own: it is the one that a simulated run
--- has. Here are its events, and what it looks like after its last step.

local test = {}

local function raise(level, format, ...)
  error(format:format(...), level + 1)
end

-- Values as texts. ------------------------------------------------------------------------------

---Text as it is; of bytes that are none, those beyond ASCII by their numbers.
local function readable(text)
  return utf8.len(text) and text
    or (text:gsub("[\x80-\xff]", function(byte) return ("\\x%02x"):format(byte:byte()) end))
end

local function show(value)
  if type(value) == "string" then
    return readable((("%q"):format(value):gsub("\\\n", "\\n")))
  elseif value == host.null then
    return "af.null"
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  for key, item in pairs(value) do
    local name = math.type(key) == "integer" and "" or tostring(key) .. "="
    parts[#parts + 1] = name .. show(item)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\" }

---@param value any  what JSON can hold
local function json(value)
  if type(value) == "string" then
    return '"' .. value:gsub('[%c"\\]', function(char)
      return escapes[char] or ("\\u%04x"):format(char:byte())
    end) .. '"'
  elseif value == host.null then
    return "null"
  elseif math.type(value) == "float" then
    return ("%.17g"):format(value)
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  for key, item in pairs(value) do
    parts[#parts + 1] = (type(key) == "string" and json(key) .. ":" or "") .. json(item)
  end
  local text = table.concat(parts, ",")
  return type(next(value)) == "string" and "{" .. text .. "}" or "[" .. text .. "]"
end

---Raises unless a value can be typed on a command line: `what` is where it stands.
local function check_word(value, what, level)
  local kind = type(value)
  if kind == "string" and value:find("\0", 1, true) then
    raise(level + 1, "%s: a text without a zero byte is expected, got %s", what, show(value))
  elseif kind == "number" and (value ~= value or value == 1 / 0 or value == -1 / 0) then
    raise(level + 1, "%s: a finite number is expected, got %s", what, tostring(value))
  elseif kind == "function" or kind == "thread" or (kind == "userdata" and value ~= host.null) then
    raise(level + 1, "%s: a %s is no value of it", what, kind)
  end
  for key, item in pairs(kind == "table" and value or {}) do
    check_word(key, what, level + 1)
    check_word(item, ("%s.%s"):format(what, tostring(key)), level + 1)
  end
end

---A flow's arguments as the words of --arg.

local function arg_words(args, level)
  if args ~= nil and type(args) ~= "table" then
    raise(level + 1, "'args' must be a table { name = value }, got a %s", type(args))
  end
  local words = {}
  for name, value in pairs(args or {}) do
    if type(name) ~= "string" then
      raise(level + 1, "'args': names are texts, got %s", show(name))
    end
    check_word(name, "args", level + 1)
    check_word(value, "args." .. name, level + 1)
    words[#words + 1] = name .. "=" .. (type(value) == "string" and value or json(value))
  end
  return words
end

-- Cases. ----------------------------------------------------------------------------------------

local is_inside = false

---Runs fn as a case. Its failure is told with its file and line; the cases after it are run.
local function run_case(name, line, fn)
  is_inside = true
  local ok, message = pcall(fn)
  is_inside = false
  local is_text, text = pcall(tostring, message)
  host.call("test", { op = "case", name = readable(name), ok = ok, line = line,
    message = not ok and readable(is_text and text or "an error that is no text") or nil })
end

---A case: a sentence about behaviour, and what must go without an error.
---@param name string
---@param fn fun()
function test.test(name, fn)
  if type(name) ~= "string" or type(fn) ~= "function" then
    raise(2, "t.test: expected a name and a function")
  elseif is_inside then
    raise(2, "t.test: a case stands by itself, not within another")
  end
  run_case(name, host.caller_line(2), fn)
end

-- What must hold. ---------------------------------------------------------------------------------

---The values of a table by their keys: an event's too, in which no other name can be read.
local function plain(value)
  local fields = {}
  for key, item in pairs(value) do fields[key] = item end
  return fields
end

---The first place at which two values differ, or nil.
local function difference(path, got, expected)
  if type(got) ~= "table" or type(expected) ~= "table" then
    return got ~= expected
      and ("%s: got %s, expected %s"):format(path, show(got), show(expected)) or nil
  end
  local a, b = plain(got), plain(expected)
  for _, side in ipairs { b, a } do
    for key in pairs(side) do
      local place = math.type(key) == "integer" and ("%s[%d]"):format(path, key)
        or path .. "." .. tostring(key)
      local found = difference(place, a[key], b[key])
      if found then return found end
    end
  end
end

---Raises where two values differ, however deep, and names the place.
---@param got any
---@param expected any
---@param what? string  how the value is called
function test.equal(got, expected, what)
  local found = difference(what or "value", got, expected)
  if found then raise(2, "%s", found) end
end

---Raises unless fn raises an error in whose message the text stands. Returns that message.
---@param text string
---@param fn fun()
---@return string message
function test.raises(text, fn)
  if type(text) ~= "string" or type(fn) ~= "function" then
    raise(2, "t.raises: expected a text and a function")
  end
  local ok, message = pcall(fn)
  message = tostring(message)
  if ok then
    raise(2, "nothing was raised; expected an error with %s", show(text))
  elseif not message:find(text, 1, true) then
    raise(2, "the error is %s; expected one with %s", show(message), show(text))
  end
  return message
end

-- Parties. ----------------------------------------------------------------------------------------

---@class af.PartyUnderTest
---@field state string
---@field data table
---@field sent { to: string[], event: table }[]  by its last step
---@field logged string[]                        by its last step
---@field deadlines table<string, number>        seconds that are left; `after` is the state's own
---@field ended "done"|"failed"|nil
---@field result any
---@field reason string?
---@field events table<string, any>              the flow's event types by name
local methods = {}

local shown = { state = true, data = true, sent = true, logged = true, deadlines = true,
  ended = true, result = true, reason = true, events = true, receive = true, fire = true }

---What a party under test holds behind its fields.
local inside = setmetatable({}, { __mode = "k" })

local metatable = {
  __metatable = false,
  __index = function(party, name)
    if methods[name] then return methods[name] end
    local self = inside[party]
    if name == "events" then return self.events end
    if not shown[name] then
      raise(2, "a party under test has no '%s'%s", tostring(name),
        host.near(tostring(name), shown, "it has"))
    end
    return self.seen[name]
  end,
  __newindex = function()
    raise(2, "a party under test is read-only; give it events")
  end,
}

---One step of the party; what it raised stands at the caller's line.
local function step(self, level, request, bytes)
  request.id = self.id
  local reply = host.call("test", request, bytes)
  self.id = reply.id
  self.seen = reply
  reply.data = host.read_data(reply.data)
  for _, send in ipairs(reply.sent) do
    local class = self.classes[send.type]
    send.event = host.event_read(class, send.content)
    send.content, send.type = nil, nil
  end
  if reply.wrong then raise(level + 1, "%s", reply.wrong) end
end

local function self_of(party, method)
  local self = inside[party]
  if self == nil then
    raise(3, "%s: call it with a colon: party:%s(…)", method, method)
  end
  return self
end

---Gives the party an event, as if a node had sent it. Raises if the handler does, and if the event
---is not expected in the party's state.
---@param event table
---@param from? string  a node of the task; absent: the bus cannot tell
function methods:receive(event, from)
  local of = self_of(self, "receive")
  if host.is_event_class(event) then
    raise(2, "receive: expected an event, got the event type '%s'; build one: "
      .. "party.events.%s { … }", event.TYPE, event.TYPE)
  elseif host.event_class(event) == nil then
    raise(2, "receive: expected an event, made by party.events.NAME { … }, got a %s", type(event))
  elseif from ~= nil and not of.nodes[from] then
    raise(2, "receive: '%s' is no node of the task%s", tostring(from),
      host.near(tostring(from), of.nodes, "it has"))
  end
  step(of, 2, { op = "receive", type = event.type, from = from }, host.event_write(event))
end

---Has a timer fire: time moves to where it is due. No other timer fires by that.
---@param timer string  "after", or a deadline's name
function methods:fire(timer)
  local of = self_of(self, "fire")
  if type(timer) ~= "string" then
    raise(2, "fire: expected \"after\" or a deadline's name, got a %s", type(timer))
  end
  step(of, 2, { op = "fire", timer = timer })
end

local party_options = { id = true, nodes = true, args = true }

---The task's nodes, as two lists, and as a set.
local function read_nodes(nodes, role, id)
  local ids, roles, known = {}, {}, {}
  if nodes == nil then nodes = { [role] = { id or role .. "-1" } } end
  if type(nodes) ~= "table" then raise(3, "t.party: 'nodes' must be { role = { id, … } }") end
  for name, list in pairs(nodes) do
    if type(list) ~= "table" then
      raise(3, "t.party: 'nodes': role '%s' needs a list of IDs", tostring(name))
    end
    for _, node in ipairs(list) do
      if type(node) ~= "string" or node == "" or node:find("\0", 1, true) or known[node] then
        raise(3, "t.party: 'nodes': %s is no ID, or stands there twice", show(node))
      end
      ids[#ids + 1], roles[#roles + 1], known[node] = node, name, name
    end
  end
  id = id or type(nodes[role]) == "table" and nodes[role][1]
  if known[id] ~= role then
    raise(3, "t.party: %s is none of the nodes of role '%s'", show(id), role)
  end
  return ids, roles, known, id
end

---A party by itself, started: its first step is done.
---@param flow string  its file, beside the test
---@param role string
---@param options? { id?: string, nodes?: table<string, string[]>, args?: table }
---@return af.PartyUnderTest
function test.party(flow, role, options)
  if type(flow) ~= "string" or type(role) ~= "string" then
    raise(2, "t.party: expected a flow's file and a role")
  end
  check_word(flow, "t.party", 2)
  check_word(role, "t.party", 2)
  options = options or {}
  for name in pairs(options) do
    if not party_options[name] then
      raise(2, "t.party: there is no option '%s'%s", tostring(name),
        host.near(tostring(name), party_options, "there are"))
    end
  end
  local ids, roles, known, id = read_nodes(options.nodes, role, options.id)
  local words = arg_words(options.args, 2)
  local path = host.call("test", { op = "path", flow = flow })
  local classes = {}
  local ok, types = pcall(host.flow_events, path)
  if not ok then raise(2, "t.party: %s", types) end
  for _, class in ipairs(types) do classes[class.TYPE] = class end
  local self = { nodes = known, classes = classes, events =
    host.strict(plain(classes), "the flow has no event", {}) }
  step(self, 2, { op = "party", flow = path, node = id, nodes = ids, roles = roles,
    args = words })
  local party = setmetatable({}, metatable)
  inside[party] = self
  return party
end

-- Whole runs. -------------------------------------------------------------------------------------

---Options of a command that say how its answer is told, not what is asked.
local of_people = { watch = true, trace = true, ["trace-data"] = true, json = true, help = true,
  color = true, log = true, quiet = true, verbose = true, ["no-jail"] = true,
  ["require-jail"] = true }

---Options of a command as its words, in the order of their names.
local function option_words(options, level)
  local words = {}
  if options ~= nil and type(options) ~= "table" then
    raise(level + 1, "expected a table of options, got a %s", type(options))
  end
  for name, value in pairs(options or {}) do
    local option = name == "seeds" and "runs" or tostring(name):gsub("_", "-")
    if type(name) ~= "string" or of_people[option] then
      raise(level + 1, "'%s' is no option of a test", tostring(name))
    end
    check_word(name, "options", level + 1)
    check_word(value, name, level + 1)
    if option == "upgrade" and type(value) == "string" then
      value = host.call("test", { op = "path", flow = value })
    end
    if option == "args" then
      for _, word in ipairs(arg_words(value, level + 1)) do words[#words + 1] = "--arg=" .. word end
    elseif option == "schedule" and type(value) == "table" then
      words[#words + 1] = "--schedule=" .. json(value)
    elseif value == true then
      words[#words + 1] = "--" .. option
    elseif type(value) == "table" then
      local parts = {}
      for role, count in pairs(value) do parts[#parts + 1] = ("%s=%s"):format(role, count) end
      words[#words + 1] = ("--%s=%s"):format(option, table.concat(parts, ","))
    elseif value ~= false then
      words[#words + 1] = ("--%s=%s"):format(option, value)
    end
  end
  return words
end

---What a run or a check has found, in words, or nil.
local function findings(op, reply)
  if op == "run" then return reply.wrong end
  local first = reply.violations and reply.violations[1]
  if first then
    return ("%d violation%s: %s"):format(#reply.violations, reply.violations[2] and "s" or "",
      first.text)
  elseif reply.exhaustive == false then
    return ("not exhaustive: %s"):format(reply.bound or "a bound was hit")
  end
  local failure = reply.error
  return failure and ("%s: %s"):format(failure.what, failure.message)
end

---Asks for it; by itself, outside of a case, it is one.
local function whole(op, flow, options)
  if type(flow) ~= "string" then raise(3, "t.%s: expected a flow's file", op) end
  check_word(flow, "t." .. op, 3)
  local words = option_words(options, 3)
  local line, file = host.caller_line(3)
  local function ask()
    local why = findings(op, host.call("test", { op = op, flow = flow, words = words }))
    if why and why:sub(1, #flow) ~= flow then why = flow .. ": " .. why end
    if why then error(("%s:%d: %s"):format(file or (host.file()), line, why), 0) end
  end
  if is_inside then
    ask()
  else
    run_case(table.concat({ op, flow, table.unpack(words) }, " "), line, ask)
  end
end

---Runs a flow as `afrun run --mock` does, and fails as that fails. With `schedule`, the steps of a
---counterexample, it fails if anything goes wrong on the way; that they cannot be done any more is
---none of it.
---@param flow string
---@param options? table  as there: { seeds = 100, drop = 0.05, parties = { client = 3 } }; args
function test.run(flow, options)
  whole("run", flow, options)
end

---Checks a flow as `afrun check` does: fails unless that is exhaustive, without a violation.
---@param flow string
---@param options? table  as there: { drop = 1 }; args
function test.check(flow, options)
  whole("check", flow, options)
end

return host.lock(host.strict(test, "af.test has no", {}), "af.test")
