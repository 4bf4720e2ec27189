--- table.sort as scripts see it: stable, so that ties keep their order.
---
--- The standard one picks its pivots by the clock on large tables and orders ties by them; a merge
--- sort has no choice to make. It works on a copy, so an error in `before` leaves the table alone.

local function less(a, b)
  return a < b
end

---@param list table
---@param before? fun(a: any, b: any): boolean
return function(list, before)
  if type(list) ~= "table" then
    error(("bad argument #1 to 'sort' (table expected, got %s)"):format(type(list)), 2)
  end
  before = before or less
  local count = #list
  local from, to = {}, {}
  for i = 1, count do
    from[i] = list[i]
  end
  local width = 1
  while width < count do
    for low = 1, count, 2 * width do
      local middle, high = low + width, low + 2 * width
      if middle > count + 1 then
        middle = count + 1
      end
      if high > count + 1 then
        high = count + 1
      end
      local left, right = low, middle
      for k = low, high - 1 do
        if left < middle and (right >= high or not before(from[right], from[left])) then
          to[k], left = from[left], left + 1
        else
          to[k], right = from[right], right + 1
        end
      end
    end
    from, to = to, from
    width = 2 * width
  end
  for i = 1, count do
    list[i] = from[i]
  end
end
