--- Distributed generation of a key: peers end with shares of a secret that nobody has ever had, and
--- its public key. After Feldman (FOCS 1987), on the group ristretto255, with the commitments'
--- hashes first: plain Feldman lets the last to speak choose the key by the others' (Gennaro,
--- Jarecki, Krawczyk and Rabin, J. Cryptology 2007).
---
---   coordinator  ── invite ────► peer   who takes part?
---   coordinator  ◄──── enlist ── peer   two keys of mine, and the hash of my commitments
---   coordinator  ── enlisted ──► peer   these are fixed now
---   coordinator  ◄────── deal ── peer   my commitments; a share for each, sealed
---   coordinator  ── dealt ─────► peer   all commitments, and the shares for you
---   coordinator  ◄───── judge ── peer   whose share for me is wrong (mostly nobody's)
---   coordinator  ── accuse ────► peer   these say so of you
---   coordinator  ◄──── defend ── peer   their shares, open
---   coordinator  ── qualify ───► peer   who is in, and what was opened
---   coordinator  ◄──── signed ── peer   I agree, and have my share
---   coordinator  ── finished ──► peer   the signatures
---   coordinator  ◄── finished_too ─ peer
---
--- A peer draws a polynomial of degree threshold - 1, commits to its coefficients, and gives each
--- peer its value there. The secret is the sum of the constant terms of those who qualify, and a
--- peer's share the sum of theirs for it: `threshold` shares make the secret, fewer tell nothing.
---
--- Holds, with `threshold` peers alive, more than half: it ends; all that end well have the same
--- public key and set, `threshold` of whom have signed it, and shares that fit. Who is silent
--- before it has dealt is left out, and so is who cannot open what another complains of, once. A
--- peer answers for one list of hashes, one of dealings and one set. Against a coordinator that
--- keeps to the protocol; a dealer may still have itself left out once it has seen the others'
--- commitments, which gives it two keys to choose from, and not more.
---
--- Checked in every interleaving with 3 peers, threshold 2: one contract dropped, or copied, one
--- peer lost, one early timeout. A mistake that a check finds: a wrong share that is not complained
--- of. Oracle: the secret of any `threshold` shares, by Lagrange, times G is the public key.

local af = require "af"

local crypto, group = af.crypto, af.crypto.ristretto

local bytes32 = af.bytes { min_length = 32, max_length = 32 }
local ids, points = af.list(af.id), af.list(bytes32, { min_length = 1, max_length = 255 })

local function answer(type, fields)
  fields.peer_id = af.id
  return af.event(type, fields)
end

local Invite = af.event("invite", { threshold = af.integer { min = 1 } })
local Enlist = answer("enlist", { key = bytes32, sign = bytes32, hash = bytes32 })
local member = af.record { key = bytes32, sign = bytes32, hash = bytes32 }
local Enlisted = af.event("enlisted", { members = af.map(member) })
local Deal = answer("deal", { commitments = points, shares = af.map(af.bytes) })
local Dealt = af.event("dealt", { commitments = af.map(points), shares = af.map(af.bytes) })
local Judge = answer("judge", { wrong = ids })
local Accuse = af.event("accuse", { by = ids })
local Defend = answer("defend", { shares = af.map(bytes32) })
local Qualify = af.event("qualify", { ids = ids, opened = af.map(bytes32) })
local Signed = answer("signed", { signature = af.bytes { min_length = 64, max_length = 64 } })
local Finished = af.event("finished", { signatures = af.map(af.bytes) })
local FinishedToo = answer("finished_too", {})

-- What both share. -------------------------------------------------------------------------------

local function ids_of(set)
  local list = {}
  for id in pairs(set) do list[#list + 1] = id end -- in order of names
  return list
end

local function small(number) return string.char(number & 255, number >> 8) .. ("\0"):rep(30) end

---The place of a peer among all, from 1: where its shares are values of the polynomials.
local function place_of(party, id)
  for place, other in ipairs(party:nodes "peer") do
    if other == id then return small(place) end
  end
end

local function hash_of(commitments) return crypto.sha256(table.concat(commitments)) end

---Whether a share is the value at a place of the polynomial that these commitments are of.
local function fits(share, commitments, place)
  local sum, power = commitments[1], place
  for k = 2, #commitments do
    local term = group.mul(power, commitments[k])
    sum = term and group.add(sum, term)
    if not sum then return false end
    power = group.scalar_mul(power, place)
  end
  return group.base(share) == sum
end

---The sum of the first so many commitments of several polynomials; nil: one is no point.
local function sum_of(all, list, count)
  local sums = {}
  for k = 1, count do
    sums[k] = all[list[1]][k]
    for i = 2, #list do sums[k] = sums[k] and group.add(sums[k], all[list[i]][k]) end
    if not sums[k] then return nil end
  end
  return sums
end

---What is signed: who qualifies, and the key that they have.
local function statement(party, list, public)
  return ("dkg %s %s "):format(party.task_id, table.concat(list, "\n")) .. public
end

-- The coordinator. -------------------------------------------------------------------------------

local function need(party) return party.args.threshold end

---One question to some, and their answers.
local function step(options)
  return af.patterns.gather {
    from = options.from, ask = options.ask, answer = options.answer,
    who = function(event, from) return (from == nil or from == event.peer_id) and event.peer_id end,
    accept = options.accept, take = options.take, done = options.done,
    every = function(party) return party.args.every end,
    tries = function(party) return party.args.tries end,
    need = options.need or need,
    short = function(party, some, missing)
      return af.fail(("%d of %d peers are left, and %d are needed"):format(#some, #some + #missing,
        need(party)))
    end,
    more = { ignore = options.late },
  }
end

---Who is left when complaints are settled: who has dealt, and has opened what was complained of.
local function settle(party)
  local data = party.data
  data.qualified = {}
  for id in pairs(data.commitments) do
    local fine = true
    for _, by in ipairs(data.accused[id] or {}) do
      local share = (data.opened[by] or {})[id]
      fine = fine and share ~= nil and fits(share, data.commitments[id], place_of(party, by))
    end
    if fine then
      table.insert(data.qualified, id)
    else
      party:log("%s cannot open what it has dealt, and is left out", id)
      for by in pairs(data.opened) do data.opened[by][id] = nil end
    end
  end
  if #data.qualified < need(party) then return af.fail "too few have dealt what they should" end
  data.public = sum_of(data.commitments, data.qualified, 1)[1]
  return "qualify"
end

local coordinator = {
  data = function(party)
    return { members = {}, commitments = {}, sealed = {}, accused = {}, opened = {},
      signatures = {}, threshold = need(party) }
  end,
  start = "begin",
  states = {
    begin = { enter = function(party)
      local all = #party:nodes "peer"
      if 2 * need(party) <= all or need(party) > all then
        return af.fail(("a threshold of %d is not more than half of %d peers, or too many"):format(
          need(party), all))
      end
      return "invite"
    end },
    invite = step {
      from = function(party) return party:nodes "peer" end,
      ask = function(party) return Invite { threshold = need(party) } end,
      answer = Enlist,
      take = function(party, id, event)
        party.data.members[id] = { key = event.key, sign = event.sign, hash = event.hash }
      end,
      done = "deal",
    },
    deal = step {
      from = function(party) return ids_of(party.data.members) end,
      ask = function(party) return Enlisted { members = party.data.members } end,
      answer = Deal,
      accept = function(party, event)
        return #event.commitments == need(party)
          and hash_of(event.commitments) == party.data.members[event.peer_id].hash
      end,
      take = function(party, id, event)
        local data = party.data
        data.commitments[id] = event.commitments
        for target, sealed in pairs(event.shares) do
          data.sealed[target] = data.sealed[target] or {}
          data.sealed[target][id] = sealed
        end
      end,
      done = "judge", late = { Enlist },
    },
    judge = step {
      from = function(party) return ids_of(party.data.commitments) end,
      ask = function(party, some)
        local data = party.data
        for _, id in ipairs(some) do
          party:send(id, Dealt { commitments = data.commitments, shares = data.sealed[id] or {} })
        end
      end,
      answer = Judge,
      take = function(party, id, event)
        for _, wrong in ipairs(event.wrong) do
          local by = party.data.accused[wrong] or {}
          table.insert(by, id)
          party.data.accused[wrong] = by
        end
      end,
      done = function(party, some)
        party.data.judges, party.data.sealed = some, {}
        return next(party.data.accused) and "accuse" or settle(party)
      end,
      late = { Enlist, Deal },
    },
    accuse = step {
      from = function(party) return ids_of(party.data.accused) end,
      ask = function(party, some)
        for _, id in ipairs(some) do party:send(id, Accuse { by = party.data.accused[id] }) end
      end,
      answer = Defend,
      take = function(party, id, event)
        for by, share in pairs(event.shares) do
          local opened = party.data.opened[by] or {}
          opened[id] = share
          party.data.opened[by] = opened
        end
      end,
      need = function() return 0 end, done = settle, late = { Enlist, Deal, Judge },
    },
    qualify = step {
      from = function(party) return party.data.judges end,
      ask = function(party, some)
        local data = party.data
        for _, id in ipairs(some) do
          party:send(id, Qualify { ids = data.qualified, opened = data.opened[id] or {} })
        end
      end,
      answer = Signed,
      accept = function(party, event)
        local data = party.data
        return crypto.verify(data.members[event.peer_id].sign,
          statement(party, data.qualified, data.public), event.signature)
      end,
      take = function(party, id, event) party.data.signatures[id] = event.signature end,
      done = "finish", late = { Enlist, Deal, Judge, Defend },
    },
    finish = step {
      from = function(party) return party.data.judges end,
      ask = function(party) return Finished { signatures = party.data.signatures } end,
      answer = FinishedToo, need = function() return 0 end, -- who is lost cannot be told
      done = function(party)
        return af.done { public = crypto.hex(party.data.public), peers = party.data.qualified }
      end,
      late = { Enlist, Deal, Judge, Defend, Signed },
    },
  },
}

-- A peer. ----------------------------------------------------------------------------------------

---A row that answers a question by what `make(party, event)` gives; nil: it does not. Each answer
---is made once, and given again to each copy of the question. The peer waits afresh then.
local function answered(make)
  return function(party, event, from)
    local said = make(party, event)
    if said == nil then return end
    party:send(from or party:nodes "coordinator"[1], said)
    return "serving"
  end
end

---Draws the polynomial, and commits to it.
local function enlist(party, event)
  local data = party.data
  if not data.secret then
    if event.threshold ~= need(party) then return end
    local mine = { pair = crypto.x25519_keypair(), sign = crypto.sign_keypair(), terms = {} }
    data.commitments = {}
    for k = 1, need(party) do
      mine.terms[k] = group.random_scalar()
      data.commitments[k] = group.base(mine.terms[k])
    end
    data.secret = mine
  end
  return Enlist { peer_id = party.id, key = data.secret.pair.public, sign = data.secret.sign.public,
    hash = hash_of(data.commitments) }
end

---The value of its polynomial at another's place.
local function share_for(party, id)
  local terms, place = party.data.secret.terms, place_of(party, id)
  local value = terms[#terms]
  for k = #terms - 1, 1, -1 do
    value = group.scalar_add(group.scalar_mul(value, place), terms[k])
  end
  return value
end

local function deal(party, event)
  local data = party.data
  local own = data.secret and event.members[party.id]
  if not own or own.hash ~= hash_of(data.commitments) then return end
  if not data.members then
    data.members, data.shares = event.members, {}
    for id, theirs in pairs(event.members) do
      data.shares[id] = crypto.seal(theirs.key, party.id .. " " .. share_for(party, id))
    end
  end
  for id, theirs in pairs(event.members) do
    if not data.members[id] or data.members[id].hash ~= theirs.hash then return end -- another list
  end
  return Deal { peer_id = party.id, commitments = data.commitments, shares = data.shares }
end

---Opens its shares, and names whose are none of the polynomial that they should be of. All at once,
---by the sum, and one by one where that is wrong.
local function judge(party, event)
  local data = party.data
  if not data.members or not event.commitments[party.id] then return end
  if not data.dealt then
    local place, sum = place_of(party, party.id), small(0)
    local shares = {}
    data.dealt, data.wrong = event.commitments, {}
    for id, commitments in pairs(event.commitments) do
      if not data.members[id] or hash_of(commitments) ~= data.members[id].hash then
        return af.fail(id .. "'s commitments are not those of its hash")
      end
      local text = crypto.unseal(data.secret.pair, event.shares[id] or "")
      if text and #text == #id + 33 and text:sub(1, #id + 1) == id .. " " then
        shares[id] = text:sub(-32)
        sum = group.scalar_add(sum, shares[id])
      end
    end
    data.secret.shares = shares
    data.sums = sum_of(event.commitments, ids_of(event.commitments), need(party))
    if not data.sums or not fits(sum, data.sums, place) then
      for id, commitments in pairs(event.commitments) do
        if not shares[id] or not fits(shares[id], commitments, place) then
          shares[id] = nil
          table.insert(data.wrong, id)
        end
      end
    end
  end
  return Judge { peer_id = party.id, wrong = data.wrong }
end

local function defend(party, event)
  local shares = {}
  if not party.data.members then return end
  for _, id in ipairs(event.by) do shares[id] = share_for(party, id) end
  return Defend { peer_id = party.id, shares = shares }
end

---Adds its shares up, and signs for one set of those who qualify.
local function sign(party, event)
  local data = party.data
  if not data.dealt then return end
  local list = table.concat(event.ids, "\n")
  if not data.qualified then
    local sum = small(0)
    if #event.ids < need(party) then return end
    for _, id in ipairs(event.ids) do
      local share = data.secret.shares[id] or event.opened[id]
      if not data.dealt[id] or not share then return end
      sum = group.scalar_add(sum, share)
    end
    local commitments = #event.ids == #ids_of(data.dealt) and data.sums
      or sum_of(data.dealt, event.ids, need(party))
    if not fits(sum, commitments, place_of(party, party.id)) then return end
    data.qualified, data.public, data.secret.share = event.ids, commitments[1], sum
  end
  if table.concat(data.qualified, "\n") ~= list then
    party:log "a second set of those who qualify is refused"
    return
  end
  return Signed { peer_id = party.id, signature = crypto.sign(data.secret.sign.secret,
    statement(party, data.qualified, data.public)) }
end

local function finish(party, event)
  local data, valid = party.data, 0
  if not data.qualified then return end
  for id, signature in pairs(event.signatures) do
    if data.members[id] and #signature == 64 and crypto.verify(data.members[id].sign,
      statement(party, data.qualified, data.public), signature) then
      valid = valid + 1
    end
  end
  if valid < need(party) then return end
  party:send(party:nodes "coordinator"[1], FinishedToo { peer_id = party.id })
  return af.done { public = crypto.hex(data.public), peers = data.qualified } -- the share is secret
end

local peer = { start = "serving", states = { serving = {
  [Invite] = answered(enlist),
  [Enlisted] = answered(deal),
  [Dealt] = answered(judge),
  [Accuse] = answered(defend),
  [Qualify] = answered(sign),
  [Finished] = finish,
  after = {
    function(party) return party.args.every * (party.args.tries * 2 + 3) end,
    function() return af.fail "the coordinator is silent" end,
  },
} } }

---The secret of shares { [id] = share }, by Lagrange; of nobody but invariants.
local function secret_of(shares, places)
  local sum = small(0)
  for i, share in pairs(shares) do
    local over, under = small(1), small(1)
    for j in pairs(shares) do
      if j ~= i then
        over = group.scalar_mul(over, places[j])
        under = group.scalar_mul(under, group.scalar_sub(places[j], places[i]))
      end
    end
    local part = group.scalar_mul(over, group.scalar_invert(under))
    sum = group.scalar_add(sum, group.scalar_mul(share, part))
  end
  return sum
end

return af.flow {
  name = "dkg",
  mock = { coordinator = 1, peer = 4 },
  args = {
    threshold = af.optional(af.integer { min = 1, max = 255 }, 3), -- more than half of the peers
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- then it is left out
  },
  roles = { coordinator = coordinator, peer = peer },
  invariants = {
    ["who ends well has the same key, and the same peers"] = function(world)
      local first
      for _, one in pairs(world.parties) do
        local result = one.ended == "done" and one.result
        local text = result and result.public .. table.concat(result.peers, "\n")
        if text and first and text ~= first then return false end
        first = first or text
      end
      return true
    end,
    ["any threshold of shares make the secret of the key"] = function(world)
      local shares, places, count, public = {}, {}, 0, nil
      local data = world:with_role("coordinator")[1].data
      local peers = world:with_role "peer"
      for place, one in ipairs(peers) do
        local share = one.ended == "done" and one.data.secret.share
        if share and count < data.threshold then
          shares[one.id], places[one.id], count = share, small(place), count + 1
          public = one.data.public
        end
      end
      if count < data.threshold then return true end
      return group.base(secret_of(shares, places)) == public and public == data.public
    end,
  },
}
