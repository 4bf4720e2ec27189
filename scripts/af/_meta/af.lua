---@meta af
--- What flows and scripts see as `af`: the one source of the reference.
---
--- For editors (LuaLS), never loaded. scripts/tool/reference.lua makes of it REFERENCE.md, the pages of
--- man, the texts of `afrun help NAME` and luacheck's list of names; the Chinese texts are in zh.lua.
--- A fence says in which place its example runs: `lua` is a script or a flow, `lua party` stands in a
--- handler, `lua contractor` in a script of the node n1 of the task's nodes n1 and n2, `lua test` in a test beside
--- sync_state.lua.

---What flows and scripts require: `local af = require "af"`. Its tables and classes are read-only, and a
---name that it does not have is an error where it is read.
---```lua
---local af = require "af"
---print(af.version)
---```
---@class af
local af = {}

---The program's version.
---```lua
---print("afrun " .. af.version)
---```
---@type string
af.version = ""

---Every node of the task, the sender included: a target of new_contract and party:send.
---```lua party
---party:send(af.EVERYONE, Sync { round = 1 })
---```
---@type string
af.EVERYONE = "*"

---A JSON null that is kept: in data a nil would take the key away.
---```lua party
---party.data.best = af.null
---```
---@type lightuserdata
af.null = nil

-- Types and events. ------------------------------------------------------------------------------

---What a field of an event, an argument or a parameter takes: af.string, af.list(af.id) … What it does
---not take is refused where it is built and where it arrives. With `secret = true` a value is shown nowhere, but as its
---length and a keyed hash, and it is sealed where a node stores it; handlers, invariants and tests see it, and the
---receiver is sent it as it is: what its carriers must not read, seal by af.crypto. What is no type of one value takes
---it inside: af.list(af.bytes { secret = true }). Not for arguments.
---```lua
---local Sync = af.event("sync", { round = af.integer { min = 0 }, key = af.bytes { secret = true } })
---return af.flow { name = "shown", roles = { one = { start = "begun", states = { begun = {
---  enter = function(party)
---    party:log("%s", pcall(Sync, { round = -1, key = "" }))
---    print(Sync { round = 1, key = af.crypto.random(32) }) -- key="secret of 32 bytes #…"
---    return af.done()
---  end,
---} } } } }
---```
---@class af.Type
local Type = {}

---A string of valid UTF-8. Called with options it is narrower; what they do not say stays as it was.
---Raises: an unknown option, a minimum above the maximum, what is no pattern.
---```lua
---local Name = af.event("name", { text = af.string { max_length = 20, pattern = "^%a+$" } })
---print(Name { text = "ann" })
---```
---@type af.Type|fun(options: { min_length?: integer, max_length?: integer, pattern?: string, secret?: boolean }): af.Type  lengths in bytes; pattern: a Lua pattern; secret: shown nowhere
af.string = nil

---A string that is not empty: of a node, a task, a round. Called with options it is narrower.
---Raises: an unknown option, a minimum above the maximum, what is no pattern.
---```lua
---local Hello = af.event("hello", { peer_id = af.id, of = af.id { max_length = 20 } })
---print(Hello { peer_id = "n1", of = "hospitals" })
---```
---@type af.Type|fun(options: { min_length?: integer, max_length?: integer, pattern?: string, secret?: boolean }): af.Type  lengths in bytes; pattern: a Lua pattern; secret: shown nowhere
af.id = nil

---An integer of 64 bits; 11 and 11.0 are taken, and give 11. Called with options it is narrower.
---Raises: an unknown option, a minimum above the maximum.
---```lua
---local Sync = af.event("sync", { round = af.integer { min = 0, max = 99 } })
---print(Sync { round = 11.0 })
---```
---@type af.Type|fun(options: { min?: integer, max?: integer, secret?: boolean }): af.Type
af.integer = nil

---A number, which is carried with a fraction and gives a float; NaN and infinities are refused.
---Raises: an unknown option, a minimum above the maximum.
---```lua
---local Loss = af.event("loss", { value = af.number { min = 0 } })
---print(Loss { value = 1 }.value)
---```
---@type af.Type|fun(options: { min?: number, max?: number, secret?: boolean }): af.Type
af.number = nil

---true or false.
---Raises: an unknown option.
---```lua
---local Vote = af.event("vote", { yes = af.boolean })
---print(Vote { yes = true })
---```
---@type af.Type|fun(options: { secret?: boolean }): af.Type
af.boolean = nil

---Any Lua string, as base64 on the wire.
---Raises: an unknown option, a minimum above the maximum.
---```lua
---local Key = af.event("key", { public = af.bytes { min_length = 32, max_length = 32 } })
---print(#Key { public = ("\255"):rep(32) }.public)
---```
---@type af.Type|fun(options: { min_length?: integer, max_length?: integer, secret?: boolean }): af.Type  lengths in bytes
af.bytes = nil

---Whatever JSON can hold.
---Raises: an unknown option.
---```lua
---local Note = af.event("note", { about = af.any })
---print(Note { about = { a = { 1, 2 } } })
---```
---@type af.Type|fun(options: { secret?: boolean }): af.Type
af.any = nil

---A list, each item of one type.
---Raises: what is no type, an unknown option.
---```lua
---local Sync = af.event("sync", { participants = af.list(af.id, { min_length = 1 }) })
---print(Sync { participants = { "n2", "n3" } })
---```
---@param item af.Type  of each item
---@param options? { min_length?: integer, max_length?: integer }  in items
---@return af.Type
function af.list(item, options) end

---A map with strings as keys, each value of one type.
---Raises: what is no type.
---```lua
---local Sizes = af.event("sizes", { of = af.map(af.integer) })
---print(Sizes { of = { n2 = 100, n3 = 50 } })
---```
---@param item af.Type  of each value
---@return af.Type
function af.map(item) end

---A table of the fields named.
---Raises: what is no table of types.
---```lua
---local Best = af.event("best", { of = af.record { node = af.id, loss = af.number } })
---print(Best { of = { node = "n2", loss = 0.5 } })
---```
---@param fields table<string, af.Type>
---@return af.Type
function af.record(fields) end

---One of some strings.
---Raises: what is no list of strings.
---```lua
---local Vote = af.event("vote", { is = af.one_of { "yes", "no" } })
---print(Vote { is = "yes" })
---```
---@param choices string[]
---@return af.Type
function af.one_of(choices) end

---A field that may be absent; it has the default then, or reads as nil.
---Raises: what is no type, a default that the type does not take.
---```lua
---local Ask = af.event("ask", { tries = af.optional(af.integer, 3), why = af.optional(af.string) })
---print(Ask {}.tries, Ask {}.why)
---```
---@param of af.Type
---@param default? any
---@return af.Type
function af.optional(of, default) end

---Marks a table as a list where no type says so: empty, it goes out as `[]` and not as `{}`.
---Raises: what is no plain table of items 1..n.
---```lua party
---party.data.seen = af.array {}
---```
---@param list table
---@return table list  the same
function af.array(list) end

---Declares an event type. On the wire an event is a JSON object with its `type`.
---Raises: a name that is no UTF-8, has control characters or more than 128 bytes; a field without a type.
---```lua
---local Sync = af.event("sync", { aggregator = af.id, round = af.integer { min = 0 } })
---print(Sync { aggregator = "n1", round = 11 })
---```
---@param name string  its `type` on the wire
---@param fields? table<string, af.Type>
---@return af.EventType
function af.event(name, fields) end

---What af.event gives. Called with fields it builds an event.
---Raises when called: `event 'sync': field 'round': expected an integer >= 0, got "eleven"`.
---```lua
---local Sync = af.event("sync", { round = af.integer })
---local event = Sync { round = 1 }
---print(Sync.TYPE, event.type, event.round, Sync:is(event))
---```
---@class af.EventType
---@overload fun(fields: table): af.Event
local EventType = {}

---The name on the wire.
---@type string
EventType.TYPE = ""

---Whether a value is an event of this type; a table that was one, read from party.data, is one too.
---```lua
---local Sync = af.event("sync", { round = af.integer })
---print(Sync:is(Sync { round = 1 }), Sync:is("sync"))
---```
---@param value any
---@return boolean
function EventType:is(value) end

---An event as the table that is sent. A designer may put another function in its place.
---```lua
---local Sync = af.event("sync", { round = af.integer })
---print(Sync.event_to_contract(Sync { round = 1 }).type)
---```
---@param event af.Event
---@return table contract
function EventType.event_to_contract(event) end

---The event that such a table describes. A designer may put another function in its place.
---Raises: a table that does not validate.
---```lua
---local Sync = af.event("sync", { round = af.integer })
---print(Sync.contract_to_event({ type = "sync", round = 1 }))
---```
---@param contract table
---@return af.Event
function EventType.contract_to_event(contract) end

---An event: `type`, and the fields that its type declares. Read-only; tostring shows it.
---Raises: reading a field that is not declared, with the nearest that is; writing one.
---```lua
---local Sync = af.event("sync", { round = af.integer })
---local event = Sync { round = 1 }
---print(event, event.type, event.round)
---```
---@class af.Event
---@field type string  the name of its type
local Event = {}

---The platform's request to send data directly: its fields are session_id, source, target and public_key.
---```lua
---print(af.ApplyGrpcSendingData.TYPE)
---```
---@type af.EventType
af.ApplyGrpcSendingData = nil

---The platform's request to send data through a shared file: session_id, source, target, file_url.
---```lua
---print(af.ApplySfSendingData.TYPE)
---```
---@type af.EventType
af.ApplySfSendingData = nil

---The answer no to either: session_id, rejecter, cause.
---```lua
---print(af.DenySendingData { session_id = "s", rejecter = "n2", cause = "no room" })
---```
---@type af.EventType
af.DenySendingData = nil

---The answer yes to a direct sender: session_id, public_key, port.
---```lua
---print(af.AcceptGrpcSendingData.TYPE)
---```
---@type af.EventType
af.AcceptGrpcSendingData = nil

---The answer yes, the file has been fetched: session_id, receiver.
---```lua
---print(af.AcceptSfSendingData { session_id = "s", receiver = "n2" })
---```
---@type af.EventType
af.AcceptSfSendingData = nil

---A result was uploaded: file_type is "report" or "model", file_url.
---```lua
---print(af.TaskFileUpload { file_type = "model", file_url = "https://files/m" })
---```
---@type af.EventType
af.TaskFileUpload = nil

---The task is over: result, a boolean.
---```lua
---print(af.NoticeTaskCompletion { result = true })
---```
---@type af.EventType
af.NoticeTaskCompletion = nil

---A party has failed: peer_id, reason. A party that fails sends it to all others (unless the flow says
---`report_failure = false`).
---```lua
---print(af.PartyFailed { peer_id = "n2", reason = "no data" })
---```
---@type af.EventType
af.PartyFailed = nil

---Which event types a contractor understands. The predefined ones are there from the start.
---```lua
---local Sync = af.event("sync", { round = af.integer })
---local Factory = af.TaskMessageEventFactory:extend { Sync }
---print(Factory:contract_to_event { type = "sync", round = 1 })
---```
---@class af.TaskMessageEventFactory
---@field events table<string, af.EventType>  by their names on the wire
af.TaskMessageEventFactory = {}

