--- What each kind of record makes of a chart's rows.
---
--- A builder `b` collects: rows, the parties known, and of each contract its send, its copies and
--- who has yet to receive it. trace.h says what the records mean; a kind that is not named here
--- is no row.

local json = require "tool.chart_json"

local rows = {}

local MAX_IN_FLIGHT_ROWS <const> = 8

--- Whatever a damaged trace holds becomes text: a picture must not fail where it is needed most.
---@param b table
---@param value any
---@return string?  nil for null
function rows.text_of(b, value)
  if type(value) == "string" then return value end
  if value == nil or value == b.null then return nil end
  return json.encode(value, b.codec)
end

--- A list, also where one value stands for a list of one.
---@param value any
---@return any[]
function rows.list_of(value)
  if type(value) == "table" then return value end
  return { value }
end

local text_of, list_of = rows.text_of, rows.list_of

--- Makes a party known, in the order of first mention.
---@param b table
---@param id string?
---@param role string?
---@return string? id
function rows.know(b, id, role)
  if id and not b.known[id] then
    b.known[id] = true
    b.parties[#b.parties + 1] = { id = id, role = role }
  end
  return id
end

local know = rows.know

local function add(b, row)
  row.level = row.level or "plain"
  row.t = b.t
  row.line = b.line
  b.rows[#b.rows + 1] = row
  return row
end

local function note(b, record, text, level, life)
  local party = know(b, text_of(b, record.party) or "?")
  return add(b, {
    shape = "note", kind = record.kind, party = party, text = text, level = level,
    type = text_of(b, record.type), life = life and { [party] = life },
  })
end

local function line(b, record, text, level)
  return add(b, { shape = "line", kind = record.kind, text = text, level = level })
end

--- A finding's words; where they stand above the drawing already, what it is alone.
local function finding(b, name, comma, words)
  return b.told and name or name .. comma .. words
end

--- The contract's send, through a duplicate to the original.
local function send_of(b, uuid)
  return b.sends[uuid] or b.sends[b.original[uuid]]
end

local function arrow(b, record, mark, level)
  local uuid = text_of(b, record.uuid) or "?"
  local send = send_of(b, uuid) or {}
  local to = know(b, text_of(b, record.party) or "?")
  local from = know(b, text_of(b, record.from) or send.from or "?")
  if b.pending[uuid] then b.pending[uuid][to] = nil end
  if b.original[uuid] then
    mark = mark and "copy, " .. mark or "copy"
    level = level or "fault"
  end
  return add(b, {
    shape = "arrow", kind = record.kind, party = to, from = from, uuid = uuid, mark = mark,
    level = level, type = text_of(b, record.type) or send.type or "?",
    sent = send.row, sent_t = send.t, content = send.content,
  })
end

--- One contract at one of its receivers.
local function copy_key(b, record)
  return (text_of(b, record.uuid) or "?") .. "\0" .. (text_of(b, record.party) or "?")
end

--- The row in which the same contract has just reached the same party, if the last row is it.
local function just_arrived(b, record)
  local last = b.rows[#b.rows]
  if last and last.shape == "arrow" and last.kind == "deliver" and last.t == b.t
      and last.uuid == record.uuid and last.party == record.party then
    return last
  end
end

--- An arrival that takes a turn of its own: either the whole arrow, or a mark on the one before.
local function arrival(b, record, mark, level)
  local row = just_arrived(b, record)
  if not row then return arrow(b, record, mark, level) end
  row.kind = record.kind
  row.mark = row.mark and row.mark .. ", " .. mark or mark
  if level then row.level = level end
  return row
end

--- The states that a transaction entered, those first that it left at once.
local function entered(b, record, state)
  local states = {}
  for i, name in ipairs(list_of(record.through)) do states[i] = text_of(b, name) or "?" end
  states[#states + 1] = state
  return states
end

local on = {}

function on.start(b, record)
  local party = know(b, text_of(b, record.party) or "?")
  local state = text_of(b, record.state)
  if state == nil then return end -- a sequential one has no states
  for _, name in ipairs(entered(b, record, state)) do
    local entry = { party = party, state = name }
    local last = b.rows[#b.rows]
    local first = last and last.entries and last.entries[#last.entries].party ~= party
    if first and last.kind == "start" and last.t == b.t then
      last.entries[#last.entries + 1] = entry
    else
      add(b, { shape = "states", kind = "start", entries = { entry } })
    end
  end
end

function on.send(b, record)
  local uuid = text_of(b, record.uuid) or "?"
  local send = {
    from = know(b, text_of(b, record.party) or "?"), type = text_of(b, record.type) or "?",
    content = record.content, t = b.t, row = #b.rows,
  }
  b.sends[uuid] = send
  b.pending[uuid] = b.pending[uuid] or {}
  b.sent_order[#b.sent_order + 1] = uuid
  for _, target in ipairs(list_of(record.to)) do
    local to = text_of(b, target)
    if to and b.records_of[to] then
      b.pending[uuid][to] = true
    elseif to then
      add(b, {
        shape = "arrow", kind = "send", from = send.from, party = know(b, to), type = send.type,
        content = send.content, uuid = uuid,
      })
    end
  end
end

function on.deliver(b, record)
  local key = copy_key(b, record)
  local how = b.deferred[key]
  if how then
    b.deferred[key] = nil
    note(b, record, "takes up " .. how .. (text_of(b, record.type) or "?"))
  else
    arrow(b, record)
  end
end

function on.defer(b, record)
  b.deferred[copy_key(b, record)] = "deferred "
  arrival(b, record, "deferred")
end

--- What an operator gives stands where deferred events do.
function on.hand(b, record)
  b.deferred[copy_key(b, record)] = ""
  note(b, record, "its operator gives " .. (text_of(b, record.type) or "?"))
end

function on.ignore(b, record) arrival(b, record, "ignored", "quiet") end
function on.late(b, record) arrival(b, record, "late", "quiet") end
function on.repeated(b, record) arrival(b, record, "repeated", "quiet") end

function on.drop(b, record)
  arrow(b, record, record.why == "lost" and "receiver lost" or "dropped", "fault")
end

function on.unexpected(b, record)
  arrival(b, record, "unexpected", "bad")
  local text = "unexpected " .. (text_of(b, record.type) or "?")
  local state, why = text_of(b, record.state), text_of(b, record.why)
  if state then text = text .. " in " .. state end
  note(b, record, why and finding(b, text, ": ", why) or text, "bad")
end

function on.duplicate(b, record)
  local uuid, of = text_of(b, record.uuid) or "?", text_of(b, record.of) or "?"
  b.original[uuid] = b.original[of] or of
  b.pending[uuid] = { [text_of(b, record.party) or "?"] = true }
  b.sent_order[#b.sent_order + 1] = uuid
end

--- A state hangs on the row of its transaction; one without (a reload) gets a row.
function on.state(b, record)
  if record.entered == false then return end
  local party, state = text_of(b, record.party) or "?", text_of(b, record.state) or "?"
  local last = b.rows[#b.rows]
  if last and last.kind == "start" and last.t == b.t then
    local entry = last.entries[#last.entries]
    if entry.party == party and entry.state == state then return end
  elseif last and last.party == party and last.t == b.t then
    last.states = last.states or {}
    for _, name in ipairs(entered(b, record, state)) do last.states[#last.states + 1] = name end
    return
  end
  know(b, party)
  for _, name in ipairs(entered(b, record, state)) do
    add(b, { shape = "states", kind = "state", entries = { { party = party, state = name } } })
  end
end

function on.timeout(b, record)
  note(b, record, "timer " .. (text_of(b, record.timer) or "?"), "timer")
end

function on.log(b, record)
  note(b, record, '"' .. (text_of(b, record.text) or "") .. '"', "quiet")
end

function on.progress(b, record)
  note(b, record, ("progress %s %%"):format(text_of(b, record.percent) or "?"), "quiet")
end

function on.reload(b, record)
  local state = text_of(b, record.state)
  note(b, record, ("version %s%s"):format(text_of(b, record.versions) or "?",
    state and (", in state '%s'"):format(state) or ""), "quiet")
end

function on.pause(b, record) note(b, record, "pauses", "quiet") end
function on.resume(b, record) note(b, record, "goes on", "quiet") end

function on.refused(b, record)
  note(b, record, finding(b, "upgrade refused", ": ", text_of(b, record.why) or "?"), "bad")
end

function on.upload(b, record)
  note(b, record, "uploads " .. (text_of(b, record.url) or "a file"), "quiet")
end

function on.run(b, record)
  note(b, record, ("runs %s: status %s"):format(text_of(b, record.program) or "a program",
    text_of(b, record.status) or "?"), "quiet")
end

function on.launch(b, record) note(b, record, "launches the task", "quiet") end
function on.dataset(b, record) note(b, record, "tells the dataset's state", "quiet") end

--- The line of the script, where there is one, and its file, where that is a module's.
local function where(b, record)
  local number, file = text_of(b, record.line), text_of(b, record.file)
  if number == nil or number == "0" then return "" end
  return (file and " (%s:%s)" or " (line %s)"):format(file or number, number)
end

function on.wait(b, record)
  note(b, record, "waits for " .. (text_of(b, record.call) or "?") .. where(b, record), "quiet")
end

function on.crash(b, record) note(b, record, "crashed", "fault", "down") end
function on.restart(b, record) note(b, record, "restarted", "fault", "up") end
function on.lost(b, record) note(b, record, "lost for good", "fault", "gone") end

local function groups_of(b, record)
  local groups = {}
  for i, group in ipairs(list_of(record.groups)) do
    local names = {}
    for k, id in ipairs(list_of(group)) do names[k] = text_of(b, id) or "?" end
    groups[i] = table.concat(names, ", ")
  end
  return table.concat(groups, " | ")
end

function on.cut(b, record) line(b, record, "network cut: " .. groups_of(b, record), "fault") end
function on.heal(b, record) line(b, record, "network healed: " .. groups_of(b, record), "fault") end

function on.done(b, record)
  local result = text_of(b, record.result)
  note(b, record, result and "done " .. result or "done", "good", "gone")
end

function on.fail(b, record)
  note(b, record, finding(b, "failed", ": ", text_of(b, record.reason) or "?"), "bad", "gone")
end

function on.error(b, record)
  note(b, record, finding(b, "error", ": ", text_of(b, record.message) or "?"), "bad", "gone")
end

function on.monitor(b, record)
  local name, seen = text_of(b, record.monitor) or "?", text_of(b, record.seen) or "?"
  note(b, record, name .. ": " .. seen, "quiet")
end

function on.loop(b, record)
  line(b, record, record.ends and "the loop ends: the run goes on where it began"
    or "a loop begins: what follows comes again and again", "fault")
end

function on.violation(b, record)
  local broken = record.invariant or record.monitor or record.eventually or record.leads_to
  local name = text_of(b, broken) or "?"
  local words = finding(b, "violation: " .. name, ": ", text_of(b, record.message) or "?")
  line(b, record, words, "bad").invariant = name
end

function on.stuck(b, record)
  local state = text_of(b, record.state)
  local text = state and "stuck in " .. state or "stuck"
  local waits = {}
  for i, what in ipairs(list_of(record.waits_for)) do waits[i] = text_of(b, what) or "?" end
  if #waits > 0 then text = finding(b, text, ", waits for ", table.concat(waits, ", ")) end
  note(b, record, text .. where(b, record), "bad")
end

on["end"] = function(b, record)
  b.outcome = text_of(b, record.outcome)
  b.message = text_of(b, record.message)
end

--- A party whose records go on after its end was not at its end: a node holds and retries.
local REVIVES <const> = { deliver = true, timeout = true, state = true }

local function revive(b, kind, party)
  local last = b.ended[party]
  if not last or not REVIVES[kind] then return end
  b.ended[party] = nil
  last.life = nil
end

--- Contracts that nobody has seen arrive, in the order of their sends.
local function in_flight(b)
  local list = {}
  for _, uuid in ipairs(b.sent_order) do
    local send, targets = send_of(b, uuid), {}
    for to in pairs(b.pending[uuid]) do targets[#targets + 1] = to end
    table.sort(targets)
    b.pending[uuid] = {}
    for _, to in ipairs(send and targets or {}) do
      list[#list + 1] = { uuid = uuid, send = send, to = to }
    end
  end
  return list
end

--- Draws contracts in flight before the records that close the trace.
---@param b table
function rows.add_in_flight(b)
  local list = in_flight(b)
  b.counts.in_flight = #list
  if #list == 0 then return end
  b.line = nil -- of no record
  local text = ("%d in flight at the end"):format(#list)
  if #list > MAX_IN_FLIGHT_ROWS then
    text = text .. (", the first %d:"):format(MAX_IN_FLIGHT_ROWS)
  end
  line(b, { kind = "in_flight" }, text, "quiet")
  for i = 1, math.min(#list, MAX_IN_FLIGHT_ROWS) do
    local send = list[i].send
    add(b, {
      shape = "arrow", kind = "in_flight", from = send.from, party = know(b, list[i].to),
      type = send.type, mark = "in flight", uuid = list[i].uuid, content = send.content,
      sent = send.row, sent_t = send.t, level = "fault",
    })
  end
end

--- Adds what one record has to show.
---@param b table
---@param record any
function rows.take(b, record)
  if type(record) ~= "table" then return end
  local kind = record.kind
  if math.type(record.t) == "integer" then b.t = record.t end
  if type(kind) ~= "string" or not on[kind] then return end
  b.counts[kind] = (b.counts[kind] or 0) + 1
  local party = text_of(b, record.party) or "?"
  revive(b, kind, party)
  on[kind](b, record)
  if kind == "error" or kind == "fail" or kind == "done" then b.ended[party] = b.rows[#b.rows] end
end

return rows
