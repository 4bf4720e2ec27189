--- fed_stats.packed: what sites tell of their columns as whole numbers that a secure sum adds: as
--- many for each column, all of them 0 for one that a site does not tell.

local af = require "af"
local exact = require "fed_stats.exact"

local packed = {}

---A site's vector: of each column count, suppressed cells, sum and squares (as exact.limbs), cells.
function packed.pack(request, values)
  local numbers = {}
  for _, feature in ipairs(request.features) do
    local told, suppressed, histogram = values[feature] or {}, 0, {}
    for i = 1, request.bins do
      local cell = told.histogram and told.histogram[i] or 0
      suppressed = suppressed + (cell == af.null and 1 or 0)
      histogram[i] = cell ~= af.null and cell or 0
    end
    numbers[#numbers + 1] = told.count or 0
    numbers[#numbers + 1] = suppressed
    for _, name in ipairs { "sum", "squares" } do
      local limbs = exact.limbs(told[name] or {})
      table.move(limbs, 1, #limbs, #numbers + 1, numbers)
    end
    table.move(histogram, 1, #histogram, #numbers + 1, numbers)
  end
  return af.vector.pack(numbers, "i64")
end

---The sum of such vectors, by column: { count =, suppressed =, sum =, squares =, histogram = }.
function packed.read(bytes, features, bins)
  local numbers, columns, at = af.vector.unpack(bytes, "i64"), {}, 1
  for _, feature in ipairs(features) do
    local column = { count = numbers[at], suppressed = numbers[at + 1] }
    column.sum, at = exact.of_limbs(numbers, at + 2)
    column.squares, at = exact.of_limbs(numbers, at)
    column.histogram = af.array(table.move(numbers, at, at + bins - 1, 1, {}))
    columns[feature], at = column, at + bins
  end
  return columns
end

return packed