---A factory with more event types; of two with one name the later one counts.
---Raises: what is no list of event types; an unknown option.
---```lua
---local Sync = af.event("sync", {})
---local Factory = af.TaskMessageEventFactory:extend({ Sync }, { keep = false })
---print(Factory.events.sync == Sync, Factory.events.party_failed)
---```
---@param list af.EventType[]
---@param options? { keep?: boolean }  keep = false: without those that were there
---@return af.TaskMessageEventFactory
function af.TaskMessageEventFactory:extend(list, options) end

---The event that a contract's content describes, as JSON; nil and why not, if it is none that is known.
---```lua
---print(af.TaskMessageEventFactory:read("party_failed", '{"peer_id": "n2", "reason": "x"}'))
---print(af.TaskMessageEventFactory:read("sync", "{}"))
---```
---@param kind? string  its type
---@param content string  JSON
---@return af.Event? event
---@return string? why
function af.TaskMessageEventFactory:read(kind, content) end

---The event that a contract's table describes.
---Raises: an event type that is not registered, a table that does not validate.
---```lua
---print(af.TaskMessageEventFactory:contract_to_event { type = "notice_task_completion", result = true })
---```
---@param contract table
---@return af.Event
function af.TaskMessageEventFactory:contract_to_event(contract) end

---An event as the table that is sent.
---```lua
---local event = af.NoticeTaskCompletion { result = true }
---print(af.TaskMessageEventFactory:event_to_contract(event).type)
---```
---@param event af.Event
---@return table contract
function af.TaskMessageEventFactory:event_to_contract(event) end

-- Flows. -----------------------------------------------------------------------------------------

---Declares the flow of this file, which returns what this returns. Its keys: see flow, role and state.
---Raises: a key that is unknown, a state that is named and does not exist, and so on, each with its place.
---```lua
---return af.flow {
---  name = "nothing",
---  roles = { one = { start = "begun", states = { begun = {
---    enter = function() return af.done() end,
---  } } } },
---}
---```
---@param definition af.FlowKeys
---@return lightuserdata
function af.flow(definition) end

---The keys of af.flow.
---```lua
---local Ask, Answer = af.event("ask", {}), af.event("answer", { text = af.string })
---return af.flow {
---  name = "question", version = 1,
---  args = { text = af.optional(af.string, "yes") },
---  mock = { asker = 1, oracle = 1 },
---  roles = {
---    asker = { start = "asking", states = { asking = {
---      enter = function(party) party:send(party:nodes("oracle"), Ask {}) end,
---      after = { 5, "asking" },
---      [Answer] = function(party, event) return af.done(event.text) end,
---    } } },
---    oracle = { start = "listening", states = { listening = {
---      [Ask] = function(party, event, from) party:send(from, Answer { text = party.args.text }) end,
---      may_end = true,
---    } } },
---  },
---  invariants = { ["nobody fails"] = function(world)
---    return world:with_role("asker")[1].ended ~= "failed"
---  end },
---}
---```
---@class af.FlowKeys
---@field name string  valid UTF-8, at most 128 bytes
---@field version? integer  from 1 (the default); raised with each change, see migrate
---@field args? table<string, af.Type>  what the command line (--arg) or the launcher gives: party.args
---@field mock? table<string, integer>  how many parties of each role a simulation runs; absent: 1
---@field roles table<string, af.RoleKeys|fun(party: af.Party)>  by name; a function is a sequential script, run from its first line
---@field invariants? table<string, fun(world: af.World): boolean>  what holds after every step; false or an error is a violation, nil a mistake
---@field monitors? table<string, af.MonitorKeys>  automata beside a simulated or checked run; not run for real
---@field eventually? table<string, fun(world: af.World): boolean>  what holds at some time of every fair run; at most 64 of these, monitors and leads_to
---@field leads_to? table<string, (fun(world: af.World): boolean)[]>  { first, second }: whenever the first holds, the second does then or later
---@field report_failure? boolean  true (the default): a party that fails tells all others, by af.PartyFailed
---@field initiator? string  the role of the platform's initiator; absent: `initiator`, else `aggregator`
---@field migrate? table|fun(old: table): table  function(old) → { state =, data = }, of { role, state, data, version, args }; or one for each version: { [2] = … }
---@field mock_programs? table<string, fun(args: string[], input: string?): af.ProcessResult>  what af.process.run answers in mock and check
---@field migrate_back? fun(old: table): table  the way back to the version before, for a rollback
local flow = {}

---The keys of a role.
---```lua
---local Stop = af.event("stop", {})
---return af.flow { name = "stopping", mock = { one = 2 }, roles = { one = {
---  data = function(party) return { seen = 0 } end,
---  always = { [Stop] = function(party) return af.done(party.data.seen) end },
---  start = "running",
---  states = { running = { enter = function(party) party:broadcast(Stop {}) end } },
---} } }
---```
---@class af.RoleKeys
---@field data? fun(party: af.Party): table  the first data; absent: {}
---@field start string  the first state
---@field states table<string, af.StateKeys>  by name; a part stands among them at its prefix
---@field always? table  rows of every state: event types, defer, ignore, timeout; a state's own row of the same wins
local role = {}

---The keys of a state, beside event types: `[Event] = function(party, event, from)`, or the next state's name.
---A handler returns the next state's name, nil to stay, af.done or af.fail; to name a state is to enter it, its own too.
---```lua
---local Ping, Pong, Late = af.event("ping", {}), af.event("pong", {}), af.event("late", {})
---return af.flow { name = "keys", mock = { a = 1, b = 1 }, roles = {
---  a = { start = "asking", states = {
---    asking = {
---      enter = function(party)
---        party:send(party:nodes("b"), Ping {})
---        party:deadline("give_up", 60)
---      end,
---      after = { 1, "asking" },
---      timeout = { give_up = function() return af.fail("no answer") end },
---      [Pong] = "over",
---      ignore = { Late },
---    },
---    over = { enter = function() return af.done() end },
---  } },
---  b = { start = "serving", states = { serving = {
---    [Ping] = function(party, event, from) party:send(from, Pong {}) end,
---    defer = { Late },
---    may_end = true,
---  } } },
---} }
---```
---@class af.StateKeys
---@field enter? string|fun(party: af.Party): any  runs when the state is entered; may return as a handler does
---@field after? table  { seconds, handler or "state" }: fires once, unless the state is left or entered anew before; seconds may be function(party)
---@field defer? af.EventType[]  events that are kept for the next state that does not defer them
---@field ignore? af.EventType[]  events that are passed over
---@field timeout? table<string, string|fun(party: af.Party): any>  by a deadline's name: what party:deadline comes to
---@field may_end? boolean  the run may end while the party rests here
local state = {}

---Ends the party well: what a handler returns.
---Raises: a result that JSON cannot hold. Not returned, it is an error at the line where it was made.
---```lua
---return af.flow { name = "well", roles = { one = { start = "s", states = { s = {
---  enter = function() return af.done { rounds = 3 } end,
---} } } } }
---```
---@param result? any
---@return af.Outcome
function af.done(result) end

---Ends the party in failure, which is an outcome and no error: what a handler returns.
---```lua
---local Ping = af.event("ping", {})
---return af.flow { name = "ill", roles = { one = { start = "s", states = { s = {
---  enter = function(party) party:send(party.id, Ping {}) end,
---  [Ping] = function(party) return #party:nodes() > 0 and af.done() or af.fail("nobody is here") end,
---} } } } }
---```
---@param reason any
---@return af.Outcome
function af.fail(reason) end

---What af.done and af.fail give: for a handler to return, and for nothing else.
---```lua
---return af.flow { name = "outcome", roles = { one = { start = "s", states = { s = {
---  enter = function() return af.done("an outcome") end,
---} } } } }
---```
---@class af.Outcome
local Outcome = {}

---Raises where a protocol's expectation is broken, at the caller's line; else gives the condition back.
---Raises: `expectation broken: ` and the message.
---```lua party
---af.expect(#party:nodes("client") == 2, "two clients take part")
---```
---@param condition any
---@param message? string
---@return any condition
function af.expect(condition, message) end

---Seconds: since the start of a mock run, since 1970 for real; never backwards. A check has 0.
---Raises: while the file loads.
---```lua party
---party.data.asked_at = af.now()
---```
---@return number seconds
function af.now() end

---Waits, in a sequential script.
---Raises: in a handler (use `after` or party:deadline), fewer than 0 seconds or more than a year.
---```lua
---local before = af.now()
---af.sleep(2.5)
---print(af.now() - before)
---```
---@param seconds number
function af.sleep(seconds) end

---A new uuid. A handler that runs again after a crash draws the same.
---Raises: while the file loads.
---```lua party
---party.data.session = af.uuid()
---```
---@return string uuid
function af.uuid() end

---A handler's party. All but `data` is read-only, and a name that it does not have is an error.
---What a handler changes and sends takes effect when it has returned, all of it or none.
---```lua party
---party.data.asked = #party:nodes("client")
---party:log("%s asks %d in round %d", party.id, party.data.asked, party.args.round)
---```
---@class af.Party
---@field id string  the node's
---@field role string
---@field task_id string
---@field args table  the flow's arguments, typed
---@field data table  all that the party remembers: what JSON can hold, and strings of any bytes; what stands in its field `secret` is shown nowhere, and sealed where it is stored
---@field state string  the name of the state it is in
---@field contractor af.TaskMessageContractor  its sends queue like the party's own
local party = {}

---Sends an event when the handler has returned.
---Raises: what is no event, a target outside the task (where the nodes are known), a list that has EVERYONE in it.
---```lua party
---party:send(party:nodes("client"), Sync { round = 1 })
---```
---@param targets string|string[]  nodes; af.EVERYONE; an empty list sends nothing
---@param event af.Event
function party:send(targets, event) end

---Sends an event to every other node of the task.
---Raises: what is no event.
---```lua party
---party:broadcast(Sync { round = 1 })
---```
---@param event af.Event
function party:broadcast(event) end

---The task's nodes, or those of a role, this one included: the same list in the same order at every node.
---Raises: a role that the flow does not have; roles that are not known.
---```lua party
---for _, id in ipairs(party:nodes("client")) do party.data[id] = 0 end
---```
---@param role? string
---@return string[] ids
function party:nodes(role) end

---A time limit that outlives states; `timeout = { name = … }` of the state that the party is in then handles it.
---Raises: a name that no state of the role handles; fewer than 0 seconds or more than a year.
---```lua party
---party:deadline("give_up", 60)
---party:deadline("give_up", nil) -- not any more
---```
---@param name string
---@param seconds number|nil  from now; nil: cancelled
function party:deadline(name, seconds) end

---Keeps bytes beside the data, with the step: for what is large, or secret. They are in no trace, log or status, and on
---the disk they are sealed by a key of the node. They are forgotten when neither data (a whole text of it) nor a
---deferred event names them, and when the party ends, unless its result does. The same bytes have the same name, their
---SHA-256: who guesses them can tell, so keep no short secret without random bytes in it. A sequential role, which begins
---anew after a crash, keeps them for as long as it runs.
---Raises: what is no string; more than 1000 of them, or 192 MiB together.
---```lua party
---party.data.share = party:keep(af.crypto.random(32))
---```
---@param bytes string
---@return string ref  "kept:" and 64 hex digits, to be put into party.data
function party:keep(bytes) end

