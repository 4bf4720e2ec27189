--- af.data_channel: data from node to node through a shared file, with the platform's handshake.
---
---   sender   uploads, applies to all targets (apply_sf_sending_data)
---   receiver expects the source? no: deny_sending_data, with the cause
---                                yes: fetches the file, checks its SHA-256, accept_sf_sending_data
---
--- For sequential scripts a channel has calls that wait; for flows there are two states to include.
--- What is sent and received is bytes, or a file by its path, which is read and written in pieces;
--- what party:keep has kept is sent, too.
--- An application or answer whose sender is known not to be who it says is passed over.

local class = require "af.class"
local files = require "af.files"
local keys = require "af.keys"
local patterns = require "af.patterns"
local predefined = require "af.predefined_events"

local Apply, Accept = predefined.ApplySfSendingData, predefined.AcceptSfSendingData
local Deny = predefined.DenySendingData

---How long a sender waits for its receivers, where the caller does not say.
local SEND_TIMEOUT_S <const> = 60

---@class af.DataChannel
local DataChannel = class.new {}

-- What both kinds share. --------------------------------------------------------------------------

---The digest in the URL, where the service names files by their content.
local function digest_of(url)
  local name = url:match("/([0-9a-f]+)[^/]*$")
  return name ~= nil and #name == 64 and name or nil
end

---Fetches what an application offers: the bytes, or nil and why not.
local function fetch(event, path, timeout)
  -- What a script may read of its machine is not a peer's to name.
  if event.file_url:find("^%s*[Ff][Ii][Ll][Ee]:") then
    return nil, "a file of the receiver's own machine is offered"
  end
  local ok, bytes = pcall(files.download, event.file_url, {
    sha256 = digest_of(event.file_url), path = path, timeout = timeout,
  })
  if ok then
    return bytes
  end
  return nil, tostring(bytes)
end

local function contains(list, item)
  for _, value in ipairs(list) do
    if value == item then
      return true
    end
  end
  return false
end

---Whether an application is for us, and from who it says.
local function is_honest(event, from, receiver)
  return (from == nil or from == event.source) and contains(event.target, receiver)
end

-- The receiver's own people are told, too.
local function deny(contractor, event, receiver, cause)
  host.log(("data of '%s' is refused: %s"):format(event.source, cause))
  contractor:deny_sending_data(event.source, event.session_id, receiver, cause)
end

---What a sender keeps of its targets; plain data.
local function new_sending(session_id, targets)
  local sending = { session_id = session_id, left = {}, accepted = {}, rejected = {} }
  for _, target in ipairs(targets) do
    sending.left[target] = true
  end
  return sending
end

