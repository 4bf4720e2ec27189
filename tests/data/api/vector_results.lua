-- Vectors that are drawn, and what became of them, as lines "name hex" for tests/lib/vectors.py.
local af = require "af"
local v, c = af.vector, af.crypto

local function tell(name, vector) print(name .. " " .. c.hex(vector)) end

local function tell_all(list)
  for i, vector in ipairs(list) do tell("in" .. i, vector) end
  tell("add", v.add(list[1], list[2]))
  tell("sub", v.sub(list[1], list[2]))
  tell("scale", v.scale(list[1], 0.3))
  tell("axpy", v.axpy(0.3, list[1], list[2]))
  tell("clip", (v.clip(list[1], 1.5)))
  tell("sum", v.sum(list))
  tell("mean", v.mean(list))
  tell("weighted", v.mean(list, { 1, 2, 3, 4, 5, 6, 7 }))
  tell("median", v.median(list))
  tell("trimmed", v.trimmed_mean(list, 2))
  local krum, chosen = v.krum(list, 2, 3)
  tell("krum", krum)
  tell("chosen", v.pack(chosen))
  tell("dot", v.pack { v.dot(list[1], list[2]), v.norm(list[3]) })
  tell("distances", v.pack(v.distances(list)[2]))
  tell("quantised", v.quantise(list[1], { bits = 20, clip = 2 }))
  tell("histogram", v.pack(v.histogram(list[1], { -2, -1, 0, 0.5, 3 })))
end

return af.flow {
  name = "vector_results", args = { n = af.integer }, mock = { a = 1 },
  roles = { a = { start = "s", states = { s = { enter = function(party)
    local list = {}
    for i = 1, 7 do list[i] = v.gaussian(party.args.n, i) end
    tell_all(list)
    return af.done()
  end } } } },
}
