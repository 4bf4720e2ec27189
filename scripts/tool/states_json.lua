--- State diagrams for programs: the members of a JSON object, which the command line completes.
---
---   flow, version
---   roles  [{name, states}], a state {name, start, may_end, part, any, line, file, rows, defers,
---          ignores}
---          a row {on, name, label, to, done, failed, line, file}
---   files  [{name, text}]      the flow's own first: what `line` and `file` are of
---
--- A state and a row have those of the fields that they need; a row without a file is of the flow's
--- own.

local encoder = require "tool.chart_json"

local states_json = {}

local function text(value)
  return encoder.encode(value, {})
end

local function list(items, write)
  local out = {}
  for i, item in ipairs(items) do out[i] = write(item) end
  return "[" .. table.concat(out, ",") .. "]"
end

---An object of the fields, in this order, that are there.
local function object(from, names, more)
  local out = {}
  for name in names:gmatch("%S+") do
    if from[name] ~= nil and from[name] ~= false then
      out[#out + 1] = ('"%s":%s'):format(name, text(from[name]))
    end
  end
  return "{" .. table.concat(out, ",") .. (out[1] and "," or "") .. more .. "}"
end

local function row_of(row)
  return object(row, "on name label done failed line file", '"to":' .. list(row.to, text))
end

local function state_of(box)
  return object(box, "name start may_end part any line file",
    ('"rows":%s,"defers":%s,"ignores":%s'):format(list(box.rows, row_of), list(box.defers, text),
      list(box.ignores, text)))
end

---The members, without the object's braces.
function states_json.json(flow)
  return ('"flow":%s,"version":%s,"roles":%s,"files":%s'):format(text(flow.name),
    text(flow.version), list(flow.roles, function(role)
      return object(role, "name", '"states":' .. list(role.boxes, state_of))
    end), list(flow.files, text))
end

return states_json
