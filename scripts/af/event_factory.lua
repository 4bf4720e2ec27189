--- Which event types a contractor understands: type name → event type.

local keys = require "af.keys"
local predefined = require "af.predefined_events"

local factory = {}

local methods = {}
local extend_options = { keep = true }

local function make(events)
  return setmetatable({ events = host.lock(events, "the events of a factory") },
    { __index = methods, __metatable = false })
end

---A factory with more event types. Of two with one name the later one counts.
function methods:extend(list, options)
  if type(list) ~= "table" then
    error("extend: expected a list of event types, got a " .. type(list), 2)
  end
  keys.check("extend", options or {}, extend_options, 2)
  local events = {}
  if options == nil or options.keep ~= false then
    for name, class in pairs(self.events) do
      events[name] = class
    end
  end
  for i, class in ipairs(list) do
    if not host.is_event_class(class) then
      error(("extend: item %d is not an event type (made by af.event)"):format(i), 2)
    end
    events[class.TYPE] = class
  end
  return make(events)
end

---The event that a contract's content describes, or nil and why not.
function methods:read(kind, content)
  local class = kind and self.events[kind]
  if class == nil then
    return nil, ("event type '%s' is not registered"):format(tostring(kind))
  end
  return host.event_read(class, content)
end

function methods:contract_to_event(contract)
  local class = type(contract) == "table" and self.events[contract.type]
  if not class then
    error("event type '" .. tostring(type(contract) == "table" and contract.type) ..
      "' is not registered", 2)
  end
  return class.contract_to_event(contract)
end

function methods:event_to_contract(event)
  return host.event_class(event).event_to_contract(event)
end

local events = {}
for _, class in pairs(predefined) do
  events[class.TYPE] = class
end
factory.TaskMessageEventFactory = host.lock(make(events), "af.TaskMessageEventFactory")

return factory
