--- fed_stats.policy: what a site tells of its data. It is the site's own: a JSON file on its
--- machine may have other numbers than these; neither the flow nor the analyst can change them.

local af = require "af"

local policy = {}

local usual = {
  least_count = 11, -- rows: of fewer nothing is told
  most_bins = 0.1, -- of the rows: so many bins at most
  widen_from = 0.1, -- a range is told with both ends so much wider at least, …
  widen_to = 0.3, -- … and so much at most: which is drawn once
  least_cell = 5, -- of a histogram: smaller ones are not told
  budget = 10, -- different requests that are answered; the same one again is the same answer
}

---The site's policy: of its file, and as usual where that says nothing.
function policy.read(file)
  local own = {}
  if file ~= "" then own = cjson.decode((af.download("file://" .. file))) end
  for name in pairs(own) do
    af.expect(usual[name], ("%s: a policy has no '%s'"):format(file, name))
  end
  for name, value in pairs(usual) do own[name] = own[name] or value end
  return own
end

---Why nothing is told of a column; nil: something may be.
function policy.refuses(own, values)
  if #values < own.least_count then
    return ("%d rows are told of at least, and there are fewer"):format(own.least_count)
  end
end

---Why no histogram of so many bins is told.
function policy.refuses_bins(own, values, bins)
  if bins > own.most_bins * #values then
    return ("%d bins are more than %g %% of the rows"):format(bins, 100 * own.most_bins)
  end
end

---A number from secret randomness, in a range.
local function drawn(from, to)
  local number = ("<I4"):unpack(af.crypto.random(4))
  return from + (to - from) * number / 0xffffffff
end

---The least and the greatest, each of them moved outwards by chance.
function policy.range(own, values)
  local least, greatest = values[1], values[1]
  for _, x in ipairs(values) do least, greatest = math.min(least, x), math.max(greatest, x) end
  local span = greatest - least
  return least - span * drawn(own.widen_from, own.widen_to),
    greatest + span * drawn(own.widen_from, own.widen_to)
end

---Counts without those that are too small: null. Where that is one, the next larger goes with it,
---for the count of all would tell it.
function policy.suppress(own, counts)
  local cells, small, next_larger = {}, 0, nil
  for i, count in ipairs(counts) do
    cells[i] = count
    if count > 0 and count < own.least_cell then
      cells[i], small = af.null, small + 1
    elseif count > 0 and (next_larger == nil or count < counts[next_larger]) then
      next_larger = i
    end
  end
  if small == 1 and next_larger then cells[next_larger] = af.null end
  return cells
end

return policy
