--- A trace as rows: what a picture shows, before anyone decides how.
---
--- One row is one thing that a reader follows with a finger: a contract arriving (or getting
--- lost), a timer firing, a party crashing. What belongs to the same transaction hangs on its
--- row: the states that it entered. Sends are no rows, their arrival is; only where the receiver
--- writes no records (the journal of a single node) the send itself is drawn.
---
---   shape    drawn as                              fields besides t, kind, level, life
---   states   several parties in their states       entries = {{party, state}…}
---   arrow    from one party to another             from, party, type, mark, sent, sent_t, content
---   note     words beside one party's line         party, text
---   line     words over the whole width            text
---
--- level: "plain", "quiet" (rarely looked for), "good", "fault" (the network's or the
--- simulator's doing), "bad" (a finding). life: what the row makes of lifelines, as
--- party -> "up", "down" (may come back), "gone" (ended).

local json = require "tool.chart_json"

---@class tool.chart.Row
---@field t integer             nanoseconds
---@field kind string           the record's kind, or "start", "in_flight", "gap"
---@field shape string
---@field level string
---@field party string?         the party whose doing it is; of an arrow: the receiver
---@field from string?          of an arrow: the sender
---@field type string?          the event's type
---@field mark string?          of an arrow: "copy", "deferred", "dropped", …
---@field text string?
---@field states string[]?      entered by the row's transaction
---@field sent integer?         the number of the row in which it was sent
---@field sent_t integer?
---@field content any
---@field life table<string, string>?

---@class tool.chart.Model
---@field flow string
---@field seed string?
---@field version string?
---@field parties {id: string, role: string?}[]
---@field rows tool.chart.Row[]
---@field outcome string?       of the trace's last record
---@field message string?
---@field counts table<string, integer>  by record kind
---@field end_t integer
local model = {}

local MAX_IN_FLIGHT_ROWS <const> = 20

local builder = {}
builder.__index = builder

--- Whatever a damaged trace holds becomes text: a picture must not fail where it is needed most.
local function text_of(b, value)
  if type(value) == "string" then return value end
  if value == nil or value == b.null then return nil end
  return json.encode(value, b.codec)
end

local function list_of(value)
  if type(value) == "table" then return value end
  return { value }
end

--- Makes a party known that the header does not name.
local function know(b, id, role)
  if id and not b.known[id] then
    b.known[id] = true
    b.parties[#b.parties + 1] = { id = id, role = role }
  end
  return id
end

local function add(b, row)
  row.level = row.level or "plain"
  row.t = b.t
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

local on = {}

function on.start(b, record)
  local party = know(b, text_of(b, record.party) or "?")
  local entry = { party = party, state = text_of(b, record.state) or "?" }
  local last = b.rows[#b.rows]
  if last and last.kind == "start" and last.t == b.t then
    last.entries[#last.entries + 1] = entry
  else
    add(b, { shape = "states", kind = "start", entries = { entry } })
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
  if b.deferred[key] then
    b.deferred[key] = nil
    note(b, record, "takes up deferred " .. (text_of(b, record.type) or "?"))
  else
    arrow(b, record)
  end
end

function on.defer(b, record)
  b.deferred[copy_key(b, record)] = true
  arrival(b, record, "deferred")
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
  if record.state then text = text .. " in " .. text_of(b, record.state) end
  if record.why then text = text .. ": " .. text_of(b, record.why) end
  note(b, record, text, "bad")
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
    last.states[#last.states + 1] = state
    return
  end
  know(b, party)
  add(b, { shape = "states", kind = "state", entries = { { party = party, state = state } } })
end

function on.timeout(b, record)
  note(b, record, "timer " .. (text_of(b, record.timer) or "?"), "fault")
end

function on.log(b, record)
  note(b, record, '"' .. (text_of(b, record.text) or "") .. '"', "quiet")
end

function on.progress(b, record)
  note(b, record, ("progress %s %%"):format(text_of(b, record.percent) or "?"), "quiet")
end

function on.upload(b, record)
  note(b, record, "uploads " .. (text_of(b, record.url) or "a file"), "quiet")
end

function on.launch(b, record) note(b, record, "launches the task", "quiet") end
function on.dataset(b, record) note(b, record, "tells the dataset's state", "quiet") end

function on.wait(b, record)
  local where = record.line and (" (line %s)"):format(text_of(b, record.line)) or ""
  note(b, record, "waits for " .. (text_of(b, record.call) or "?") .. where, "quiet")
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
  note(b, record, "failed: " .. (text_of(b, record.reason) or "?"), "bad", "gone")
end

function on.error(b, record)
  note(b, record, "error: " .. (text_of(b, record.message) or "?"), "bad", "gone")
end

function on.violation(b, record)
  line(b, record, ("violation: %s: %s"):format(text_of(b, record.invariant) or "?",
    text_of(b, record.message) or "?"), "bad")
end

function on.stuck(b, record)
  local text = "stuck in " .. (text_of(b, record.state) or "?")
  local waits = {}
  for i, what in ipairs(list_of(record.waits_for)) do waits[i] = text_of(b, what) or "?" end
  if #waits > 0 then text = text .. ", waits for " .. table.concat(waits, ", ") end
  if record.line then text = text .. (" (line %s)"):format(text_of(b, record.line)) end
  note(b, record, text, "bad")
end

on["end"] = function(b, record)
  b.outcome = text_of(b, record.outcome)
  b.message = text_of(b, record.message)
end

--- A party whose records go on after its end was not at its end: a node holds and retries.
local REVIVES <const> = { deliver = true, timeout = true, state = true }

local function revive(b, record)
  local last = b.ended[record.party]
  if not last or not REVIVES[record.kind] then return end
  b.ended[record.party] = nil
  last.life = nil
end

--- Contracts that nobody has seen arrive, drawn before the records that close the trace.
local function add_in_flight(b)
  local count, shown = 0, 0
  for _, uuid in ipairs(b.sent_order) do
    local send, targets = send_of(b, uuid), {}
    for to in pairs(b.pending[uuid]) do targets[#targets + 1] = to end
    table.sort(targets)
    b.pending[uuid] = {}
    for _, to in ipairs(targets) do
      count = count + 1
      if send and shown < MAX_IN_FLIGHT_ROWS then
        shown = shown + 1
        add(b, {
          shape = "arrow", kind = "in_flight", from = send.from, party = know(b, to),
          type = send.type, mark = "in flight", uuid = uuid, content = send.content,
          sent = send.row, sent_t = send.t, level = "fault",
        })
      end
    end
  end
  b.counts.in_flight = count
  if count > shown then
    line(b, { kind = "in_flight" }, ("%d more in flight"):format(count - shown), "fault")
  end
end

local CLOSES <const> = { stuck = true, ["end"] = true, violation = true }

--- Where the last run of closing records begins.
local function closing_index(records)
  local i = #records
  while i > 1 and type(records[i]) == "table" and CLOSES[records[i].kind] do i = i - 1 end
  return i + 1
end

local function new_builder(records, opts)
  local codec = { null = opts.null, is_list = opts.is_list }
  local b = setmetatable({
    null = opts.null, codec = codec, rows = {}, parties = {}, known = {}, records_of = {},
    sends = {}, original = {}, pending = {}, sent_order = {}, deferred = {}, ended = {},
    counts = {}, t = 0,
  }, builder)
  for i = 2, #records do
    local record = records[i]
    local id = type(record) == "table" and record.kind ~= "duplicate" and record.kind ~= "drop"
      and text_of(b, record.party)
    if id then b.records_of[id] = true end
  end
  return b
end

local function take(b, record)
  if type(record) ~= "table" then return end
  local kind = record.kind
  if math.type(record.t) == "integer" then b.t = record.t end
  if type(kind) ~= "string" or not on[kind] then return end
  b.counts[kind] = (b.counts[kind] or 0) + 1
  revive(b, record)
  on[kind](b, record)
  local last = b.rows[#b.rows]
  if last and (kind == "error" or kind == "fail" or kind == "done") then
    b.ended[record.party] = last
  end
end

--- Reads a trace.
---@param records table[]  decoded records, the header first
---@param opts {null: any, is_list: (fun(t: table): boolean)?}
---@return tool.chart.Model
function model.build(records, opts)
  local b = new_builder(records, opts)
  local header = type(records[1]) == "table" and records[1] or {}
  for _, party in ipairs(list_of(header.parties)) do
    if type(party) == "table" then know(b, text_of(b, party.id), text_of(b, party.role)) end
  end
  local closing = closing_index(records)
  for i = 2, #records do
    if i == closing then add_in_flight(b) end
    take(b, records[i])
  end
  if closing > #records then add_in_flight(b) end
  return {
    flow = text_of(b, header.flow) or "?", version = text_of(b, header.version),
    seed = text_of(b, header.seed), parties = b.parties, rows = b.rows, counts = b.counts,
    outcome = b.outcome, message = b.message, end_t = b.t, codec = b.codec,
  }
end

return model
