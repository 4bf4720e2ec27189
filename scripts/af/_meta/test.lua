---@meta af.test
--- What a file of tests gets by `require "af.test"`: see "Testing a flow" in flows/README.md.
---
--- For editors (LuaLS), never loaded.

local test = {}

---A case: a sentence about behaviour, and what must go without an error.
---@param name string
---@param fn fun()
function test.test(name, fn) end

---Raises where two values differ, however deep, and names the place.
---@param got any
---@param expected any
---@param what? string  how the value is called
function test.equal(got, expected, what) end

---Raises unless fn raises an error in whose message the text stands. Returns that message.
---@param text string
---@param fn fun()
---@return string message
function test.raises(text, fn) end

---A party of a flow by itself: the one that a simulated run has.
---@class af.PartyUnderTest
---@field state string
---@field data table
---@field sent { to: string[], event: table }[]  by its last step
---@field logged string[]                        by its last step
---@field deadlines table<string, number>        seconds that are left; `after` is the state's own
---@field ended "done"|"failed"|nil
---@field result any
---@field reason string?
---@field events table<string, fun(fields: table): table>  the flow's event types by name
local party = {}

---Gives the party an event, as if a node had sent it. Raises if the handler does, and if the event
---is not expected in the party's state.
---@param event table
---@param from? string  a node of the task; absent: the bus cannot tell
function party:receive(event, from) end

---Has a timer fire: time moves to where it is due. No other timer fires by that.
---@param timer string  "after", or a deadline's name
function party:fire(timer) end

---A party by itself, started: its first step is done.
---@param flow string  its file, beside the test
---@param role string
---@param options? { id?: string, nodes?: table<string, string[]>, args?: table }
---@return af.PartyUnderTest
function test.party(flow, role, options) end

---Runs a flow as `afrun run --mock` does, and fails as that fails.
---@param flow string
---@param options? table  as there: { seeds = 100, drop = 0.05, parties = { client = 3 } }; args
function test.run(flow, options) end

---Checks a flow as `afrun check` does: fails unless that is exhaustive, without a violation.
---@param flow string
---@param options? table  as there: { drop = 1 }; args
function test.check(flow, options) end

return test
