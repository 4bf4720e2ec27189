--- fed_stats.exact: sums of floats without rounding, as lists of floats that do not overlap
--- (Shewchuk, "Adaptive precision floating-point arithmetic", 1997). What is added in parts, and
--- these together, is rounded once, and gives the same bits in any order.

local exact = {}

---Adds a number to such a list, in place.
function exact.add(parts, x)
  local kept = 0
  for i = 1, #parts do
    local y = parts[i]
    if math.abs(x) < math.abs(y) then x, y = y, x end
    local high = x + y
    local low = y - (high - x)
    if low ~= 0.0 then
      kept = kept + 1
      parts[kept] = low
    end
    x = high
  end
  for i = #parts, kept + 2, -1 do parts[i] = nil end
  parts[kept + 1] = x
end

---The list of a list of numbers.
function exact.sum(numbers)
  local parts = { 0.0 }
  for _, x in ipairs(numbers) do exact.add(parts, x) end
  return parts
end

---The float that is nearest, halves to even.
function exact.round(parts)
  local place = #parts
  local high, low = parts[place], 0.0
  while place > 1 and low == 0.0 do
    place = place - 1
    local x, y = high, parts[place]
    high = x + y
    low = y - (high - x)
  end
  local rest = place > 1 and parts[place - 1] or 0.0
  if (low < 0 and rest < 0) or (low > 0 and rest > 0) then
    local y = low * 2
    local x = high + y
    if y == x - high then high = x end
  end
  return high
end

return exact
