--- Short names that stay different from each other.

local cells = require "tool.chart_cells"

local names = {}

--- head…tail, with `tail` cells kept of the end.
local function squeeze(name, width, tail, mark)
  if cells.width(name) <= width then return name end
  local ending = tail > 0 and cells.tail(name, tail) or ""
  return cells.split(name, width - 1 - cells.width(ending)) .. mark .. ending
end

local function attempt(list, width, tail, mark)
  local map, taken = {}, {}
  for _, name in ipairs(list) do
    local short = squeeze(name, width, tail, mark)
    if taken[short] and taken[short] ~= name then return nil end
    taken[short] = name
    map[name] = short
  end
  return map
end

--- Numbers those that do not fit, where neither their beginnings nor their ends tell them apart.
local function numbered(list, width)
  local map, taken, number = {}, {}, 0
  for _, name in ipairs(list) do
    if cells.width(name) <= width then map[name], taken[name] = name, true end
  end
  for _, name in ipairs(list) do
    while not map[name] do
      number = number + 1
      local short = "#" .. number
      if not taken[short] then map[name] = short end
    end
  end
  return map
end

--- Shortens names to a width, all alike and each still unique.
---@param list string[]  clean; a name may occur twice
---@param width integer  in cells
---@param mark string    "…"
---@return table<string, string> short  by name
function names.shorten(list, width, mark)
  local half = (width - 1) // 2
  for _, tail in ipairs { half, 0, 2, half - 1, width - 1 } do
    local map = width >= 4 and tail >= 0 and attempt(list, width, tail, mark)
    if map then return map end
  end
  return numbered(list, width)
end

return names