---The bytes that party:keep has kept.
---Raises: what party:keep does not give; what this party has not kept, or has forgotten.
---```lua party
---party.data.share = party.data.share or party:keep("a share")
---af.expect(party:kept(party.data.share) == "a share")
---```
---@param ref string  what party:keep gave
---@return string bytes
function party:kept(ref) end

---Adds a line to the party's log.
---Raises: as string.format does.
---```lua party
---party:log("round %d of %s", party.args.round, party.id)
---```
---@param format any  a text; with more arguments as for string.format
---@param ... any
function party:log(format, ...) end

---As af.now().
---```lua party
---party.data.begun = party:now()
---```
---@return number seconds
function party:now() end

---As af.TaskContractor:upload_file.
---```lua party
---party.data.url = party:upload_file(af.content("a model"))
---```
---@param source string|table  a path, af.content(bytes), or what party:keep gave
---@param persistent? boolean  keep it beyond the task (ignored in mock)
---@param upload_name? string
---@return string url
function party:upload_file(source, persistent, upload_name) end

---As af.TaskContractor:report_progress.
---```lua party
---party:report_progress(50)
---```
---@param percent integer  0 to 100
function party:report_progress(percent) end

---As af.TaskMessageContractor:upload_metric_report.
---```lua party
---party:upload_metric_report(party.id, af.content("loss 0.5"))
---```
---@param receivers string|string[]
---@param file string|table|nil  a path, af.content(bytes), what party:keep gave, or nil: there is none
function party:upload_metric_report(receivers, file) end

---As af.TaskMessageContractor:upload_model.
---```lua party
---party:upload_model(party.id, af.content("a model"))
---```
---@param receivers string|string[]
---@param file string|table|nil  a path, af.content(bytes), what party:keep gave, or nil: there is none
function party:upload_model(receivers, file) end

---As af.TaskMessageContractor:upload_task_achivement.
---```lua party
---party:upload_task_achivement(party.id, af.content("a model"), af.content("loss 0.5"))
---```
---@param aggregator string
---@param model_file string|table|nil
---@param report_file string|table|nil
function party:upload_task_achivement(aggregator, model_file, report_file) end

---The same, spelled right.
---```lua party
---party:upload_task_achievement(party.id, nil, af.content("loss 0.5"))
---```
---@param aggregator string
---@param model_file string|table|nil
---@param report_file string|table|nil
function party:upload_task_achievement(aggregator, model_file, report_file) end

---As af.TaskMessageContractor:notify_task_completion.
---```lua party
---party:notify_task_completion(true)
---```
---@param result boolean
function party:notify_task_completion(result) end

---What invariants see, read-only. A name that it does not have is an error.
---```lua
---return af.flow {
---  name = "seen", mock = { one = 3 },
---  roles = { one = { start = "s", states = { s = { enter = function() return af.done(1) end } } } },
---  invariants = { ["each result is 1"] = function(world)
---    for _, party in ipairs(world:with_role("one")) do
---      if party.ended == "done" and party.result ~= 1 then return false end
---    end
---    return true
---  end },
---}
---```
---@class af.World
---@field parties table<string, af.PartyView>  by ID
local world = {}

---The parties of a role, in the order of their IDs.
---Raises: a role that the flow does not have.
---```lua
---return af.flow {
---  name = "counted", mock = { one = 3 },
---  roles = { one = { start = "s", states = { s = { enter = function() return af.done() end } } } },
---  invariants = { ["three"] = function(world) return #world:with_role("one") == 3 end },
---}
---```
---@param role string
---@return af.PartyView[]
function world:with_role(role) end

---How many parties of a role are in a state, or were in it at their end; quicker than looking at each.
---Raises: a role that the flow does not have; a state that the role does not have.
---```lua
---return af.flow {
---  name = "turns", mock = { one = 3 },
---  roles = { one = { start = "s", states = { s = { enter = function() return af.done() end } } } },
---  invariants = { ["never more than three"] = function(world) return world:count("one", "s") <= 3 end },
---}
---```
---@param role string
---@param state string
---@return integer
function world:count(role, state) end

---A party as invariants see it, read-only.
---```lua
---return af.flow {
---  name = "viewed",
---  roles = { one = { start = "s", states = { s = { enter = function() return af.done() end } } } },
---  invariants = { ["it stays in s"] = function(world)
---    local view = world:with_role("one")[1]
---    return view.id == "one-1" and view.state == "s"
---  end },
---}
---```
---@class af.PartyView
---@field id string
---@field role string
---@field state string  the last one
---@field data table  the last ones
---@field ended? "done"|"failed"|"lost"  nil: it has not
---@field result? any  of af.done
---@field reason? string  of af.fail, or the error
local party_view = {}

---The keys of a monitor, which is told of each step of a run. `step` returns what it has seen now, a table of plain data; nil or
---true to keep what it had seen; false, or an error, is a violation. It is as pure as a handler.
---```lua
---return af.flow {
---  name = "monitored",
---  roles = { one = { start = "s", states = { s = { enter = function() return af.done() end } } } },
---  monitors = { ["ends once"] = { start = { ends = 0 }, step = function(seen, step)
---    if step.kind ~= "done" then return end
---    seen.ends = seen.ends + 1
---    return seen.ends == 1 and seen
---  end } },
---}
---```
---@class af.MonitorKeys
---@field start? table|fun(world: af.World): table  what it has seen before the first step, when no party has started; absent: {}
---@field step fun(seen: table, step: af.Step): table|boolean|nil
local monitor = {}

---What a monitor is told of, read-only: a name that it does not have is an error; what does not apply is nil.
---```lua
---return af.flow {
---  name = "stepped",
---  roles = { one = { start = "s", states = { s = { enter = function() return af.done() end } } } },
---  monitors = { ["s alone"] = { step = function(_, step)
---    if step.kind == "state" and step.state ~= "s" then return false end
---  end } },
---}
---```
---@class af.Step
---@field kind "start"|"deliver"|"after"|"deadline"|"duplicate"|"state"|"send"|"done"|"failed"|"unexpected"|"late"|"ignore"|"defer"|"crash"|"return"|"lost"|"drop"
---@field party string  whose step it is: of a contract its receiver's, but of `send`
---@field role string  the party's
---@field event? table  of a contract
---@field from? string  of a contract, as `to`
---@field to? string
---@field state? string  that the party is in, or enters; nil: it has not started
---@field timer? string  of `deadline` its name
---@field world af.World  before what a delivery or a timeout does, else behind it
local step = {}

-- Makers of states, and parts. -------------------------------------------------------------------

---Makers of states: what protocols do again and again.
---```lua
---print(type(af.patterns.gather))
---```
---@class af.patterns
af.patterns = {}

---The options of af.patterns.gather; those of af.patterns.ask are these with `to` and `say` for `from` and `ask`.
---```lua
---local Ask, Answer = af.event("ask", {}), af.event("answer", { n = af.integer })
---return af.flow { name = "sum", mock = { server = 1, client = 3 }, roles = {
---  server = {
---    data = function() return { sum = 0 } end,
---    start = "collect", states = { collect = af.patterns.gather {
---      from = function(party) return party:nodes("client") end,
---      ask = function() return Ask {} end,
---      answer = Answer,
---      take = function(party, _, event) party.data.sum = party.data.sum + event.n end,
---      every = 5, tries = 3, need = 2,
---      done = function(party) return af.done(party.data.sum) end,
---    } },
---  },
---  client = { start = "s", states = { s = {
---    [Ask] = function(party, _, from) party:send(from, Answer { n = 1 }) end, may_end = true,
---  } } },
---} }
---```
---@class af.GatherOptions
---@field from string[]|fun(party: af.Party): string[]  who is asked
---@field ask? fun(party: af.Party, ids: string[], try: integer): af.Event?  one event for all who have not answered; nil: it has sent itself
---@field answer af.EventType|af.EventType[]  a list of them makes one answer
---@field who? fun(event: af.Event, from: string): string  whose answer it is; absent: the sender's
---@field accept? fun(party: af.Party, event: af.Event, id: string): boolean  whether it is of this round; absent: it is
---@field take? fun(party: af.Party, id: string, event: af.Event)  what becomes of an answer
---@field need? integer|fun(party: af.Party): integer  how many must answer; absent: all
---@field every number|fun(party: af.Party): number  seconds between two tries
---@field tries? integer|fun(party: af.Party): integer  absent: 1
---@field done string|fun(party: af.Party, ids: string[], missing: string[]): any  all have answered, or `need` have when the tries are over
---@field short? string|fun(party: af.Party, ids: string[], missing: string[]): any  fewer have; absent: the party fails
---@field more? table  further keys of the state, none of the maker's own
local gather_options = {}

---A state that asks all of `from` who have not answered, every `every` seconds, `tries` times. It counts who has
---answered, not answers. Entered other than by its own retry it starts afresh.
---Raises: an option that is missing, unknown or of another kind.
---```lua
---local Ask, Answer = af.event("ask", {}), af.event("answer", {})
---return af.flow { name = "round", mock = { server = 1, client = 3 }, roles = {
---  server = { start = "collect", states = {
---    collect = af.patterns.gather {
---      from = function(party) return party:nodes("client") end,
---      ask = function(party, ids) return Ask {} end,
---      answer = Answer, every = 5, tries = 3, need = 2, done = "over",
---    },
---    over = { enter = function() return af.done() end },
---  } },
---  client = { start = "s", states = { s = {
---    [Ask] = function(party, event, from) party:send(from, Answer {}) end, may_end = true,
---  } } },
---} }
---```
---@param options af.GatherOptions
---@return af.StateKeys
function af.patterns.gather(options) end

---The options of af.patterns.ask.
---```lua
---print(type(af.patterns.ask))
---```
---@class af.AskOptions
---@field to string|fun(party: af.Party): string  who is asked
---@field say fun(party: af.Party): af.Event?  what; nil: it has sent itself
---@field answer af.EventType|af.EventType[]
---@field accept? fun(party: af.Party, event: af.Event, id: string): boolean  whether it is of this round; absent: it is
---@field take? fun(party: af.Party, id: string, event: af.Event)  what becomes of the answer
---@field every number|fun(party: af.Party): number  seconds between two tries
---@field tries? integer|fun(party: af.Party): integer  absent: 1
---@field done string|fun(party: af.Party, ids: string[], missing: string[]): any  it has answered
---@field short? string|fun(party: af.Party, ids: string[], missing: string[]): any  it has not; absent: the party fails
---@field more? table  further keys of the state
local ask_options = {}

---A gather of one: asks `to` with what say(party) gives, until it answers or the tries are over.
---Raises: an option that is missing, unknown or of another kind.
---```lua
---local Ask, Answer = af.event("ask", {}), af.event("answer", { text = af.string })
---return af.flow { name = "one", mock = { asker = 1, oracle = 1 }, roles = {
---  asker = { start = "asking", states = { asking = af.patterns.ask {
---    to = function(party) return party:nodes("oracle")[1] end,
---    say = function() return Ask {} end,
---    answer = Answer, every = 5, tries = 3,
---    take = function(party, _, event) party.data.text = event.text end,
---    done = function(party) return af.done(party.data.text) end,
---  } } },
---  oracle = { start = "s", states = { s = {
---    [Ask] = function(party, _, from) party:send(from, Answer { text = "yes" }) end, may_end = true,
---  } } },
---} }
---```
---@param options af.AskOptions
---@return af.StateKeys
function af.patterns.ask(options) end

