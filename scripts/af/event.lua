--- Event types: `local Sync = af.event("sync", { aggregator = af.id, … })`.

local types = require "af.types"

local event = {}

---A value as it would be written in Lua, with keys in order.
local function show(value)
  if type(value) == "string" then
    return ("%q"):format(value):gsub("\\\n", "\\n")
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  for key, item in pairs(value) do
    if math.type(key) == "integer" then
      parts[#parts + 1] = show(item)
    else
      parts[#parts + 1] = tostring(key) .. "=" .. show(item)
    end
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

host.set_event_tostring(function(e)
  local parts = {}
  for name, value in pairs(host.event_shown(e)) do
    if name ~= "type" then
      parts[#parts + 1] = name .. "=" .. show(value)
    end
  end
  return e.type .. "{" .. table.concat(parts, ", ") .. "}"
end)

local function declare(name, fields, predefined, level)
  if host.again() then
    return host.event(name, types.any, false)
  end
  if type(name) ~= "string" then
    error("af.event: the type must be a string, got " .. type(name), level + 1)
  end
  local unfit = host.unfit_name(name)
  if unfit then
    error(("af.event: the type %q %s"):format(name, unfit), level + 1)
  end
  fields = fields or {}
  if type(fields) == "table" and fields.type ~= nil then
    error(("af.event '%s': 'type' is not to be declared, every event has it"):format(name),
      level + 1)
  end
  local record = types.fields(("af.event '%s'"):format(name), fields, level + 1)
  return host.event(name, record, predefined, host.caller_line(level))
end

---Declares an event type.
function event.event(name, fields)
  return declare(name, fields, false, 2)
end

---Declares one that every factory has from the start.
function event.predefine(name, fields)
  return declare(name, fields, true, 2)
end

return event
