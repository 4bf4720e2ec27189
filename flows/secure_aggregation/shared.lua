--- secure_aggregation.shared: what the server and the clients compute alike.

local af = require "af"
local events = require "secure_aggregation.events"

local crypto = af.crypto
local shared = {}

function shared.ids_of(set)
  local ids = {}
  for id in pairs(set) do table.insert(ids, id) end -- in order of names
  return ids
end

function shared.set_of(ids)
  local set = {}
  for _, id in ipairs(ids) do set[id] = true end
  return set
end

---Those of a list that are in a set.
function shared.within(ids, set)
  local list = {}
  for _, id in ipairs(ids) do if set[id] then table.insert(list, id) end end
  return list
end

-- Masks. -----------------------------------------------------------------------------------------

---What two clients' masks are made of.
function shared.pair_key(secret, public)
  local both = crypto.x25519(secret, public)
  return both and crypto.hkdf(both, { info = "afrun secure aggregation: masks", size = 32 })
end

---Whether something can be agreed upon with a key: not with one of few multiples.
function shared.is_fit(public)
  return crypto.x25519(("\1"):rep(32), public) ~= nil
end

---What a client adds to its vector for itself; or what takes it away again.
function shared.self_mask(number, seed, back)
  return { key = seed, label = ("round %d: self"):format(number), subtract = back }
end

---What `id` adds to its vector for another; or what takes it away again.
function shared.pair_mask(number, id, other, pair, back)
  return { key = pair, label = ("round %d: pair"):format(number), subtract = (id > other) ~= back }
end

-- Who holds shares of whom. ----------------------------------------------------------------------

---Why a secret cannot be shared so; nil: it can. Of two unmaskings that half of the holders answer
---each, one would give a seed away and the other the key: so more than half is needed. Where the
---server may lie, a third of the clients may be its own, and answer both.
function shared.unfit(threshold, clients, neighbours, active)
  local holders, name = neighbours or clients, neighbours and "neighbours" or "clients"
  if neighbours and active then
    return "neighbours are for a server that keeps to the protocol, active for one that lies"
  elseif neighbours and (neighbours % 2 ~= 0 or neighbours >= clients) then
    return ("neighbours is %d; it has to be even, and less than the number of clients (%d)"):format(
      neighbours, clients)
  elseif holders > events.MOST_CLIENTS then
    return ("%d %s are more than the %d that a secret is shared among"):format(holders, name,
      events.MOST_CLIENTS)
  elseif threshold > holders then
    return ("a threshold of %d is more than there are %s (%d)"):format(threshold, name, holders)
  elseif 2 * threshold <= holders then
    return ("a threshold of %d is not more than half of %d %s"):format(threshold, holders, name)
  elseif active and 3 * threshold <= 2 * holders then
    return ("a threshold of %d is not more than two thirds of %d clients, as active needs"):format(
      threshold, holders)
  end
end

---A function of a client: who holds shares of its secrets, and it of theirs. All of all, itself
---too; in a ring those that stand next to it, half of `neighbours` on either side.
function shared.holders(data)
  local ring, places = data.ring, {}
  if not ring then
    local all = shared.ids_of(data.keys)
    return function() return all end
  end
  for place, id in ipairs(ring) do places[id] = place end
  return function(id)
    local near = {}
    for i = 1, data.neighbours // 2 do
      near[ring[(places[id] - 1 + i) % #ring + 1]] = true
      near[ring[(places[id] - 1 - i) % #ring + 1]] = true
    end
    return shared.ids_of(near)
  end
end

-- Signatures, where the server may lie. ----------------------------------------------------------

local function signed_text(party, number, what, text)
  return ("afrun secure aggregation: %s of round %d of task %s\n%s"):format(what, number,
    party.task_id, text)
end

---What a client signs of its own keys.
function shared.keys_text(party, number, id, c, s)
  return signed_text(party, number, "keys of " .. id, c .. s)
end

---What clients sign of who has sent a vector: a text of the set.
function shared.unmasking_text(party, number, set)
  return signed_text(party, number, "unmasking", set)
end

---What a place gives both roles, as functions of the party.
function shared.params_of(at)
  local params = {}
  for _, name in ipairs { "round", "every", "tries", "threshold", "neighbours", "active" } do
    params[name] = function(party) return at.param(party, name) end
  end
  function params.of_round(party, event) return event.round == at.param(party, "round") end

  ---Why a round of so many clients cannot be; nil: it can.
  function params.unfit(party, clients)
    return shared.unfit(params.threshold(party), clients, params.neighbours(party),
      params.active(party))
  end

  ---Whether a text is signed by the client of that name.
  function params.is_signed(party, id, text, signature)
    local public = crypto.unhex((at.param(party, "keys") or {})[id] or "")
    return public ~= nil and #public == 32 and signature ~= nil
      and crypto.verify(public, text, signature)
  end
  return params
end

return shared
