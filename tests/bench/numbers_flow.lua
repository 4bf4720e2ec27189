-- The work of `af.vector` and `af.crypto` that training needs most, so many times over;
-- floor_numbers.c does the same.
local af = require "af"

local work = {}

---Masks of a million numbers, added one after the other.
function work.mask(times)
  local v = af.vector.zeros(1000000, "u64")
  for i = 1, times do v = af.vector.mask(v, ("k"):rep(32), "mask " .. i) end
end

---The mean of twenty models of a million parameters; they are one, as a step has no memory for
---twenty.
function work.mean(times)
  local list, model = {}, af.vector.zeros(1000000)
  for i = 1, 20 do list[i] = model end
  for _ = 1, times do af.vector.mean(list) end
end

---A set of a private intersection: hashed to points, and blinded.
function work.points(times)
  local scalar, items = af.crypto.ristretto.random_scalar(), {}
  for i = 1, times do items[i] = ("patient-%08d"):format(i) end
  if times > 0 then
    af.crypto.ristretto.mul_all(scalar, af.crypto.ristretto.hash_all(items))
  end
end

---A secret of 32 bytes in thirty shares, of which twenty give it back.
function work.shares(times)
  local secret = af.crypto.random(32)
  for _ = 1, times do
    local shares, some = af.crypto.shamir.split(secret, { shares = 30, threshold = 20 }), {}
    for i = 1, 20 do some[i] = shares[i] end
    af.expect(af.crypto.shamir.combine(some, 20) == secret)
  end
end

return af.flow {
  name = "numbers",
  args = {
    work = af.one_of { "mask", "mean", "points", "shares" }, times = af.integer { min = 0 },
  },
  roles = { one = { start = "working", states = { working = {
    enter = function(party)
      work[party.args.work](party.args.times)
      return af.done()
    end,
  } } } },
}