---The options of af.patterns.suspect.
---```lua
---print(type(af.patterns.suspect))
---```
---@class af.SuspectOptions
---@field every number  seconds between two heartbeats
---@field after number  seconds of silence
---@field suspected fun(party: af.Party, id: string): any  who has fallen silent, once until it is heard of again; what it returns is the next state
---@field who? string[]|fun(party: af.Party): string[]  who is watched; absent: all others
---@field more? table  further rows of `always`
local suspect_options = {}

---Heartbeats and suspicion, for a role's `always`.
---Raises: an option that is missing, unknown or of another kind.
---```lua
---return af.flow { name = "alive", mock = { member = 2 }, roles = { member = {
---  always = af.patterns.suspect { every = 0.2, after = 1,
---    suspected = function(party, id) return af.fail(id .. " is silent") end },
---  start = "s", states = { s = { after = { 0.5, function() return af.done() end } } },
---} } }
---```
---@param options af.SuspectOptions
---@return table always
function af.patterns.suspect(options) end

---Declares a part: a protocol that flows play at a key of their states, and a flow by itself when its file is run.
---`Part.server { parameters …, done =, failed = }` stands among a role's states; done and failed are states, or
---function(party, result) and function(party, reason).
---Raises: a key that is unknown; where it is played, a parameter that is unknown, missing or of another type.
---```lua
---return af.part {
---  name = "count", mock = { server = 1 },
---  params = { to = af.optional(af.integer, 3) },
---  roles = { server = function(at) return { start = "counting", states = { counting = {
---    enter = function(party)
---      local data = at.data(party)
---      data.n = (data.n or 0) + 1
---      if data.n < at.param(party, "to") then return at.state "counting" end
---      return at.done(party, data.n)
---    end,
---  } } } end },
---}
---```
---@param definition af.PartKeys
---@return table part
function af.part(definition) end

---The keys of af.part.
---```lua
---print(type(af.part))
---```
---@class af.PartKeys
---@field name string
---@field version? integer  as a flow's, for the part alone
---@field mock? table<string, integer>  parties of each role, for the part alone
---@field params? table<string, af.Type>  what a flow gives it; for the part alone the arguments
---@field roles table<string, fun(at: af.At): table>  by name: what makes { start =, states =, data = } of a role
---@field invariants? table<string, fun(world: af.World, at: af.At): boolean>  for each place
---@field monitors? table<string, af.MonitorKeys>  for each place; step(seen, step, at), start(world, at)
local part = {}

---Where a part stands: given to what makes its roles, and to its invariants. Its functions are called with a dot.
---```lua
---return af.part { name = "at", mock = { one = 1 }, roles = { one = function(at)
---  return { start = "s", states = { s = { enter = function(party)
---    return at.done(party, at.role("one") .. at.state("s"))
---  end } } }
---end } }
---```
---@class af.At
local at = {}

---The full name of one of the part's states.
---```lua
---return af.part { name = "named", roles = { one = function(at) return { start = "s", states = {
---  s = { enter = function() return at.state "t" end },
---  t = { enter = function(party) return at.done(party) end },
---} } end } }
---```
---@param name string
---@return string
function at.state(name) end

---What the part keeps of a party: a table of its own in the party's data. Empty for an invariant, or a monitor, that
---looks at a party which has not entered the part yet.
---```lua
---return af.part { name = "kept", roles = { one = function(at) return { start = "s", states = { s = {
---  enter = function(party)
---    at.data(party).n = 1
---    return at.done(party, at.data(party).n)
---  end,
---} } } end } }
---```
---@param party af.Party|af.PartyView
---@return table
function at.data(party) end

---A parameter: a value, or what the flow's function(party) gives.
---Raises: a parameter that the part does not have, a value of another type.
---```lua
---return af.part { name = "given", params = { n = af.optional(af.integer, 2) },
---  roles = { one = function(at) return { start = "s", states = { s = {
---    enter = function(party) return at.done(party, at.param(party, "n")) end,
---  } } } end } }
---```
---@param party af.Party
---@param name string
---@return any
function at.param(party, name) end

---The flow's name of the role that plays one of the part's.
---Raises: a role that the part does not have, or that no role or several play.
---```lua
---return af.part { name = "played", roles = { one = function(at) return { start = "s", states = { s = {
---  enter = function(party) return at.done(party, #party:nodes(at.role "one")) end,
---} } } end } }
---```
---@param name string
---@return string
function at.role(name) end

---Leaves the part, which is done: what a handler returns.
---```lua
---return af.part { name = "over", roles = { one = function(at) return { start = "s", states = { s = {
---  enter = function(party) return at.done(party, "well") end,
---} } } end } }
---```
---@param party af.Party
---@param result? any
---@return string|af.Outcome
function at.done(party, result) end

---Leaves the part, which has failed: what a handler returns.
---```lua
---return af.part { name = "failing", roles = { one = function(at) return { start = "s", states = { s = {
---  enter = function(party)
---    if #party:nodes() == 0 then return at.failed(party, "nobody is here") end
---    return at.done(party)
---  end,
---} } } end } }
---```
---@param party af.Party
---@param reason string
---@return string|af.Outcome
function at.failed(party, reason) end

-- Contractors. -----------------------------------------------------------------------------------

---One task's nodes, files and progress. `:extend { … }` makes a class of one's own.
---Raises when called: a task ID that is no text.
---```lua contractor
---local plain = af.TaskContractor("t1")
---print(plain.task_id, #plain:query_nodes())
---```
---@class af.TaskContractor
---@overload fun(task_id: string): af.TaskContractor
---@field EVERYONE string  every node of the task, the sender included
---@field CHANNEL string  of the platform: "federated"
---@field task_id string
af.TaskContractor = {}

---Makes a class of one's own, which has what this one has.
---Raises: what is no table.
---```lua contractor
---local Mine = af.TaskContractor:extend { greeting = "hello" }
---print(Mine("t1").greeting)
---```
---@param fields? table
---@return table class
function af.TaskContractor:extend(fields) end

---Begins a new contractor; a class of one's own that has another calls this one.
---```lua contractor
---local Mine = af.TaskContractor:extend()
---function Mine:init(task_id, round)
---  af.TaskContractor.init(self, task_id)
---  self.round = round
---end
---print(Mine("t1", 3).round)
---```
---@param task_id string
function af.TaskContractor:init(task_id) end

---The task's members. In a mock context its `nodes`, else none, with a warning.
---```lua contractor
---for _, id in ipairs(contractor:query_nodes()) do print(id) end
---```
---@return string[] ids
function af.TaskContractor:query_nodes() end

---Uploads a file and gives its URL, which every node of the task can read.
---Raises: a file that is not there, or may not be read.
---```lua contractor
---print(contractor:upload_file(af.content("a model")):sub(1, 7))
---```
---@param source string|table  a path, af.content(bytes), or what party:keep gave
---@param persistent? boolean  keep it beyond the task (ignored in mock)
---@param upload_name? string
---@return string url
function af.TaskContractor:upload_file(source, persistent, upload_name) end

---Tells how far the task is.
---Raises: what is no integer from 0 to 100.
---```lua contractor
---contractor:report_progress(50)
---```
---@param percent integer  0 to 100
function af.TaskContractor:report_progress(percent) end

---Sends and receives one task's contracts. A designer's own extends it.
---```lua
---local Sync = af.event("sync", { round = af.integer })
---local Factory = af.TaskMessageEventFactory:extend { Sync }
---local Mine = af.TaskMessageContractor:extend { event_factory = Factory }
---function Mine:sync(round)
---  return self:new_contract(self.EVERYONE, Sync { round = round })
---end
---af.mock_context({ id = "n1", nodes = { "n1" } }, function()
---  local contractor = Mine("t1")
---  contractor:sync(11)
---  for event, info in contractor:contract_events { timeout = 1 } do print(event, info.from) end
---end)
---```
---@class af.TaskMessageContractor: af.TaskContractor
---@overload fun(task_id: string): af.TaskMessageContractor
---@field event_factory af.TaskMessageEventFactory  which events it understands
af.TaskMessageContractor = {}

---Sends an event.
---Raises: what is no event; a target outside the task, where its nodes are known; a list that has EVERYONE in it.
---```lua contractor
---local uuid = contractor:new_contract({ "n2" }, af.NoticeTaskCompletion { result = true })
---print(#uuid)
---```
---@param targets string|string[]  nodes, or EVERYONE; an empty list sends nothing
---@param event af.Event
---@return string uuid  the contract's
function af.TaskMessageContractor:new_contract(targets, event) end

---The options of contract_events.
---```lua contractor
---for event in contractor:contract_events { timeout = 1, types = { af.PartyFailed } } do print(event) end
---```
---@class af.ContractEventsOptions
---@field timeout? number  seconds from now; 0 or absent: for ever
---@field types? af.EventType[]  only events of these types; others stay where they are, for the next loop
---@field except? af.EventType[]  none of these types; they stay as well
local contract_events_options = {}

---Iterates over received events, in a sequential script: `for event, info in …`. Leaving the loop stops listening.
---What arrives while no loop listens waits for the next one.
---Raises: in a handler; an option that is unknown or of another kind.
---```lua contractor
---contractor:new_contract(contractor.EVERYONE, af.NoticeTaskCompletion { result = true })
---for event, info in contractor:contract_events { timeout = 30 } do
---  print(info.from, event.result)
---  break
---end
---```
---@param options? af.ContractEventsOptions
---@return fun(): af.Event?, af.Info?
function af.TaskMessageContractor:contract_events(options) end

---What contract_events gives beside an event. A name that it does not have is an error.
---```lua contractor
---contractor:new_contract("n1", af.NoticeTaskCompletion { result = true })
---for _, info in contractor:contract_events { timeout = 1 } do print(info.from, info.uuid, info.time) end
---```
---@class af.Info
---@field from? string  who sent it; nil where the bus cannot tell
---@field uuid string  the contract's
---@field time? number  when it was sent, in seconds
local info = {}

---Asks to send data: with opts.file_url through a shared file, with opts.public_key directly.
---Raises: neither of them; an unknown option.
---```lua contractor
---local url = contractor:upload_file(af.content("data"))
---print(#contractor:apply_sending_data("n1", { "n2" }, { file_url = url }))
---```
---@param source string  who sends
---@param target string|string[]
---@param opts { file_url?: string, public_key?: string }
---@return string session_id
function af.TaskMessageContractor:apply_sending_data(source, target, opts) end

---Refuses what was applied for.
---```lua contractor
---contractor:deny_sending_data("n2", "session", "n1", "no room")
---```
---@param target string  who applied
---@param session_id string
---@param rejecter string
---@param cause? string
function af.TaskMessageContractor:deny_sending_data(target, session_id, rejecter, cause) end

