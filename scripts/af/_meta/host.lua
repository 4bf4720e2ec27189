---@meta host
--- The table `host`: what C gives to the library's scripts, and to no one else.
---
--- For editors only, never loaded. The functions are in bindings/: lua_type.c, lua_event.c,
--- lua_host.c, lua_coro.c, lua_party.c, lua_script.c. All raise on arguments of a wrong type.

---@class host
host = {}

---@class host.Type: userdata     a compiled type of a field or an argument
---@class host.EventClass: userdata  what af.event() gives; calling it makes an event
---@class host.Outcome: userdata  what af.done() and af.fail() give

---The program's version.
---@type string
host.version = ""

---A kept JSON null.
---@type lightuserdata
host.null = nil

-- Types (lua_type.c).

---@class host.TypeSpec
---@field kind "string"|"integer"|"number"|"boolean"|"bytes"|"any"|"list"|"map"|"record"|"one_of"
---@field expected string  in words: "an integer >= 0"
---@field min? number
---@field max? number
---@field min_length? integer
---@field max_length? integer
---@field pattern? string
---@field item? host.Type        of a list or a map
---@field names? string[]        of a record's fields, sorted; the choices of one_of
---@field types? host.Type[]     of a record's fields
---@field base? host.Type        makes it optional
---@field default? any           of an optional type

---Compiles a type.
---@param spec host.TypeSpec
---@return host.Type
function host.type(spec) end

---What a type expects.
---@param of host.Type
---@return string expected
---@return string kind
---@return boolean optional
function host.type_expected(of) end

---@param value any
---@return boolean
function host.is_type(value) end

---Whether something of a type is a secret.
---@param of userdata
---@return boolean
function host.hides(of) end

---The type, or the one of the same place where the file was loaded first: a type that is used while
---parties run.
---@param of host.Type
---@return host.Type
function host.declared(of) end

---Sets what calling a type does: af.integer { min = 0 }.
---@param call fun(of: host.Type, options: table): host.Type
function host.set_type_call(call) end

---Takes a value as a type does for a built event; an error calls its path `word`.
---@param of host.Type
---@param value any
---@param word string
---@return any
function host.build(of, value, word) end

---The value of an argument as it was typed: strings as they are, the rest as JSON. A text that is
---no JSON stays a text, for the type to refuse.
---@param of host.Type
---@param text string
---@return any
function host.argument(of, text) end

-- Events (lua_event.c).

---Makes an event type, or finds the one of the same place in the file if that was loaded before.
---@param type string  on the wire
---@param record host.Type
---@param predefined boolean
---@param line? integer  where it is declared
---@param file? string  … if that is not the flow's own
---@return host.EventClass
function host.event(type, record, predefined, line, file) end

---The class that a value is, or of the event that it is.
---@param value any
---@return host.EventClass?
function host.event_class(value) end

---@param value any
---@return boolean
function host.is_event_class(value) end

---Reads an event from a contract's content, validated.
---@param class host.EventClass
---@param content string  JSON
---@return table? event
---@return string? why  it does not validate
function host.event_read(class, content) end

---The content of the contract that carries an event, as JSON.
---@param event table
---@return string
function host.event_write(event) end

---Its fields as they may be shown; the event itself, if it has no secrets.
---@param event table
---@return table
function host.event_shown(event) end

---Sets what tostring() gives for an event.
---@param show fun(event: table): string
function host.set_event_tostring(show) end

-- Chance, time, logs, outcomes (lua_host.c). Chance, uuids and time raise while a flow is loaded.

---A uuid of the delivery that runs: the same, if its input is delivered again.
---@return string
function host.uuid() end

---32 hexadecimal digits, drawn like a uuid.
---@return string
function host.session_id() end

---Seconds: since the start of a mock run, since 1970 for real.
---@return number
function host.now() end

---Adds a line to the party's log.
---@param text string
function host.log(text) end

---Ends the party well. Raises if JSON cannot hold the result.
---@param result? any
---@return host.Outcome
function host.done(result) end

---Ends the party in failure, which is no error.
---@param reason any
---@return host.Outcome
function host.fail(reason) end

