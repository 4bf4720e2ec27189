--- Keys of a table as a list, or in words, in the order of pairs(), which is the same everywhere;
--- and which of them a table of options may have.

local keys = {}

---@param map table
---@return any[]
function keys.of(map)
  local list = {}
  for key in pairs(map) do
    list[#list + 1] = key
  end
  return list
end

---@param map table  its keys are strings
---@return string  "a, b, c"; "none"
function keys.text(map)
  local list = keys.of(map)
  return list[1] and table.concat(list, ", ") or "none"
end

---Raises where a name is no option, with the nearest that is one.
---@param what string    whose options they are
---@param options table
---@param allowed table  by their names
---@param level integer  whom it blames, as error() counts them where this is called
function keys.check(what, options, allowed, level)
  for name in pairs(options) do
    if allowed[name] == nil then
      error(("%s: '%s' is not an option of it%s"):format(what, tostring(name),
        host.near(tostring(name), allowed, "it has")), level + 1)
    end
  end
end

---The same, and where an option is of another type than `allowed` says: "table, string".
function keys.check_types(what, options, allowed, level)
  if type(options) ~= "table" then
    error(("%s: expected a table of options, got a %s"):format(what, type(options)), level + 1)
  end
  keys.check(what, options, allowed, level + 1)
  for name, value in pairs(options) do
    if not allowed[name]:find(type(value), 1, true) then
      error(("%s: '%s': expected a %s, got a %s"):format(what, name, allowed[name], type(value)),
        level + 1)
    end
  end
end

return keys