---Accepts what was applied for: with opts.port directly, else the file has been fetched.
---Raises: an unknown option.
---```lua contractor
---contractor:accept_sending_data("n2", "session", { receiver = "n1" })
---```
---@param target string  who applied
---@param session_id string
---@param opts? { port?: string, public_key?: string, receiver?: string }  receiver: absent: this node
function af.TaskMessageContractor:accept_sending_data(target, session_id, opts) end

---Uploads a report and tells the receivers.
---Raises: a file that is not there.
---```lua contractor
---contractor:upload_metric_report("n2", af.content("loss 0.5"))
---```
---@param receivers string|string[]
---@param file string|table|nil  a path, af.content(bytes), what party:keep gave, or nil: there is none
function af.TaskMessageContractor:upload_metric_report(receivers, file) end

---Uploads a model and tells the receivers.
---Raises: a file that is not there.
---```lua contractor
---contractor:upload_model("n2", af.content("a model"))
---```
---@param receivers string|string[]
---@param file string|table|nil  a path, af.content(bytes), what party:keep gave, or nil: there is none
function af.TaskMessageContractor:upload_model(receivers, file) end

---The older call for a model and a report.
---Raises: a file that is not there.
---```lua contractor
---contractor:upload_task_achivement("n2", af.content("a model"), af.content("loss 0.5"))
---```
---@param aggregator string
---@param model_file string|table|nil
---@param report_file string|table|nil
function af.TaskMessageContractor:upload_task_achivement(aggregator, model_file, report_file) end

---The same, spelled right.
---```lua contractor
---contractor:upload_task_achievement("n2", af.content("a model"), nil)
---```
---@param aggregator string
---@param model_file string|table|nil
---@param report_file string|table|nil
function af.TaskMessageContractor:upload_task_achievement(aggregator, model_file, report_file) end

---Tells all parties, this one included, that the task is over.
---Raises: what is no boolean.
---```lua contractor
---contractor:notify_task_completion(true)
---```
---@param result boolean
function af.TaskMessageContractor:notify_task_completion(result) end

---af.TaskContractor on the platform's channel `automl`.
---```lua
---print(af.AutoTaskContractor.CHANNEL)
---```
---@class af.AutoTaskContractor: af.TaskContractor
---@overload fun(task_id: string): af.AutoTaskContractor
---@field CHANNEL string  "automl"
af.AutoTaskContractor = {}

---af.TaskMessageContractor on the platform's channel `automl`.
---```lua
---print(af.AutoTaskMessageContractor.CHANNEL)
---```
---@class af.AutoTaskMessageContractor: af.TaskMessageContractor
---@overload fun(task_id: string): af.AutoTaskMessageContractor
---@field CHANNEL string  "automl"
af.AutoTaskMessageContractor = {}

---The platform's task manager.
---```lua
---print(af.BassProxy():launch_task("t1", "bundle"))
---```
---@class af.BassProxy
---@overload fun(): af.BassProxy
af.BassProxy = {}

---Makes a class of one's own, which has what this one has.
---```lua
---local Mine = af.BassProxy:extend { task_id = "t1" }
---print(Mine().task_id)
---```
---@param fields? table
---@return table class
function af.BassProxy:extend(fields) end

---Tells whether local data passed validation. No effect in mock.
---Raises: what is no task ID, no boolean, no text.
---```lua
---af.BassProxy():notify_dataset_state("t1", false, "too few rows")
---```
---@param task_id string
---@param verified boolean
---@param cause? string
function af.BassProxy:notify_dataset_state(task_id, verified, cause) end

---Asks to start a task from an uploaded bundle. No effect in mock, and true.
---Raises: what is no task ID, no text.
---```lua
---print(af.BassProxy():launch_task("t1", "bundle"))
---```
---@param task_id string
---@param file_key string
---@return boolean
function af.BassProxy:launch_task(task_id, file_key) end

---Bytes in memory, to be uploaded as a file.
---Raises: what is no string.
---```lua contractor
---print(#contractor:upload_file(af.content("a model")) > 0)
---```
---@param bytes string
---@return table content
function af.content(bytes) end

---Reads back what a URL names.
---Raises: an unknown option, a host or folder that is not granted, a file that is not there or too big, another SHA-256, the timeout.
---```lua contractor
---print(af.download(contractor:upload_file(af.content("a model"))))
---```
---@param url string  http(s)://… or file://…
---@param options? { path?: string, sha256?: string, max_bytes?: integer, timeout?: number }  path: a file to write to; max_bytes: absent: 512 MiB, of a file 8 GiB; timeout in seconds, absent: for ever
---@return string bytes  or the path
function af.download(url, options) end

---Runs a function as a node of a mock network. The options may be left out: `af.mock_context(fn)`.
---Raises: an unknown option; what the function raises.
---```lua
---af.mock_context({ id = "n1", nodes = { "n1", "n2" } }, function()
---  print(af.mock_node_id(), #af.mock_nodes())
---end)
---```
---@param options? { id?: string, nodes?: string[], clean?: boolean }  id: absent: the script's name; nodes: absent: {}; clean: forget what a shared store holds
---@param fn fun(): any
---@return any ...  what fn returns
function af.mock_context(options, fn) end

---Whether contracts go through a mock.
---```lua
---print(af.is_mock_mode())
---```
---@return boolean
function af.is_mock_mode() end

---The mock's node ID of this script.
---```lua
---print(af.mock_node_id())
---```
---@return string? id
function af.mock_node_id() end

---The nodes of the mock network.
---```lua contractor
---print(#af.mock_nodes())
---```
---@return string[] ids
function af.mock_nodes() end

-- Data channel and programs. ---------------------------------------------------------------------

---Data from node to node through a shared file, with the platform's handshake. `af.data_channel(contractor)` is
---for sequential scripts; for flows there are two makers of states, sending and receiving.
---Raises when called: what is no TaskMessageContractor.
---```lua contractor
---local channel = af.data_channel(contractor)
---print(channel:receive_stream { source = "n2", timeout = 1 })
---```
---@class af.data_channel
---@overload fun(contractor: af.TaskMessageContractor): af.data_channel
af.data_channel = {}

---Makes a class of one's own, which has what this one has.
---```lua contractor
---local Mine = af.data_channel:extend { name = "models" }
---print(Mine(contractor).name)
---```
---@param fields? table
---@return table class
function af.data_channel:extend(fields) end

---Begins a new channel; a class of one's own that has another calls this one.
---```lua contractor
---local Mine = af.data_channel:extend()
---function Mine:init(of) af.data_channel.init(self, of) end
---print(Mine(contractor):receive_stream { source = "n2", timeout = 1 })
---```
---@param contractor af.TaskMessageContractor
function af.data_channel:init(contractor) end

---The options of send_stream and batch_send_stream.
---```lua contractor
---local channel = af.data_channel(contractor)
---print(#channel:batch_send_stream { target = { "n2" }, data_stream = "bytes", timeout = 1 })
---```
---@class af.SendOptions
---@field source? string  who sends; absent: this node
---@field target string|string[]
---@field data_stream? string  bytes, or
---@field path? string  a file, or
---@field ref? string  what party:keep gave
---@field timeout? number  seconds for all of it; absent or 0: 60
---@field complementary_handler? fun(event: af.Event, info: af.Info)  for other events; absent: they wait for the next loop
---@field ensure_all_succ? boolean  it is an error if one has not got the data
local send_options = {}

---The options of receive_stream and batch_receive_stream.
---```lua contractor
---local channel = af.data_channel(contractor)
---print(next(channel:batch_receive_stream { source_list = { "n2" }, timeout = 1 }))
---```
---@class af.ReceiveOptions
---@field receiver? string  who receives; absent: this node
---@field source? string  receive_stream: from whom
---@field source_list? string[]  batch_receive_stream: from whom
---@field timeout? number  seconds; absent or 0: for ever
---@field path? string|fun(source: string): string  a file that the bytes are written to; of batch_receive_stream a function
---@field complementary_handler? fun(event: af.Event, info: af.Info)  for other events; absent: they wait for the next loop
---@field ensure_all_succ? boolean  it is an error if one has not sent in time
local receive_options = {}

---Sends to one node, and waits until it has the data.
---Raises: an option that is missing, unknown or of another kind; two of data_stream, path and ref; a ref under which
---nothing is kept; a call in a handler.
---```lua contractor
---local channel = af.data_channel(contractor)
---print(channel:send_stream { target = "n2", data_stream = "bytes", timeout = 1 })
---```
---@param options af.SendOptions
---@return string? receiver  nil: it refused, or did not answer in time
---@return string? why
function af.data_channel:send_stream(options) end

---Sends to several nodes, and waits until they have the data.
---Raises: as send_stream; with ensure_all_succ, that one has not got it.
---```lua contractor
---local channel = af.data_channel(contractor)
---print(#channel:batch_send_stream { target = { "n2" }, data_stream = "bytes", timeout = 1 })
---```
---@param options af.SendOptions
---@return string[] receivers  those that have the data
function af.data_channel:batch_send_stream(options) end

---Receives from one node.
---Raises: an option that is missing, unknown or of another kind; a call in a handler.
---```lua contractor
---local channel = af.data_channel(contractor)
---print(channel:receive_stream { source = "n2", timeout = 1 })
---```
---@param options af.ReceiveOptions
---@return string? source  nil: nothing came in time
---@return string? bytes  or the path that they were written to
function af.data_channel:receive_stream(options) end

---Receives from several nodes.
---Raises: as receive_stream; with ensure_all_succ, that one has not sent.
---```lua contractor
---local channel = af.data_channel(contractor)
---for source, bytes in pairs(channel:batch_receive_stream { source_list = { "n2" }, timeout = 1 }) do
---  print(source, #bytes)
---end
---```
---@param options af.ReceiveOptions
---@return table<string, string> received  source → bytes, or the path
function af.data_channel:batch_receive_stream(options) end

---The options of af.data_channel.sending.
---```lua
---print(type(af.data_channel.sending))
---```
---@class af.SendingOptions
---@field target string|string[]|fun(party: af.Party): string[]
---@field data? string|fun(party: af.Party): string  bytes, or
---@field path? string|fun(party: af.Party): string  a file, or
---@field ref? string|fun(party: af.Party): string  what party:keep gave
---@field timeout? number  seconds; absent or 0: 60; or
---@field every? number|fun(party: af.Party): number  seconds until it offers again to those who have not answered
---@field tries? integer|fun(party: af.Party): integer  absent: 1
---@field need? integer|fun(party: af.Party): integer  how many must have the data; absent: all
---@field label? string|fun(party: af.Party): string  what the data are of (a round), told to the receivers
---@field ask? fun(party: af.Party, ids: string[], try: integer): af.Event?  an event that goes before each offer
---@field done string|fun(party: af.Party, ids: string[], missing: string[]): any  all have the data, or `need` when the tries are over
---@field failed? string|fun(party: af.Party, why: string, ids: string[]): any  absent: the party fails
---@field state? table  further keys of the state
local sending_options = {}