---@param bytes string
---@return string  hexadecimal
function host.sha256(bytes) end

---Which of the names was probably meant, and which there are: "; did you mean 'a'? It has a, b".
---@param typed string
---@param names table  they are its keys
---@param has string  "it has"
---@return string
function host.near(typed, names, has) end

---The line that runs at a level of the stack; nothing if there is no such level.
---@param level integer
---@return integer?
---@return string? file  where it is not the flow's own
function host.caller_line(level) end

---The line where a function is defined; nil for the library's own.
---@param of function
---@return integer?
---@return string? file  where it is not the flow's own
function host.line(of) end

---Whether a flow's file runs again, for one more party.
---@return boolean
function host.again() end

---@param of table
---@return boolean
function host.is_empty(of) end

---The flow's stand-in of a program (`mock_programs`), in a simulation or a check.
---@param program string
---@return (fun(args: string[], input: string?): table)?
function host.stand_in(program) end

---Marks a plain list as one even while it is empty.
---@generic T: table
---@param list T
---@return T
function host.array(list) end

---The table, in which reading a name that it has not raises: "LACKS 'name'; did you mean …".
---@generic T: table
---@param of T
---@param lacks string  "af has no"
---@param names table  whose keys read as nil
---@return T
function host.strict(of, lacks, names) end

---Why a value cannot be kept as data; nil: it can.
---@param value any
---@param name string  of the value, in the reason
---@return string?
function host.unfit_data(value, name) end

---The data of a party: as JSON, but that strings may be any bytes.
---@param text string
---@return any
function host.read_data(text) end

---Why a text can name no flow and no event type; nil: it can.
---@param text string
---@return string?
function host.unfit_name(text) end

---A read-only view of a table, `name` in errors.
---@generic T: table
---@param of T
---@param name string
---@return T
function host.lock(of, name) end

-- Calls to the outside (lua_coro.c).

---Asks the owner of the party (the simulator, a node …) and waits for the answer. Raises what it
---says if it fails, and where nothing can wait. A null in the answer, or as one, is nil here.
---@param name string  "publish", "next_event", "upload" …
---@param request table  as JSON
---@param bytes? string  what does not fit JSON
---@return any reply
---@return string bytes  empty if there are none
function host.call(name, request, bytes) end

-- The party of the handler that runs (lua_party.c): effects of its transaction.

---@param party table
---@param targets string|string[]  EVERYONE, an ID, or a list of IDs
---@param event table
function host.party_send(party, targets, event) end

---Sends to every other node of the task.
---@param party table
---@param event table
function host.party_broadcast(party, event) end

---The task's nodes, or those of a role, in the same order everywhere.
---@param party table
---@param role? string
---@return string[]
function host.party_nodes(party, role) end

---Raises unless that is the party of the handler that runs: `name` is the method.
---@param party af.Party
---@param name string
function host.own_party(party, name) end

---Arms a deadline; nil cancels it.
---@param party table
---@param name string
---@param seconds? number
function host.party_deadline(party, name, seconds) end

---A contractor's send within a handler.
---@param targets string|string[]
---@param event table
---@param title? "task_inside"|"task_file_upload"|"task_finish"
---@param task? string     the contractor's: must be the party's own
---@param channel? string  the same
---@return string uuid
function host.send(targets, event, title, task, channel) end

---Whether a flow's handler runs, so that sends are effects.
---@return boolean
function host.in_handler() end

---@param percent integer
function host.progress(percent) end

-- Numbers and secrets (lua_vector.c, lua_vector_lists.c, lua_noise.c; lua_crypto.c, lua_points.c,
-- lua_shares.c): what af.vector and af.crypto are.

---@type table<string, function>
host.vector = {}

---@type table
host.crypto = {}

---The script's own file, as messages name it, and the line that it came to while it was loaded.
---@return string file
---@return integer line
function host.file() end

-- Flows (lua_script.c).

---What af.flow() ends in.
---@param definition table
---@return lightuserdata
function host.declare_flow(definition) end

---The event types of the flow in another file, for a test. Raises what is wrong with that file.
---@param path string
---@return host.EventClass[]
function host.flow_events(path) end
