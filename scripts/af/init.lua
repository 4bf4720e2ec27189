--- The library `af`: what flows and scripts require.

local TaskContractor = require "af.task_contractor"
local TaskMessageContractor = require "af.task_message_contractor"
local bass_proxy = require "af.bass_proxy"
local class = require "af.class"
local data_channel = require "af.data_channel"
local event = require "af.event"
local event_factory = require "af.event_factory"
local files = require "af.files"
local flow = require "af.flow"
local mock = require "af.mock"
local part = require "af.part"
local patterns = require "af.patterns"
local predefined = require "af.predefined_events"
local process = require "af.process"
local types = require "af.types"

local af = {
  version = host.version,
  null = host.null,
  array = host.array,
  EVERYONE = "*",
  event = event.event,
  flow = flow.flow,
  part = part.part,
  content = files.content,
  download = files.download,
  done = host.done,
  fail = host.fail,
  now = host.now,
  uuid = host.uuid,
  mock_context = mock.mock_context,
  is_mock_mode = mock.is_mock_mode,
  mock_node_id = mock.mock_node_id,
  mock_nodes = mock.mock_nodes,
}

for _, name in ipairs { "string", "id", "integer", "number", "boolean", "bytes", "any", "list",
  "map", "record", "one_of", "optional" } do
  af[name] = types[name]
end

for name, class_of in pairs(predefined) do
  af[name] = class_of
end

local crypto = {}
for name, of in pairs(host.crypto) do
  local path = "af.crypto." .. name
  crypto[name] = of
  if type(of) == "table" then
    crypto[name] = host.lock(host.strict(of, path .. " has no", {}), path)
  end
end
af.crypto = host.lock(host.strict(crypto, "af.crypto has no", {}), "af.crypto")
af.vector = host.lock(host.strict(host.vector, "af.vector has no", {}), "af.vector")
local makers = { gather = patterns.gather, ask = patterns.ask, suspect = patterns.suspect }
af.patterns = host.lock(host.strict(makers, "af.patterns has no", {}), "af.patterns")
af.process = host.lock(host.strict(process, "af.process has no", {}), "af.process")

local classes = {
  TaskContractor = TaskContractor,
  TaskMessageContractor = TaskMessageContractor,
  TaskMessageEventFactory = event_factory.TaskMessageEventFactory,
  BassProxy = bass_proxy,
  AutoTaskContractor = class.new({ CHANNEL = "automl" }, TaskContractor),
  data_channel = data_channel,
  AutoTaskMessageContractor = class.new({ CHANNEL = "automl" }, TaskMessageContractor),
}
for name, class_of in pairs(classes) do
  af[name] = host.lock(class_of, "af." .. name)
end

---Raises where a protocol's expectation is broken; the error names the caller's line.
function af.expect(condition, message)
  if not condition then
    error("expectation broken: " .. tostring(message or "(no message)"), 2)
  end
  return condition
end

---Waits, in a sequential script.
function af.sleep(seconds)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 31536000) then
    error("af.sleep: expected 0 to 31536000 seconds, got " .. tostring(seconds), 2)
  elseif host.in_handler() then
    error("af.sleep: a handler does not wait for time; use `after` or party:deadline", 2)
  end
  host.call("sleep", { seconds = seconds })
end

return host.lock(host.strict(af, "af has no", {}), "af")