---The options of af.data_channel.receiving.
---```lua
---print(type(af.data_channel.receiving))
---```
---@class af.ReceivingOptions
---@field source string|string[]|fun(party: af.Party): string[]
---@field received fun(party: af.Party, source: string, bytes: string): string?  takes what is to be kept; returns why the data are refused, or nil
---@field path? string|fun(party: af.Party, source: string): string  a file that the bytes go to; `received` is given the path
---@field timeout? number  seconds; absent or 0: for ever; or
---@field every? number|fun(party: af.Party): number  seconds until those whose data are missing are asked again
---@field tries? integer|fun(party: af.Party): integer  absent: 1
---@field need? integer|fun(party: af.Party): integer  how many must have sent; absent: all
---@field label? string|fun(party: af.Party): string  of which data (a round): what has another label is late, and passed over
---@field ask? fun(party: af.Party, ids: string[], try: integer): af.Event?  an event to those whose data are missing
---@field done string|fun(party: af.Party, ids: string[], missing: string[]): any  all have sent, or `need` when the tries are over
---@field failed? string|fun(party: af.Party, why: string, ids: string[]): any  absent: the party fails
---@field state? table  further keys of the state
local receiving_options = {}

---A state that sends data to some nodes and is left when all have it.
---Raises: an option that is missing, unknown or of another kind.
---```lua
---return af.flow { name = "gift", mock = { giver = 1, taker = 2 }, roles = {
---  giver = { start = "giving", states = { giving = af.data_channel.sending {
---    target = function(party) return party:nodes("taker") end,
---    data = "bytes", timeout = 60,
---    done = function(party, receivers) return af.done(#receivers) end,
---  } } },
---  taker = { start = "taking", states = { taking = af.data_channel.receiving {
---    source = function(party) return party:nodes("giver") end,
---    received = function(party, source, bytes) party.data.size = #bytes end,
---    done = function(party) return af.done(party.data.size) end,
---  } } },
---} }
---```
---@param options af.SendingOptions
---@return af.StateKeys
function af.data_channel.sending(options) end

---A state that receives data from some nodes and is left when all have sent. A state before it defers
---af.ApplySfSendingData.
---Raises: an option that is missing, unknown or of another kind.
---```lua
---return af.flow { name = "loan", mock = { lender = 1, borrower = 1 }, roles = {
---  lender = { start = "lending", states = { lending = af.data_channel.sending {
---    target = function(party) return party:nodes("borrower") end, data = "bytes",
---    done = function() return af.done() end,
---  } } },
---  borrower = { start = "borrowing", states = { borrowing = af.data_channel.receiving {
---    source = function(party) return party:nodes("lender") end,
---    received = function(party, source, bytes) party.data[source] = af.crypto.hex(bytes) end,
---    timeout = 60, done = function() return af.done() end,
---  } } },
---} }
---```
---@param options af.ReceivingOptions
---@return af.StateKeys
function af.data_channel.receiving(options) end

---A row for ApplySfSendingData of states that receive nothing: what the party has accepted, and is offered again since
---its answer was lost, is accepted again; all else is passed over.
---```lua
---local Stop = af.event("stop", {})
---return af.flow { name = "once", mock = { giver = 1, taker = 1 }, roles = {
---  giver = { start = "giving", states = {
---    giving = af.data_channel.sending {
---      target = function(party) return party:nodes("taker") end, data = "bytes", every = 5, tries = 3,
---      done = function(party) party:broadcast(Stop {}) return af.done() end,
---    },
---  } },
---  taker = { start = "taking", states = {
---    taking = af.data_channel.receiving {
---      source = function(party) return party:nodes("giver") end,
---      received = function(party, source, bytes) party.data.size = #bytes end, done = "resting",
---    },
---    resting = { may_end = true, [af.ApplySfSendingData] = af.data_channel.again,
---      [Stop] = function(party) return af.done(party.data.size) end },
---  } },
---} }
---```
---@param party af.Party
---@param event af.Event
---@param from? string
function af.data_channel.again(party, event, from) end

---Programs beside the flow, as far as the operator grants them (--allow-run).
---```lua
---print(type(af.process.run))
---```
---@class af.process
af.process = {}

---Runs a program to its end: no shell, standard input as given. A status other than 0 is a result. A handler that
---runs again after a crash runs it again, with the same AFRUN_CALL_ID.
---Raises: a program that is not granted, does not start, takes more than timeout or writes more than max_bytes.
---```lua
---local ok, why = pcall(af.process.run, "python3", { args = { "train.py" }, timeout = 600 })
---print(ok, why) -- it is not granted here
---```
---@param program string  as granted
---@param options? { args?: string[], input?: string, input_path?: string, output_path?: string, timeout?: number, max_bytes?: integer }  a file that it reads, one that gets what it writes if it ends with status 0; timeout in seconds (3600), max_bytes of its output (32 MiB)
---@return af.ProcessResult
function af.process.run(program, options) end

---What a program has left.
---```lua
---print(type(af.process.run))
---```
---@class af.ProcessResult
---@field status integer  0: it ended well; 128 + n: signal n ended it
---@field output string  what it wrote to standard output, bytes as they are
---@field errors string  and to standard error
local process_result = {}

-- Vectors. ---------------------------------------------------------------------------------------

---Numbers packed as immutable strings, little-endian, which go into events (af.bytes) and files. The last argument
---is the type: "f64" (absent), "f32", "i64", "u64", "u32". u32 and u64 wrap; i64, f32 and f64 raise on overflow.
---```lua
---local v = af.vector.pack { 1, 2, 3 }
---print(#v, af.vector.count(v), af.vector.dot(v, v))
---```
---@class af.vector
af.vector = {}

---@alias af.VectorType "f64"|"f32"|"i64"|"u64"|"u32"

---A vector of a list's numbers.
---Raises: what is no number, NaN, an infinity, a fraction where integers are wanted; with its index.
---```lua
---local v = af.vector.pack({ 1, 2, 3 }, "u64")
---print(af.vector.count(v, "u64"))
---```
---@param list number[]
---@param type? af.VectorType
---@return string v
function af.vector.pack(list, type) end

---The list of a vector's numbers.
---Raises: bytes that are no whole number of them.
---```lua
---print(table.concat(af.vector.unpack(af.vector.pack { 1, 2 }), " "))
---```
---@param v string
---@param type? af.VectorType
---@return number[] list
function af.vector.unpack(v, type) end

---How many numbers a vector has.
---Raises: bytes that are no whole number of them.
---```lua
---print(af.vector.count(af.vector.zeros(10)))
---```
---@param v string
---@param type? af.VectorType
---@return integer
function af.vector.count(v, type) end

---A vector of n zeros.
---Raises: a negative count, or one too large.
---```lua
---print(#af.vector.zeros(10, "f32"))
---```
---@param n integer
---@param type? af.VectorType
---@return string v
function af.vector.zeros(n, type) end

---The numbers from one place to another, both included.
---Raises: places outside the vector.
---```lua
---print(af.vector.unpack(af.vector.slice(af.vector.pack { 1, 2, 3 }, 2, 3))[1])
---```
---@param v string
---@param from integer  from 1
---@param to integer
---@param type? af.VectorType
---@return string v
function af.vector.slice(v, from, to, type) end

---a + b.
---Raises: lengths that differ, NaN, an overflow; with the index.
---```lua
---print(af.vector.unpack(af.vector.add(af.vector.pack { 1 }, af.vector.pack { 2 }))[1])
---```
---@param a string
---@param b string
---@param type? af.VectorType
---@return string v
function af.vector.add(a, b, type) end

---a - b.
---Raises: lengths that differ, NaN, an overflow; with the index.
---```lua
---print(af.vector.unpack(af.vector.sub(af.vector.pack { 3 }, af.vector.pack { 2 }))[1])
---```
---@param a string
---@param b string
---@param type? af.VectorType
---@return string v
function af.vector.sub(a, b, type) end

---v times a number.
---Raises: NaN, an overflow; with the index.
---```lua
---print(af.vector.unpack(af.vector.scale(af.vector.pack { 3 }, 0.5))[1])
---```
---@param v string
---@param x number  an integer for i64, u64 and u32
---@param type? af.VectorType
---@return string v
function af.vector.scale(v, x, type) end

---x times a, plus b.
---Raises: lengths that differ, NaN, an overflow; with the index.
---```lua
---print(af.vector.unpack(af.vector.axpy(2, af.vector.pack { 3 }, af.vector.pack { 1 }))[1])
---```
---@param x number
---@param a string
---@param b string
---@param type? af.VectorType
---@return string v
function af.vector.axpy(x, a, b, type) end

---The sum of the products of two vectors' numbers.
---Raises: lengths that differ, an overflow.
---```lua
---print(af.vector.dot(af.vector.pack { 1, 2 }, af.vector.pack { 3, 4 }))
---```
---@param a string
---@param b string
---@param type? af.VectorType
---@return number
function af.vector.dot(a, b, type) end

---The Euclidean length.
---Raises: a type of integers.
---```lua
---print(af.vector.norm(af.vector.pack { 3, 4 }))
---```
---@param v string
---@param type? "f64"|"f32"
---@return number
function af.vector.norm(v, type) end

---Each number moved into a range.
---```lua
---print(af.vector.unpack(af.vector.clamp(af.vector.pack { 3, 40 }, 0, 10))[2])
---```
---@param v string
---@param low number
---@param high number
---@param type? af.VectorType
---@return string v
function af.vector.clamp(v, low, high, type) end

---The vector, made shorter if it is longer than max_norm; and how long it was.
---Raises: a type of integers.
---```lua
---local clipped, norm = af.vector.clip(af.vector.pack { 6, 8 }, 5)
---print(af.vector.norm(clipped), norm)
---```
---@param v string
---@param max_norm number
---@param type? "f64"|"f32"
---@return string v
---@return number norm  before
function af.vector.clip(v, max_norm, type) end

---The sum of vectors, floats in the order given.
---Raises: an empty list, lengths that differ, NaN, an overflow.
---```lua
---local one = af.vector.pack({ 1, 2 }, "u64")
---print(af.vector.unpack(af.vector.sum({ one, one }, "u64"), "u64")[2])
---```
---@param list string[]
---@param type? af.VectorType
---@return string v
function af.vector.sum(list, type) end

---The mean of vectors, weighted or not, added in the order given.
---Raises: an empty list, lengths that differ, a weight below 0, weights whose sum is 0.
---```lua
---local mean = af.vector.mean({ af.vector.pack { 1 }, af.vector.pack { 5 } }, { 3, 1 })
---print(af.vector.unpack(mean)[1])
---```
---@param list string[]
---@param weights? number[]  absent: all alike
---@param type? "f64"|"f32"
---@return string v
function af.vector.mean(list, weights, type) end

---The median at each place.
---Raises: an empty list, lengths that differ, NaN.
---```lua
---local list = { af.vector.pack { 1 }, af.vector.pack { 2 }, af.vector.pack { 90 } }
---print(af.vector.unpack(af.vector.median(list))[1])
---```
---@param list string[]
---@param type? "f64"|"f32"
---@return string v
function af.vector.median(list, type) end

---The mean at each place without the b smallest and the b largest numbers.
---Raises: a b that leaves nothing.
---```lua
---local list = { af.vector.pack { 1 }, af.vector.pack { 2 }, af.vector.pack { 90 } }
---print(af.vector.unpack(af.vector.trimmed_mean(list, 1))[1])
---```
---@param list string[]
---@param b integer
---@param type? "f64"|"f32"
---@return string v
function af.vector.trimmed_mean(list, b, type) end