---Takes an answer; false: it is none of this session's.
local function take_answer(sending, event, from)
  local who = Accept:is(event) and event.receiver or event.rejecter
  if event.session_id ~= sending.session_id or not sending.left[who]
    or (from ~= nil and from ~= who) then
    return false
  end
  sending.left[who] = nil
  if Accept:is(event) then
    sending.accepted[#sending.accepted + 1] = who
  else
    sending.rejected[who] = event.cause or "no cause was given"
  end
  return true
end

---@return string? why  nil: every target has the data
local function what_is_missing(sending)
  local parts = {}
  for who, cause in pairs(sending.rejected) do
    parts[#parts + 1] = ("'%s' refused: %s"):format(who, cause)
  end
  for _, who in ipairs(keys.of(sending.left)) do
    parts[#parts + 1] = ("'%s' did not answer in time"):format(who)
  end
  return parts[1] and table.concat(parts, "; ") or nil
end

-- Checking what callers give. ---------------------------------------------------------------------

local function check_timeout(what, timeout, level)
  if timeout ~= nil and not (timeout >= 0 and timeout <= 31536000) then
    error(("%s: timeout: expected a number of seconds, got %s"):format(what, tostring(timeout)),
      level + 1)
  end
  return timeout ~= 0 and timeout or nil
end

local function check_ids(what, name, ids, level)
  local list, seen = {}, {}
  for i = 1, #ids do
    local id = ids[i]
    if type(id) ~= "string" or id == "" or id == "*" then
      error(("%s: %s[%d] is no node's ID"):format(what, name, i), level + 1)
    end
    if not seen[id] then
      seen[id] = true
      list[#list + 1] = id
    end
  end
  if #list == 0 then
    error(("%s: '%s' names no node"):format(what, name), level + 1)
  end
  return list
end

-- What is sent: bytes, a file by its path, or what party:keep gave. -------------------------------

---Which of the three is given; bytes: what that option is called.
local function given_of(what, options, bytes, level)
  local given = {}
  for _, name in ipairs { bytes, "path", "ref" } do
    given[#given + 1] = options[name] ~= nil and name or nil
  end
  if given[1] == nil then
    error(("%s: one of %s, path and ref must be given"):format(what, bytes), level + 1)
  elseif given[2] ~= nil then
    error(("%s: '%s' and '%s': one of %s, path and ref is sent"):format(what, given[1], given[2],
      bytes), level + 1)
  end
  return given[1]
end

---What goes to upload_file. bytes, path, ref: which of them was given, and its value.
local function source_of(what, given, value, level)
  if given == "ref" then
    return files.kept_content(what .. ": ref", value, level + 1)
  elseif given == "path" then
    if type(value) ~= "string" then
      error(("%s: path: expected a file's path, got a %s"):format(what, type(value)), level + 1)
    elseif files.is_ref(value) then
      error(what .. ": path: this is what party:keep gave, and no file; write ref = for it",
        level + 1)
    end
    return value
  elseif type(value) ~= "string" then
    error(("%s: %s: expected a string of bytes, got a %s"):format(what, given, type(value)),
      level + 1)
  end
  return files.content(value)
end

-- Calls of sequential scripts. --------------------------------------------------------------------

---A channel of a task: af.data_channel(contractor).
---@param contractor table  a TaskMessageContractor
function DataChannel:init(contractor)
  if type(contractor) ~= "table" or type(contractor.contract_events) ~= "function" then
    error("af.data_channel: expected a TaskMessageContractor", 3)
  end
  self.contractor = contractor
end

---@class af.SendOptions
---@field source? string         who sends: this node
---@field target string|string[]
---@field data_stream? string    bytes, or
---@field path? string           a file, or
---@field ref? string            what party:keep gave
---@field timeout? number        seconds for all of it; absent or 0: 60
---@field complementary_handler? fun(event: table, info: table)  for other events
---@field ensure_all_succ? boolean

---@class af.ReceiveOptions
---@field receiver? string       who receives: this node
---@field source? string         receive_stream: from whom
---@field source_list? string[]  batch_receive_stream: from whom
---@field timeout? number        seconds; absent or 0: for ever
---@field path? string|fun(source: string): string  a file that the bytes are written to: of
---  batch_receive_stream a function, which names one for each source
---@field complementary_handler? fun(event: table, info: table)
---@field ensure_all_succ? boolean

local send_options = {
  source = "string", target = "string, table", data_stream = "string", path = "string",
  ref = "string", timeout = "number", complementary_handler = "function",
  ensure_all_succ = "boolean",
}
local receive_options = {
  receiver = "string", source = "string", source_list = "table", timeout = "number",
  path = "string, function", complementary_handler = "function", ensure_all_succ = "boolean",
}

---The events of a wait. With a handler others come too, and go to it, but for a channel's: those,
---and without a handler all others, stay where they are, for who asks next.
local function events(contractor, options, timeout, types, others)
  if options.complementary_handler then
    return contractor:contract_events { timeout = timeout, except = others }
  end
  return contractor:contract_events { timeout = timeout, types = types }
end

local function pass_on(options, event, info)
  if options.complementary_handler then
    options.complementary_handler(event, info)
  end
end

---They wait for events, and a handler cannot.
local function check_may_wait(what, state, level)
  if host.in_handler() then
    error(("%s: a handler does not wait for events; let a state do it: af.data_channel.%s { … }")
      :format(what, state), level + 1)
  end
end

local function self_id()
  return host.call("whoami", {}).id
end

local function send(self, what, options, targets, level)
  check_may_wait(what, "sending", level + 1)
  local contractor = self.contractor or self
  local timeout = check_timeout(what, options.timeout, level + 1) or SEND_TIMEOUT_S
  local given = given_of(what, options, "data_stream", level + 1)
  local data = source_of(what, given, options[given], level + 1)
  local source = options.source or self_id()
  local until_s = host.now() + timeout
  local url = contractor:upload_file(data)
  local sending = new_sending(
    contractor:apply_sending_data(source, targets, { file_url = url }), targets)
  local left = until_s - host.now()
  if left > 0 then
    for event, info in events(contractor, options, left, { Accept, Deny }, { Apply }) do
      if not ((Accept:is(event) or Deny:is(event)) and take_answer(sending, event, info.from)) then
        pass_on(options, event, info)
      end
      if next(sending.left) == nil then
        break
      end
    end
  end
  return sending
end

---Sends to one node, and waits until it has the data.
---@param options af.SendOptions
---@return string? receiver  nil: it refused, or did not answer in time
---@return string? why
function DataChannel:send_stream(options)
  keys.check_types("send_stream", options, send_options, 2)
  local targets = check_ids("send_stream", "target", { options.target }, 2)
  local sending = send(self, "send_stream", options, targets, 2)
  return sending.accepted[1], what_is_missing(sending)
end

---Sends to several nodes. With ensure_all_succ it is an error if one of them has not got the data.
---@param options af.SendOptions
---@return string[] receivers  those that have the data
function DataChannel:batch_send_stream(options)
  keys.check_types("batch_send_stream", options, send_options, 2)
  local targets = type(options.target) == "table" and options.target or { options.target }
  targets = check_ids("batch_send_stream", "target", targets, 2)
  local sending = send(self, "batch_send_stream", options, targets, 2)
  local missing = what_is_missing(sending)
  if missing and options.ensure_all_succ then
    error("batch_send_stream: not all have the data: " .. missing, 2)
  end
  return sending.accepted
end

local function late(sources)
  return ("no data from '%s' in time"):format(table.concat(sources, "', '"))
end

local function receive(self, what, options, sources, level)
  check_may_wait(what, "receiving", level + 1)
  local contractor = self.contractor or self
  local timeout = check_timeout(what, options.timeout, level + 1)
  local receiver = options.receiver or self_id()
  local until_s = timeout and host.now() + timeout
  local waiting, received = {}, {}
  for _, source in ipairs(sources) do
    waiting[source] = true
  end
  for event, info in events(contractor, options, timeout, { Apply }, { Accept, Deny }) do
    if not (Apply:is(event) and is_honest(event, info.from, receiver)) then
      pass_on(options, event, info)
    elseif not waiting[event.source] then
      deny(contractor, event, receiver, ("data from '%s' is not expected"):format(event.source))
    else
      local left = until_s and math.max(until_s - host.now(), 0.001)
      local path = options.path
      if type(path) == "function" then
        path = path(event.source)
      end
      local bytes, why = fetch(event, path, left)
      if bytes then
        waiting[event.source], received[event.source] = nil, bytes
        contractor:accept_sending_data(event.source, event.session_id, { receiver = receiver })
      else
        deny(contractor, event, receiver, why)
      end
    end
    if next(waiting) == nil then
      break
    end
  end
  local missing = keys.of(waiting)
  return received, missing[1] and late(missing)
end

---Receives from one node.
---@param options af.ReceiveOptions
---@return string? source  nil: nothing came in time
---@return string? bytes   or the path that they were written to
function DataChannel:receive_stream(options)
  keys.check_types("receive_stream", options, receive_options, 2)
  local sources = check_ids("receive_stream", "source", { options.source }, 2)
  local received = receive(self, "receive_stream", options, sources, 2)
  local bytes = received[sources[1]]
  if bytes then
    return sources[1], bytes
  end
  return nil
end

---Receives from several nodes. With ensure_all_succ it is an error if one has not sent in time.
---@param options af.ReceiveOptions
---@return table<string, string> received  source → bytes, or the path
function DataChannel:batch_receive_stream(options)
  keys.check_types("batch_receive_stream", options, receive_options, 2)
  if type(options.path) == "string" then
    error("batch_receive_stream: 'path' must be a function, which names a file for each source", 2)
  end
  local sources = check_ids("batch_receive_stream", "source_list", options.source_list or {}, 2)
  local received, missing = receive(self, "batch_receive_stream", options, sources, 2)
  if missing and options.ensure_all_succ then
    error("batch_receive_stream: " .. missing, 2)
  end
  return received
end

-- States of flows. --------------------------------------------------------------------------------
--
-- They are gathers (af.patterns): of the receivers' answers, and of the sources' data. Beside a
-- gather's book party.data has what a sender keeps of its session, and of whom a receiver has
-- accepted which session last: asked again for that, it answers the same.

local SENDING <const>, ACCEPTED <const> = "data_channel", "data_channel.accepted"

local sending_options = {
  target = "table, string, function", data = "function, string", path = "function, string",
  ref = "function, string", timeout = "number", every = "number, function",
  tries = "number, function", need = "number, function", label = "function, string",
  ask = "function", done = "string, function", failed = "string, function", state = "table",
}
local receiving_options = {
  source = "table, string, function", received = "function", path = "function, string",
  timeout = "number", every = "number, function", tries = "number, function",
  need = "number, function", label = "function, string", ask = "function",
  done = "string, function", failed = "string, function", state = "table",
}

local function value_of(what, party, ...)
  if type(what) == "function" then
    return what(party, ...)
  end
  return what
end

local function ids_of(what, party, name, ids)
  ids = value_of(ids, party)
  return check_ids(what, name, type(ids) == "table" and ids or { ids }, 3)
end

---What a state's end comes to: the name of the next one, or what a function says.
local function go(outcome, party, ...)
  if type(outcome) == "function" then
    return outcome(party, ...)
  end
  return outcome
end

---A gather with the flow's options, and what the flow adds: its events, defer, ignore, timeout. The
---flow's own line goes with it, for messages about the state.
local function gather(what, options, gathered, level)
  if options.timeout ~= nil and (options.every ~= nil or options.tries ~= nil) then
    error(what .. ": either timeout, or every and tries", level + 1)
  end
  for _, name in ipairs { "every", "tries", "need" } do
    if type(options[name]) == "number" then patterns.check_number(what, name, options[name]) end
  end
  gathered.every = options.every or check_timeout(what, options.timeout, level + 1)
    or gathered.every
  gathered.tries = options.tries
  local line, file = host.caller_line(level + 1)
  local state = patterns.make_gather(gathered, line)
  for key, value in pairs(options.state or {}) do
    if state[key] ~= nil then
      error(("%s: the state's '%s' is the channel's own"):format(what, tostring(key)), level + 1)
    end
    state[key] = value
  end
  return setmetatable(state, { line = line, file = file,
    targets = { done = options.done, failed = options.failed } })
end

---Whether so many are enough: all of them, or as many as `need` says.
local function are_enough(options, party, count, missing)
  local need = value_of(options.need, party)
  return missing[1] == nil or (need ~= nil and count >= need)
end

---A state that sends data, the file at a path or what is kept to some nodes, and goes on when all
---have it:
---`sending { target = …, data = function(party) … end, done = "next" }`. It offers again as
---`every` and `tries` say, to who has not answered, and `need` of them may be enough.
---`failed(party, why, ids)` where one refuses or is late; without it the party fails.
---@param options table
---@return table state
function DataChannel.sending(options)
  keys.check_types("data_channel.sending", options, sending_options, 2)
  if options.target == nil or options.done == nil then
    error("data_channel.sending: needs target, done, and one of data, path and ref", 2)
  end
  local given = given_of("data_channel.sending", options, "data", 2)
  local function offer(party, ids, try)
    local sending = party.data[SENDING]
    if try == 1 then
      local source = source_of("data_channel.sending", given, value_of(options[given], party), 1)
      sending = { session_id = host.session_id(), url = party:upload_file(source), rejected = {},
        target = ids }
      party.data[SENDING] = sending
    end
    local before = options.ask and options.ask(party, ids, try)
    if before ~= nil then
      party:send(ids, before)
    end
    party:send(ids, Apply { session_id = sending.session_id, source = party.id,
      target = sending.target, file_url = sending.url, label = value_of(options.label, party) })
  end
  local function over(party, answered, missing)
    local sending, ids, left = party.data[SENDING], {}, {}
    for _, id in ipairs(answered) do
      table.insert(sending.rejected[id] and missing or ids, id)
    end
    for _, id in ipairs(missing) do
      left[id] = sending.rejected[id] == nil or nil
    end
    local why = what_is_missing { rejected = sending.rejected, left = left }
    party.data[SENDING] = nil
    if are_enough(options, party, #ids, missing) then
      return go(options.done, party, ids, missing)
    elseif options.failed ~= nil then
      return go(options.failed, party, why, ids)
    end
    return host.fail("the data did not reach all: " .. why)
  end
  return gather("data_channel.sending", options, {
    from = function(party)
      return ids_of("data_channel.sending", party, "target", options.target)
    end,
    ask = offer,
    answer = { Accept, Deny },
    who = function(event, from)
      local who = Accept:is(event) and event.receiver or event.rejecter
      return (from == nil or from == who) and who or nil
    end,
    accept = function(party, event) return event.session_id == party.data[SENDING].session_id end,
    take = function(party, id, event)
      if Deny:is(event) then
        party.data[SENDING].rejected[id] = event.cause or "no cause was given"
      end
    end,
    every = SEND_TIMEOUT_S, done = over, short = over,
  }, 1) -- a tail call: the flow is the next level
end

local function accept(party, event)
  local accepted = party.data[ACCEPTED] or {}
  accepted[event.source] = event.session_id
  party.data[ACCEPTED] = accepted
  party.contractor:accept_sending_data(event.source, event.session_id, { receiver = party.id })
end

---A row for ApplySfSendingData of states that receive nothing: what was accepted, and is offered
---again since the answer was lost, is accepted again; all else is passed over, to be offered again.
function DataChannel.again(party, event, from)
  local accepted = party.data[ACCEPTED]
  if accepted and accepted[event.source] == event.session_id and is_honest(event, from, party.id)
  then
    accept(party, event)
  end
end

---Fetches what is offered, and gives it to the flow; false: it is refused; the source is told.
local function receive_offer(options, party, event)
  local path = value_of(options.path, party, event.source)
  local timeout = options.timeout ~= 0 and options.timeout or nil
  if options.every ~= nil then
    timeout = value_of(options.every, party) * (value_of(options.tries, party) or 1)
  end
  local bytes, why = fetch(event, path, timeout)
  if bytes ~= nil then
    why = options.received(party, event.source, bytes, digest_of(event.file_url))
  end
  if why ~= nil then
    deny(party.contractor, event, party.id, tostring(why))
    return false
  end
  accept(party, event)
  return true
end

---A state that receives data from some nodes and goes on when it has all of them:
---`receiving { source = …, received = function(party, source, bytes) … end, done = "next" }`.
---Bytes are no data of a party: `received` takes from them what is to be kept, or `path(party,
---source)` names a file that they go to. Its fourth argument is their SHA-256, which was checked,
---where the URL has one. What `received` returns is why they are refused. `need`
---of the sources may be enough when `tries` times `every` seconds are over; at each try
---`ask(party, ids, try)` may ask those whose data are missing. States before it should defer
---af.ApplySfSendingData.
---@param options table
---@return table state
function DataChannel.receiving(options)
  keys.check_types("data_channel.receiving", options, receiving_options, 2)
  if options.source == nil or options.received == nil or options.done == nil then
    error("data_channel.receiving: needs source, received and done", 2)
  end
  local function over(party, ids, missing)
    if are_enough(options, party, #ids, missing) then
      return go(options.done, party, ids, missing)
    end
    local why = late(missing)
    if options.failed ~= nil then
      return go(options.failed, party, why, ids)
    end
    return host.fail(why)
  end
  local state = gather("data_channel.receiving", options, {
    from = function(party)
      return ids_of("data_channel.receiving", party, "source", options.source)
    end,
    ask = options.ask,
    answer = Apply,
    who = function(event) return event.source end,
    accept = function(party, event) return receive_offer(options, party, event) end,
    done = over, short = over,
  }, 2)
  local take = state[Apply]
  state[Apply] = function(party, event, from)
    local accepted = party.data[ACCEPTED]
    local label = value_of(options.label, party)
    if not is_honest(event, from, party.id) then
      return nil
    elseif accepted and accepted[event.source] == event.session_id then
      accept(party, event)
    elseif label ~= nil and event.label ~= nil and event.label ~= label then
      return nil -- of another round: late
    elseif patterns.answer_of(party, event.source) == "expected" then
      return take(party, event, from)
    else
      deny(party.contractor, event, party.id,
        ("data from '%s' is not expected"):format(event.source))
    end
  end
  return state
end

return DataChannel
