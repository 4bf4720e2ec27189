-- Vectors: what is exact is exact, and what is refused. Values with fractions are compared with
-- Python's (tests/e2e/vectors.sh). Expected: exit 0.
local af = require "af"
local v = af.vector

local function list(of, kind) return table.concat(v.unpack(of, kind), " ") end
local function is(got, want) af.expect(got == want, tostring(got) .. " instead of " .. want) end
local function refused(text, f, ...)
  local ok, why = pcall(f, ...)
  af.expect(not ok and tostring(why):find(text, 1, true), tostring(why))
end

local function check_exact()
  local a, b = v.pack { 1, 2, 3.5 }, v.pack { 10, 20, -30 }
  is(list(v.add(a, b)), "11.0 22.0 -26.5")
  is(list(v.sub(a, b)), "-9.0 -18.0 33.5")
  is(list(v.scale(a, 2)), "2.0 4.0 7.0")
  is(list(v.axpy(2, a, b)), "12.0 24.0 -23.0")
  is(v.dot(a, b), -55.0)
  is(v.norm(v.pack { 3, 4 }), 5.0)
  is(list(v.clamp(b, -5, 15)), "10.0 15.0 -5.0")
  is(list(v.slice(a, 2, 3)) .. list(v.slice(a, 2, 1)), "2.0 3.5")
  is(list(v.zeros(3)) .. v.count(a) .. v.count(a:sub(1, 8), "f32"), "0.0 0.0 0.032")
  is(list(v.sum { a, b, a }), "12.0 24.0 -23.0")
  is(list(v.mean({ a, b }, { 1, 3 })), "7.75 15.5 -21.625")
  is(list(v.mean { a, b }), "5.5 11.0 -13.25")
  is(list(v.median { a, b, v.zeros(3) }), "1.0 2.0 0.0")
  is(list(v.median { a, b }), "5.5 11.0 -13.25")
  is(list(v.trimmed_mean({ a, b, v.zeros(3), v.pack { 100, -100, 7 } }, 1)), "5.5 1.0 1.75")
  is(#v.distances { a, b } .. v.distances({ v.pack { 0, 0 }, v.pack { 3, 4 } })[1][2], "25.0")
  local clipped, norm = v.clip(v.pack { 6, 8 }, 5)
  is(list(clipped) .. norm, "3.0 4.010.0")
  is(select(2, v.clip(a, 100)), v.norm(a))
  af.expect(v.clip(a, 100) == a)
  is(table.concat(v.histogram(v.pack { 0, 0.5, 1, 2, 3, -1, 4 }, { 0, 1, 2, 3 }), " "), "2 1 2")
  is(list(v.add(v.pack({ 1.5 }, "f32"), v.pack({ 2 }, "f32"), "f32"), "f32"), "3.5")
end

local function check_integers()
  for _, kind in ipairs { "i64", "u64", "u32" } do
    local a = v.pack({ 1, 2, 3 }, kind)
    is(list(v.add(a, v.scale(a, 3, kind), kind), kind), "4 8 12")
    is(v.dot(a, a, kind), 14)
    is(list(v.sum({ a, a }, kind), kind), "2 4 6")
  end
  is(list(v.sub(v.pack({ 0 }, "u32"), v.pack({ 1 }, "u32"), "u32"), "u32"), "4294967295")
  is(list(v.add(v.pack({ -1 }, "u64"), v.pack({ 2 }, "u64"), "u64"), "u64"), "1")
  refused("number 2 of the result overflows", v.add, v.pack({ 1, math.maxinteger }, "i64"),
    v.pack({ 1, 1 }, "i64"), "i64")
  refused("number 1 of the result overflows", v.scale,
    v.pack({ math.mininteger }, "i64"), -1, "i64")
end

local function check_refused()
  refused("9 bytes are no whole number of f64", v.count, "123456789")
  refused("number 2 is NaN", v.pack, { 1, 0 / 0 })
  refused("number 1 is infinite", v.pack, { math.huge })
  refused("number 1 is a string", v.pack, { "x" })
  refused("number 1 is no integer", v.pack, { 1.5 }, "i64")
  local nan = v.pack { 1, 2 }:sub(1, 8) .. "\0\0\0\0\0\0\xf8\x7f"
  refused("number 2 is NaN", v.add, nan, nan)
  refused("number 2 is NaN", v.sum, { v.pack { 1, 2 }, nan })
  refused("number 2 is NaN", v.mean, { nan })
  refused("number 2 is NaN", v.median, { nan })
  refused("number 1 of the result overflows", v.add, v.pack { 1e308 }, v.pack { 1e308 })
  refused("the lengths differ: 1 and 2", v.add, v.pack { 1 }, v.pack { 1, 2 })
  refused("item 2 of the list has 1 numbers, the first has 2", v.sum,
    { v.pack { 1, 2 }, v.pack { 1 } })
  refused("expected a list of 1", v.sum, {})
  refused("1 to 4 is no part of 1 to 2", v.slice, v.pack { 1, 2 }, 1, 4)
  refused("weight 1 is no number of at least 0", v.mean, { v.pack { 1 } }, { -1 })
  refused("the weights sum up to 0", v.mean, { v.pack { 1 } }, { 0 })
  refused("bits must be 1 to 52", v.quantise, v.pack { 1 }, { bits = 60, clip = 1 })
  refused("bits must be 1 to 52", v.quantise, v.pack { 1 }, { bits = "x", clip = 1 })
  refused("clip must be above 0", v.quantise, v.pack { 1 }, { bits = 8, clip = "x" })
  refused("an edge is no number", v.histogram, v.pack { 1 }, { 1, "x" })
  refused("expected a list, got a table without a first item", v.pack, { a = 1 })
  refused("expected a list, got a table without a first item", v.pack, { [2] = 1 })
  refused("subtract must be true or false", v.mask,
    v.pack({ 1 }, "u64"), "k", "l", { subtract = 0 })
  refused("subtract must be true or false", v.mask_all, v.pack({ 1 }, "u64"),
    { { key = "k", label = "l", subtract = 0 } })
  refused("mask 2 is a string", v.mask_all, v.pack({ 1 }, "u64"),
    { { key = "k", label = "l" }, "k" })
  refused("string expected, got nil", v.mask_all, v.pack({ 1 }, "u64"), { { key = "k" } })
  refused("'labels'", v.mask_all, v.pack({ 1 }, "u64"), { { key = "k", labels = "l" } })
  refused("3 bytes are no whole number of u64", v.mask_all, "abc", {})
  refused("for floats, not for u64", v.norm, v.pack({ 1 }, "u64"), "u64")
  refused("invalid option 'f16'", v.pack, { 1 }, "f16")
  refused("leaves nothing", v.trimmed_mean, { v.pack { 1 }, v.pack { 2 } }, 1)
  local three = { v.pack { 1 }, v.pack { 2 }, v.pack { 4 } }
  is(list((v.krum(three, 0))), "1.0")
  refused("at most the vectors less 3", v.krum, three, 1)
  refused("at most the vectors less 3", v.krum, three, -1)
end

local function check_masks()
  local models = { { 0.5, -0.25, 3 }, { 1.5, 0.75, -100 } }
  local sum
  for i, model in ipairs(models) do
    local whole, clipped = v.quantise(v.pack(model), { bits = 24, clip = 8 })
    is(clipped, i - 1)
    local masked = v.mask(whole, "key", "round 1", { subtract = i == 2 })
    af.expect(masked ~= whole)
    af.expect(v.mask(masked, "key", "round 1", { subtract = i == 1 }) == whole)
    af.expect(v.mask(whole, "key", "round 2", { subtract = i == 2 }) ~= masked)
    sum = sum and v.add(sum, masked, "u64") or masked
  end
  is(list(v.dequantise(sum, { bits = 24 })), "2.0 0.5 -5.0") -- the masks are gone
  is(list(v.dequantise(sum, { bits = 24, count = 2 })), "1.0 0.25 -2.5")
end

local function check_drawn()
  for _, sigma in ipairs { 65537, 0 / 0, 0, -1 } do
    af.expect(not pcall(v.discrete_gaussian, 1, sigma), sigma)
  end
  af.expect(#v.discrete_gaussian(1, 65536) == 8)
  local n = 20000
  for name, spread in pairs { gaussian = 2, laplace = 2 * math.sqrt(2) } do
    local drawn = v[name](n, 2)
    local mean = v.dot(drawn, v.pack((function()
      local ones = {}
      for i = 1, n do ones[i] = 1 / n end
      return ones
    end)()))
    local sigma = v.norm(drawn) / math.sqrt(n)
    af.expect(math.abs(mean) < 0.1 and math.abs(sigma / spread - 1) < 0.05, name)
    af.expect(v[name](n, 2) ~= drawn and #v[name](3, 1, "f32") == 12)
  end
  for _, sigma in ipairs { 0.4, 3, 100.5 } do
    local sum, squares, count = 0, 0, 4000
    for _, x in ipairs(v.unpack(v.discrete_gaussian(count, sigma), "i64")) do
      sum, squares = sum + x, squares + x * x
    end
    local variance = sigma == 0.4 and 0.0808 or sigma * sigma -- it is narrower
    af.expect(math.abs(sum / count) < 5 * math.sqrt(variance / count), sigma)
    af.expect(math.abs(squares / count / variance - 1) < 0.15, squares / count)
  end
end

-- What is long enough is done on two threads, what is short on one: a part of it is the same.
local function check_long()
  local zeros = v.zeros(140000, "u64")
  local masked, short = v.mask(zeros, "key", "long"), v.slice(zeros, 1, 131071, "u64")
  af.expect(v.slice(masked, 1, 131071, "u64") == v.mask(short, "key", "long"))
  af.expect(v.mask(masked, "key", "long", { subtract = true }) == zeros)
  local all = v.mask_all(zeros, { { key = "key", label = "long" },
    { key = "other", label = "long", subtract = true } })
  af.expect(all == v.mask(masked, "other", "long", { subtract = true }))
  af.expect(v.mask_all(zeros, {}) == zeros)
  local models, front, back = {}, {}, {}
  local drawn = v.gaussian(4000, 1)
  for i = 1, 22 do
    models[i] = v.scale(drawn:rep(25), i)
    front[i], back[i] = v.slice(models[i], 1, 70001), v.slice(models[i], 70002, 100000)
  end
  af.expect(v.mean(models) == v.mean(front) .. v.mean(back))
end

local Go = af.event("go", {})

return af.flow {
  name = "vector", mock = { a = 1 },
  roles = { a = { start = "s", states = { s = {
    enter = function(party) party:send(party.id, Go {}) end,
    [Go] = function(party)
      check_exact()
      check_integers()
      check_refused()
      check_masks()
      check_drawn()
      party:send(party.id, Go {})
      return "long"
    end,
  }, long = {
    [Go] = function()
      check_long()
      return af.done()
    end,
  } } } },
}