---The distances (Euclid's) between any two vectors.
---```lua
---print(af.vector.distances { af.vector.pack { 0, 0 }, af.vector.pack { 3, 4 } }[1][2])
---```
---@param list string[]
---@param type? "f64"|"f32"
---@return number[][] distances
function af.vector.distances(list, type) end

---Krum: the mean of the m vectors that are nearest to their neighbours, of which f may be wrong.
---Raises: fewer vectors than f + 3, an m that is too large.
---```lua
---local list = {}
---for i = 1, 5 do list[i] = af.vector.pack { i == 5 and 900 or i } end
---local v, chosen = af.vector.krum(list, 1, 2)
---print(af.vector.unpack(v)[1], chosen[1], chosen[2])
---```
---@param list string[]
---@param f integer  how many may be wrong
---@param m? integer  absent: 1
---@param type? "f64"|"f32"
---@return string v
---@return integer[] chosen  places in the list
function af.vector.krum(list, f, m, type) end

---How many numbers lie between each two neighbours of the edges; the last edge is in.
---Raises: edges that do not rise.
---```lua
---print(table.concat(af.vector.histogram(af.vector.pack { 0, 0.5, 1, 2 }, { 0, 1, 2 }), " "))
---```
---@param v string
---@param edges number[]
---@param type? "f64"|"f32"
---@return integer[] counts  one fewer than edges
function af.vector.histogram(v, edges, type) end

---Floats as whole numbers (u64) of `bits` bits, so that masks cancel exactly.
---Raises: bits outside 1 to 52, a clip that is not above 0, clip · 2^bits of 2^62 or more.
---```lua
---local whole, clipped = af.vector.quantise(af.vector.pack { 0.5, 9 }, { bits = 24, clip = 8 })
---print(#whole, clipped)
---```
---@param v string
---@param options { bits: integer, clip: number }  numbers beyond ±clip become ±clip
---@param type? "f64"|"f32"
---@return string v  u64
---@return integer clipped  how many
function af.vector.quantise(v, options, type) end

---Floats of a sum of `count` quantised vectors: their mean.
---Raises: bits outside 1 to 52, a count below 1.
---```lua
---local whole = af.vector.quantise(af.vector.pack { 0.5 }, { bits = 24, clip = 8 })
---print(af.vector.unpack(af.vector.dequantise(whole, { bits = 24, count = 1 }))[1])
---```
---@param v string  u64
---@param options { bits: integer, count?: integer }  count: absent: 1
---@param type? "f64"|"f32"  of the result
---@return string v
function af.vector.dequantise(v, options, type) end

---Adds a stream of random numbers that a key and a label give, mod 2^64; who subtracts it gets the vector back.
---A label is used once for a key.
---Raises: a key that is no 32 bytes.
---```lua
---local key, v = af.crypto.sha256("shared"), af.vector.pack({ 1 }, "u64")
---local masked = af.vector.mask(v, key, "round 1")
---print(af.vector.mask(masked, key, "round 1", { subtract = true }) == v)
---```
---@param v string  u64
---@param key string  32 bytes
---@param label string
---@param options? { subtract?: boolean }
---@return string v  u64
function af.vector.mask(v, key, label, options) end

---Adds many such streams, in one pass.
---Raises: a mask that is no table, or has no key or label.
---```lua
---local v = af.vector.pack({ 1 }, "u64")
---local masks = { { key = "mine", label = "round 1" }, { key = "ours", label = "round 1", subtract = true } }
---print(af.vector.mask_all(v, masks) == af.vector.mask(af.vector.mask(v, "mine", "round 1"), "ours", "round 1", { subtract = true }))
---```
---@param v string  u64
---@param masks { key: string, label: string, subtract?: boolean }[]
---@return string v  u64
function af.vector.mask_all(v, masks) end

---Normal noise in floats: for simulations, not for privacy.
---```lua party
---party.data.noise = af.vector.unpack(af.vector.gaussian(3, 1.0))
---```
---@param n integer
---@param sigma number
---@return string v  f64
function af.vector.gaussian(n, sigma) end

---Laplace noise in floats: for simulations, not for privacy.
---```lua party
---party.data.noise = af.vector.unpack(af.vector.laplace(3, 1.0))
---```
---@param n integer
---@param b number  the scale
---@return string v  f64
function af.vector.laplace(n, b) end

---The exact discrete normal noise of differential privacy, from the party's secret randomness.
---Raises: a sigma that is not above 0, or too large.
---```lua party
---party.data.noise = af.vector.unpack(af.vector.discrete_gaussian(3, 4.0), "i64")
---```
---@param n integer
---@param sigma number
---@return string v  i64
function af.vector.discrete_gaussian(n, sigma) end

-- Crypto. ----------------------------------------------------------------------------------------

---libsodium's primitives on byte strings. A wrong length raises; what a peer may have sent wrong gives nil.
---Randomness is the kernel's for real, and a handler that runs again draws the same; in mock it is the seed's.
---```lua
---print(af.crypto.hex(af.crypto.sha256("abc")))
---```
---@class af.crypto
af.crypto = {}

---Random bytes, fit for secrets.
---```lua party
---party.data.nonce = af.crypto.hex(af.crypto.random(24))
---```
---@param n integer  bytes
---@return string
function af.crypto.random(n) end

---SHA-256.
---```lua
---print(#af.crypto.sha256("abc"))
---```
---@param b string
---@return string  32 bytes
function af.crypto.sha256(b) end

---SHA-512.
---```lua
---print(#af.crypto.sha512("abc"))
---```
---@param b string
---@return string  64 bytes
function af.crypto.sha512(b) end

---HMAC-SHA-256.
---```lua
---print(#af.crypto.hmac("key", "text"))
---```
---@param key string
---@param b string
---@return string  32 bytes
function af.crypto.hmac(key, b) end

---Keys derived from one secret: HKDF-SHA-256.
---Raises: a size outside 1 to 8160.
---```lua
---print(#af.crypto.hkdf("a shared secret", { info = "masks", size = 32 }))
---```
---@param key string
---@param options? { salt?: string, info?: string, size?: integer }  size in bytes; absent: 32
---@return string
function af.crypto.hkdf(key, options) end

---Whether two strings are equal, in a time that does not tell where they differ.
---```lua
---print(af.crypto.equal("a", "b"))
---```
---@param a string
---@param b string
---@return boolean
function af.crypto.equal(a, b) end

---Bytes as hexadecimal digits.
---```lua
---print(af.crypto.hex("\0\255"))
---```
---@param b string
---@return string
function af.crypto.hex(b) end

---Bytes of hexadecimal digits; nil if it is no such text.
---```lua
---print(af.crypto.unhex("00ff"), af.crypto.unhex("x"))
---```
---@param text string
---@return string?
function af.crypto.unhex(text) end

---Bytes as base64.
---```lua
---print(af.crypto.base64("foob"))
---```
---@param b string
---@return string
function af.crypto.base64(b) end

---Bytes of base64; nil if it is no such text.
---```lua
---print(af.crypto.unbase64("Zm9vYg=="))
---```
---@param text string
---@return string?
function af.crypto.unbase64(text) end

---A new pair of keys, for x25519 and seal.
---```lua party
---party.data.public = af.crypto.hex(af.crypto.x25519_keypair().public)
---```
---@return { public: string, secret: string }  32 bytes each
function af.crypto.x25519_keypair() end

---What both sides have in common; derive a key from it by hkdf.
---Raises: keys of another length.
---```lua party
---local a, b = af.crypto.x25519_keypair(), af.crypto.x25519_keypair()
---af.expect(af.crypto.x25519(a.secret, b.public) == af.crypto.x25519(b.secret, a.public))
---```
---@param secret string  32 bytes, one's own
---@param public string  32 bytes, the other's
---@return string?  32 bytes; nil: no key that is fit
function af.crypto.x25519(secret, public) end

---A new pair of keys, for sign and verify.
---```lua party
---local pair = af.crypto.sign_keypair()
---af.expect(af.crypto.verify(pair.public, "m", af.crypto.sign(pair.secret, "m")))
---```
---@return { public: string, secret: string }  32 and 64 bytes
function af.crypto.sign_keypair() end

---An Ed25519 signature.
---Raises: a key of another length.
---```lua party
---party.data.signature = af.crypto.hex(af.crypto.sign(af.crypto.sign_keypair().secret, "text"))
---```
---@param secret string  64 bytes
---@param b string
---@return string signature  64 bytes
function af.crypto.sign(secret, b) end

---Whether a signature is of these bytes, by this key.
---Raises: a key or signature of another length.
---```lua party
---local pair = af.crypto.sign_keypair()
---af.expect(not af.crypto.verify(pair.public, "other", af.crypto.sign(pair.secret, "text")))
---```
---@param public string  32 bytes
---@param b string
---@param signature string  64 bytes
---@return boolean
function af.crypto.verify(public, b, signature) end

---Encrypts to a public key; only its owner can read it.
---Raises: a key of another length.
---```lua party
---local pair = af.crypto.x25519_keypair()
---af.expect(af.crypto.unseal(pair, af.crypto.seal(pair.public, "text")) == "text")
---```
---@param public string  of x25519_keypair
---@param b string
---@return string sealed
function af.crypto.seal(public, b) end

---What was sealed; nil if it is not for this pair, or was changed.
---```lua party
---local pair = af.crypto.x25519_keypair()
---af.expect(af.crypto.unseal(pair, "something else") == nil)
---```
---@param keypair { public: string, secret: string }
---@param b string
---@return string?
function af.crypto.unseal(keypair, b) end

---Encrypts under a key (XChaCha20-Poly1305, the nonce in front).
---Raises: a key that is no 32 bytes.
---```lua party
---local key = af.crypto.random(32)
---local secret = af.crypto.encrypt(key, "text", { ad = "round 1" })
---af.expect(af.crypto.decrypt(key, secret, { ad = "round 1" }) == "text")
---```
---@param key string  32 bytes
---@param b string
---@param options? { ad?: string }  what is authenticated beside it
---@return string
function af.crypto.encrypt(key, b, options) end

---What was encrypted; nil if key, bytes or ad are others.
---Raises: a key that is no 32 bytes.
---```lua party
---af.expect(af.crypto.decrypt(af.crypto.random(32), "something else") == nil)
---```
---@param key string  32 bytes
---@param b string
---@param options? { ad?: string }
---@return string?
function af.crypto.decrypt(key, b, options) end

---The group ristretto255: points and scalars of 32 bytes. What is no valid point gives nil.
---```lua
---print(af.crypto.ristretto.valid(af.crypto.ristretto.hash("x")))
---```
---@class af.crypto.ristretto
af.crypto.ristretto = {}

---A point that a text gives.
---```lua
---print(#af.crypto.ristretto.hash("x"))
---```
---@param b string
---@return string point
function af.crypto.ristretto.hash(b) end

---A random scalar, fit for secrets.
---```lua party
---party.data.key = af.crypto.hex(af.crypto.ristretto.random_scalar())
---```
---@return string scalar
function af.crypto.ristretto.random_scalar() end

---64 bytes as a scalar.
---Raises: another length.
---```lua
---print(#af.crypto.ristretto.reduce(af.crypto.sha512("x")))
---```
---@param b string  64 bytes
---@return string scalar
function af.crypto.ristretto.reduce(b) end

---s + t.
---```lua
---local s = af.crypto.ristretto.reduce(af.crypto.sha512("x"))
---print(af.crypto.ristretto.scalar_sub(af.crypto.ristretto.scalar_add(s, s), s) == s)
---```
---@param s string  scalar
---@param t string  scalar
---@return string scalar
function af.crypto.ristretto.scalar_add(s, t) end

---s - t.
---```lua
---local s = af.crypto.ristretto.reduce(af.crypto.sha512("x"))
---print(af.crypto.hex(af.crypto.ristretto.scalar_sub(s, s)))
---```
---@param s string  scalar
---@param t string  scalar
---@return string scalar
function af.crypto.ristretto.scalar_sub(s, t) end

---s times t.
---```lua
---local s = af.crypto.ristretto.reduce(af.crypto.sha512("x"))
---local inverse = af.crypto.ristretto.scalar_invert(s)
---print(af.crypto.hex(af.crypto.ristretto.scalar_mul(s, inverse)))
---```
---@param s string  scalar
---@param t string  scalar
---@return string scalar
function af.crypto.ristretto.scalar_mul(s, t) end

---1 / s; nil of zero.
---```lua
---local s = af.crypto.ristretto.reduce(af.crypto.sha512("x"))
---print(#af.crypto.ristretto.scalar_invert(s))
---```
---@param s string  scalar
---@return string? scalar
function af.crypto.ristretto.scalar_invert(s) end

---The base point times a scalar; nil of zero.
---```lua
---print(#af.crypto.ristretto.base(af.crypto.ristretto.reduce(af.crypto.sha512("x"))))
---```
---@param s string  scalar
---@return string? point
function af.crypto.ristretto.base(s) end

---A point times a scalar.
---```lua
---local s = af.crypto.ristretto.reduce(af.crypto.sha512("x"))
---print(#af.crypto.ristretto.mul(s, af.crypto.ristretto.hash("y")))
---```
---@param s string  scalar
---@param p string  point
---@return string? point
function af.crypto.ristretto.mul(s, p) end

---p + q.
---```lua
---local p = af.crypto.ristretto.hash("x")
---print(af.crypto.ristretto.sub(af.crypto.ristretto.add(p, p), p) == p)
---```
---@param p string  point
---@param q string  point
---@return string? point
function af.crypto.ristretto.add(p, q) end

---p - q.
---```lua
---local p, q = af.crypto.ristretto.hash("x"), af.crypto.ristretto.hash("y")
---print(#af.crypto.ristretto.sub(p, q))
---```
---@param p string  point
---@param q string  point
---@return string? point
function af.crypto.ristretto.sub(p, q) end

---Whether a string is a point.
---```lua
---print(af.crypto.ristretto.valid("x"))
---```
---@param p string
---@return boolean
function af.crypto.ristretto.valid(p) end

---hash of each item, on threads; the handler waits.
---```lua
---print(#af.crypto.ristretto.hash_all { "a", "b" })
---```
---@param items string[]
---@return string[] points
function af.crypto.ristretto.hash_all(items) end

---Each point times one scalar, on threads; the handler waits. nil and the place of what is no point.
---```lua
---local s = af.crypto.ristretto.reduce(af.crypto.sha512("x"))
---print(#af.crypto.ristretto.mul_all(s, af.crypto.ristretto.hash_all { "a", "b" }))
---```
---@param s string  scalar
---@param points string[]
---@return string[]? points
---@return integer? place
function af.crypto.ristretto.mul_all(s, points) end

---Shamir's secret sharing, byte by byte.
---```lua
---print(type(af.crypto.shamir.split))
---```
---@class af.crypto.shamir
af.crypto.shamir = {}

---Shares of a secret, of which `threshold` give it back and fewer tell nothing.
---Raises: shares outside 1 to 255, a threshold above them.
---```lua party
---local shares = af.crypto.shamir.split("secret", { shares = 5, threshold = 3 })
---af.expect(af.crypto.shamir.combine({ shares[1], shares[3], shares[5] }, 3) == "secret")
---```
---@param secret string
---@param options { shares: integer, threshold: integer }
---@return string[] shares
function af.crypto.shamir.split(secret, options) end

---The secret of some shares; nil if they are too few, one comes twice, or are of another form.
---```lua party
---local shares = af.crypto.shamir.split("secret", { shares = 2, threshold = 2 })
---af.expect(af.crypto.shamir.combine(shares, 2) == "secret")
---```
---@param shares string[]
---@param threshold integer
---@return string? secret
function af.crypto.shamir.combine(shares, threshold) end

-- Tests. -----------------------------------------------------------------------------------------

---What files called `*_test.lua` require, which `afrun test` runs: `local t = require "af.test"`. t.run and t.check
---stand by themselves, or within a case.
---```lua test
---t.test("the first query is answered", function()
---  local a = t.party("sync_state.lua", "initiator",
---    { id = "a", nodes = { initiator = { "a" }, participant = { "p1" } } })
---  a:receive(a.events.query { querier = "p1" }, "p1")
---  t.equal(a.sent[1].event.type, "sync")
---end)
---```
---@class af.test
local t = {}

---A case: a sentence about behaviour, and what must go without an error.
---Raises: within another case.
---```lua test
---t.test("one and one is two", function() t.equal(1 + 1, 2) end)
---```
---@param name string
---@param fn fun()
function t.test(name, fn) end

---Raises where two values differ, however deep, and names the place.
---```lua test
---t.test("lists are compared by their items", function() t.equal({ 1, { a = 2 } }, { 1, { a = 2 } }) end)
---```
---@param got any
---@param expected any
---@param what? string  how the value is called in the message
function t.equal(got, expected, what) end

---Raises unless fn raises an error in whose message the text stands.
---```lua test
---t.test("an event has its type", function()
---  local a = t.party("sync_state.lua", "initiator")
---  t.raises("expected a non-empty string", function() return a.events.query { querier = "" } end)
---end)
---```
---@param text string
---@param fn fun()
---@return string message
function t.raises(text, fn) end

---The options of t.party.
---```lua test
---t.test("it starts", function()
---  local a = t.party("sync_state.lua", "initiator", { args = { round = 3 } })
---  t.equal(a.state, "waiting_query")
---end)
---```
---@class af.TestPartyOptions
---@field id? string  absent: the first of the role's nodes
---@field nodes? table<string, string[]>  IDs by role; absent: this party alone
---@field args? table  the flow's arguments
local test_party_options = {}

---A party by itself, started: its first step is done.
---Raises: an option that does not exist, a flow that does not load, what its first step raises.
---```lua test
---t.test("it waits for a query", function()
---  t.equal(t.party("sync_state.lua", "initiator").state, "waiting_query")
---end)
---```
---@param flow string  its file, beside the test
---@param role string
---@param options? af.TestPartyOptions
---@return af.PartyUnderTest
function t.party(flow, role, options) end

---A party under test, read-only; after each step it shows what that step did.
---```lua test
---t.test("nothing is sent at first", function()
---  local a = t.party("sync_state.lua", "initiator")
---  t.equal(a.sent, {})
---  t.equal(a.ended, nil)
---end)
---```
---@class af.PartyUnderTest
---@field state string
---@field data table
---@field sent { to: string[], event: af.Event }[]  by its last step
---@field logged string[]  by its last step
---@field deadlines table<string, number>  seconds that are left; `after` is the state's own
---@field ended? "done"|"failed"  nil: it has not
---@field result? any  of af.done
---@field reason? string  of af.fail
---@field events table<string, af.EventType>  the flow's event types by name
local tested = {}

---Gives the party an event, as if a node had sent it.
---Raises: what the handler raises; an event that the party's state does not expect; a node that is not of the task.
---```lua test
---t.test("a query is answered", function()
---  local a = t.party("sync_state.lua", "initiator",
---    { id = "a", nodes = { initiator = { "a" }, participant = { "p1" } } })
---  a:receive(a.events.query { querier = "p1" }, "p1")
---  t.equal(a.state, "waiting_response")
---end)
---```
---@param event af.Event  made by party.events.NAME { … }
---@param from? string  a node of the task; absent: the bus cannot tell
function tested:receive(event, from) end

---Has a timer fire: time moves to where it is due.
---Raises: a timer that is not armed; what the handler raises.
---```lua test
---t.test("a participant asks again", function()
---  local p = t.party("sync_state.lua", "participant",
---    { id = "p1", nodes = { initiator = { "a" }, participant = { "p1" } } })
---  p:fire "after"
---  t.equal(p.sent[1].event.type, "query")
---end)
---```
---@param timer string  "after", or a deadline's name
function tested:fire(timer) end

---Runs a flow as `afrun run --mock` does, and fails as that fails.
---Raises: what the run has found.
---```lua test
---t.run("sync_state.lua", { seeds = 20, drop = 0.05 })
---```
---@param flow string  its file, beside the test
---@param options? table  those of the command: { seeds = 100, drop = 0.05, parties = { client = 3 } }; args
function t.run(flow, options) end

---Checks a flow as `afrun check` does, and fails unless that is exhaustive, without a violation.
---Raises: what the check has found.
---```lua test
---t.check("sync_state.lua", { parties = { participant = 1 } })
---```
---@param flow string  its file, beside the test
---@param options? table  those of the command: { drop = 1 }; args
function t.check(flow, options) end

-- Lua's own, where ours differ. ------------------------------------------------------------------

---As Lua's, drawn from the run's seed, so that one seed is one run: it is none for secrets, keys, nonces or privacy.
---For those: af.crypto.random.
---Raises: while the file loads; as Lua's.
---```lua party
---party.data.lucky = math.random(6)
---```
---@param m? integer
---@param n? integer
---@return number
function math.random(m, n) end

---As Lua's, in the order of keys: numbers, strings, booleans, then event types by name.
---Raises: another kind of keys.
---```lua party
---for id, count in pairs({ n2 = 1, n1 = 2 }) do party:log("%s %d", id, count) end
---```
---@param t table
---@return fun(): any, any
function pairs(t) end

---The first key of a table and its value; nil of an empty one.
---Raises: with a key: use pairs.
---```lua party
---if next(party.data) == nil then party:log("nothing yet") end
---```
---@param t table
---@return any key
---@return any value
function next(t) end

---As Lua's, and stable.
---Raises: as Lua's.
---```lua
---local list = { 3, 1, 2 }
---table.sort(list, function(a, b) return a > b end)
---print(table.concat(list, " "))
---```
---@param list table
---@param comp? fun(a: any, b: any): boolean
function table.sort(list, comp) end

---To the party's log; in a script, to standard output.
---```lua party
---print(party.id, { round = 1 })
---```
---@param ... any
function print(...) end

---A module beside the flow (`require "helper"` is helper.lua), or `af`. Each party has one of its own.
---Raises: a module that is not there.
---```lua
---print(require("af") == af)
---```
---@param name string
---@return any
function require(name) end

return af
