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
--- level: "plain", "quiet" (rarely looked for), "good", "timer", "fault" (the network's or the
--- simulator's doing), "bad" (a finding). life: what the row makes of lifelines, as
--- party -> "up", "down" (may come back), "gone" (ended).

local rows = require "tool.chart_rows"

---@class tool.chart.Row
---@field t integer             nanoseconds
---@field kind string           the record's kind, or "start", "in_flight", "gap"
---@field shape string
---@field level string
---@field line integer?         of the trace: the record's
---@field party string?         the party whose doing it is; of an arrow: the receiver
---@field from string?          of an arrow: the sender
---@field type string?          the event's type
---@field mark string?          of an arrow: "copy", "deferred", "dropped", …
---@field text string?
---@field states string[]?      entered by the row's transaction
---@field sent integer?         the number of the row in which it was sent
---@field sent_t integer?
---@field content any
---@field invariant string?    of a violation
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

local CLOSES <const> = { stuck = true, ["end"] = true, violation = true }

--- Where the last run of closing records begins.
local function closing_index(records)
  local i = #records
  while i > 1 and type(records[i]) == "table" and CLOSES[records[i].kind] do i = i - 1 end
  return i + 1
end

local function new_builder(records, opts)
  local codec = { null = opts.null, is_list = opts.is_list }
  local b = {
    null = opts.null, codec = codec, rows = {}, parties = {}, known = {}, records_of = {},
    sends = {}, original = {}, pending = {}, sent_order = {}, deferred = {}, ended = {},
    counts = {}, t = 0, told = opts.told,
  }
  for i = 2, #records do
    local record = records[i]
    local id = type(record) == "table" and record.kind ~= "duplicate" and record.kind ~= "drop"
      and rows.text_of(b, record.party)
    if id then b.records_of[id] = true end
  end
  return b
end

--- Reads a trace.
---@param records table[]  decoded records, the header first
---@param opts {null: any, is_list: (fun(t: table): boolean)?, told: boolean?}
---@return tool.chart.Model
function model.build(records, opts)
  local b = new_builder(records, opts)
  local header = type(records[1]) == "table" and records[1] or {}
  for _, party in ipairs(rows.list_of(header.parties)) do
    if type(party) == "table" then
      rows.know(b, rows.text_of(b, party.id), rows.text_of(b, party.role))
    end
  end
  local closing = closing_index(records)
  for i = 2, #records do
    if i == closing then rows.add_in_flight(b) end
    b.line = i
    rows.take(b, records[i])
  end
  b.line = nil
  if closing > #records then rows.add_in_flight(b) end
  return {
    flow = rows.text_of(b, header.flow) or "?",
    version = header.version ~= 0 and rows.text_of(b, header.version) or nil, -- scripts have none
    seed = not header.schedule and rows.text_of(b, header.seed) or nil, -- nothing was drawn
    parties = b.parties, rows = b.rows, counts = b.counts,
    outcome = b.outcome, message = b.message, end_t = b.t, codec = b.codec,
  }
end

return model
