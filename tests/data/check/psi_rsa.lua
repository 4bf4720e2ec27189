--- psi by the platform's RSA-PSI, with numbers that are small: what psi/rsa.py computes stands here
--- with a modulus of 30 bits, so that all orders can be checked.

local af = require "af"
local Psi = require "psi"

local P <const>, Q <const>, E <const> = 32719, 32749, 65537
local N <const> = P * Q

local function power(x, exponent)
  local y = 1
  while exponent > 0 do
    if exponent & 1 == 1 then y = y * x % N end
    x, exponent = x * x % N, exponent >> 1
  end
  return y
end

---Euclid's, extended: 1 / a modulo m.
local function inverse(a, m)
  local x, y, b = 1, 0, m
  while b > 0 do
    local whole = a // b
    a, b, x, y = b, a - whole * b, y, x - whole * y
  end
  return x % m
end

local D <const> = inverse(E, (P - 1) * (Q - 1))

local function hashed(item) return 1000 + tonumber(item:match "%d+") end
local function factor(seed, i) return tonumber(seed:sub(1, 4), 16) + 2 + i end
local function name_of(signature) return ("name %d"):format(signature) end

local answers = {
  key = function() return { n = ("0"):rep(300) .. ("%d"):format(N), e = E, p = "", q = "" } end,
  blind = function(given)
    local list = {}
    for i, item in ipairs(given.items) do
      list[i] = ("%d"):format(power(factor(given.seed, i), E) * hashed(item) % N)
    end
    return { blind = cjson.encode(af.array(list)) }
  end,
  sign = function(given)
    local signed, own = {}, {}
    for _, text in ipairs(cjson.decode(given.blind)) do
      signed[("%d"):format(power(math.tointeger(tonumber(text)), D))] = text
    end
    for i, item in ipairs(given.items) do own[i] = name_of(power(hashed(item), D)) end
    return { answer = cjson.encode { signed_blind_ids = signed, signed_collaborator_ids = own },
      own = own }
  end,
  match = function(given)
    local answer, theirs, own = cjson.decode(given.answer), {}, {}
    for _, name in ipairs(answer.signed_collaborator_ids) do theirs[name] = true end
    for text, blinded in pairs(answer.signed_blind_ids) do
      for i, item in ipairs(given.items) do
        local r = factor(given.seed, i)
        if ("%d"):format(power(r, E) * hashed(item) % N) == blinded then
          local name = name_of(math.tointeger(tonumber(text)) * inverse(r, N) % N)
          own[i] = theirs[name] and name or ""
        end
      end
    end
    return { own = own }
  end,
}

local own = { protocol = "rsa", size = 3, every = 10, linger = 30,
  tries = function(party) return party.args.tries end }

return af.flow {
  name = "psi_rsa", mock = { initiator = 1, collaborator = 2 },
  args = { tries = af.optional(af.integer { min = 1 }, 9) },
  roles = {
    initiator = { start = "psi", states = { psi = Psi.initiator(own) } },
    collaborator = { start = "psi", states = { psi = Psi.collaborator(own) } },
  },
  mock_programs = {
    python3 = function(args, input)
      return { output = cjson.encode(answers[args[2]](cjson.decode(input))) }
    end,
  },
}
