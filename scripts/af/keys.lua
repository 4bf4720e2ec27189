--- Keys of a table as a list, or in words; in the order of pairs(), which is the same everywhere.

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

return keys
