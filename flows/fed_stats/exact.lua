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

-- As whole numbers, which a secure sum can add: limb i is of 2^(32 i - 1106), with a sign; of so
-- many sites none overflows. All limbs together are the exact sum.

local LIMBS <const> = 66 -- from the least bit of a float to the greatest

---The limbs of such a list.
function exact.limbs(parts)
  local limbs = {}
  for i = 1, LIMBS do limbs[i] = 0 end
  for _, x in ipairs(parts) do
    local bits = ("<i8"):unpack(("<d"):pack(x))
    local exponent, whole = bits >> 52 & 0x7ff, bits & 0xfffffffffffff
    if exponent > 0 then exponent, whole = exponent - 1, whole | 1 << 52 end
    local sign, at, shift = bits < 0 and -1 or 1, exponent // 32 + 1, exponent % 32
    local low, high = (whole & 0xffffffff) << shift, (whole >> 32) << shift
    limbs[at] = limbs[at] + sign * (low & 0xffffffff)
    limbs[at + 1] = limbs[at + 1] + sign * ((low >> 32) + (high & 0xffffffff))
    limbs[at + 2] = limbs[at + 2] + sign * (high >> 32)
  end
  return limbs
end

---The list of limbs that begin at a place of a list of numbers; and the place behind them.
function exact.of_limbs(numbers, from)
  local parts = { 0.0 }
  for i = 1, LIMBS do
    local limb = numbers[from + i - 1]
    local sign, size = limb < 0 and -1.0 or 1.0, math.abs(limb)
    for half = 0, 1 do
      local piece = size >> 32 * half & 0xffffffff
      if piece > 0 then exact.add(parts, sign * piece * 2.0 ^ (32 * (i + half) - 1106)) end
    end
  end
  return parts, from + LIMBS
end

return exact
