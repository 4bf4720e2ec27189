--- A beacon: peers make a random value that none of them, nor the coordinator, could choose. Each
--- commits to a draw of its own before it sees another's; the value is the hash of all draws.
---
---   coordinator  ── join ────────► peer   who takes part?
---   coordinator  ◄────── joined ── peer   here is a key of mine
---   coordinator  ── keys ────────► peer   the keys of all
---   coordinator  ◄────── commit ── peer   the digest of my draw, and sealed shares of it
---   coordinator  ── commitments ─► peer   these are fixed now; and your shares
---   coordinator  ◄────── reveal ── peer   my draw
---   coordinator  ── open ────────► peer   these have not revealed
---   coordinator  ◄────── opened ── peer   my shares of their draws
---   coordinator  ── beacon ──────► peer   the draws, and the value
---   coordinator  ◄─ beacon_taken ─ peer
---
--- Who has seen the others' draws could like the value less than another, and keep its own draw
--- back. That is no use: `threshold` others open it by their shares (Shamir). A peer reveals, and
--- opens, for one list of commitments in a round, and refuses a second: of two it could choose.
---
--- Holds, with `threshold` peers alive, which must be more than half: it ends; the value is made of
--- the draws of all that have committed, whoever is lost then; all that end well have the same. Who
--- is lost before it commits is left out. Against a coordinator that keeps to the protocol; a peer
--- that has shared what it did not commit to, and then is silent, ends it without a value.
---
--- Checked in every interleaving with 3 peers, threshold 2: one contract dropped, or copied, one
--- peer lost, one early timeout. A mistake that a check finds: the silent peers' draws left out.
--- Oracle: SHA-256 of the draws, each behind its name, in order.
---
--- It is a part: `Beacon.coordinator { … }` and `Beacon.peer { … }` stand among a flow's states.

local af = require "af"

local crypto = af.crypto

local round = af.integer { min = 1 }
local bytes32 = af.bytes { min_length = 32, max_length = 32 }
local own = { round = round, peer_id = af.id } -- what every answer has

local function answer(type, fields)
  for name, kind in pairs(own) do fields[name] = kind end
  return af.event(type, fields)
end

local Join = af.event("join", { round = round })
local Joined = answer("joined", { key = bytes32 })
local Keys = af.event("keys", { round = round, keys = af.map(bytes32) })
local Commit = answer("commit", { digest = bytes32, shares = af.map(af.bytes) })
local Commitments = af.event("commitments",
  { round = round, digests = af.map(bytes32), shares = af.map(af.bytes) })
local Reveal = answer("reveal", { draw = bytes32 })
local Open = af.event("open", { round = round, ids = af.list(af.id) })
local Opened = answer("opened", { shares = af.map(af.bytes) })
local Beacon = af.event("beacon", { round = round, draws = af.map(bytes32), value = bytes32 })
local BeaconTaken = answer("beacon_taken", {})

-- What both share. -------------------------------------------------------------------------------

local function ids_of(set)
  local ids = {}
  for id in pairs(set) do ids[#ids + 1] = id end -- in order of names
  return ids
end

---What a draw, or a share of it, is bound to: nobody can pass it off as another's.
local function bound_to(number, id) return ("beacon %d %s "):format(number, id) end

local function digest_of(number, id, draw) return crypto.sha256(bound_to(number, id) .. draw) end

---The value of all draws, in the order of names; also what a list of digests is compared by.
local function value_of(draws)
  local list = {}
  for id, draw in pairs(draws) do list[#list + 1] = ("%d %s"):format(#id, id) .. draw end
  return crypto.sha256(table.concat(list))
end

-- The coordinator. -------------------------------------------------------------------------------

local function coordinator(at)
  local function param(name) return function(party) return at.param(party, name) end end
  local number, need = param "round", param "threshold"

  ---One question to some, and their answers.
  local function step(options)
    return af.patterns.gather {
      from = options.from, ask = options.ask, answer = options.answer,
      who = function(event, from)
        return (from == nil or from == event.peer_id) and event.peer_id
      end,
      accept = function(party, event)
        return event.round == number(party)
          and (options.accept == nil or options.accept(party, event))
      end,
      take = options.take, done = options.done,
      every = param "every", tries = param "tries", need = options.need or need,
      short = function(party, ids, missing)
        return at.failed(party, ("%d of %d peers are left, and %d are needed"):format(#ids,
          #ids + #missing, need(party)))
      end,
      more = { ignore = options.late },
    }
  end

  ---Opens the draws of those who have not revealed theirs.
  local function open(party, ids)
    local data = at.data(party)
    for _, silent in ipairs(data.silent) do
      local shares = {}
      for _, id in ipairs(ids) do shares[#shares + 1] = data.opened[id][silent] end
      local ok, draw = pcall(crypto.shamir.combine, shares, need(party))
      if not ok or draw == nil or digest_of(number(party), silent, draw) ~= data.digests[silent]
      then
        return at.failed(party, ("the shares of %s do not fit its commitment"):format(silent))
      end
      data.draws[silent] = draw
    end
    return at.state "tell"
  end

  local states = {
    begin = { enter = function(party)
      local all = #party:nodes(at.role "peer")
      if 2 * need(party) <= all or need(party) > all then
        return at.failed(party, ("a threshold of %d is not more than half of %d peers, or too many")
          :format(need(party), all))
      end
      return at.state "join"
    end },
    join = step {
      from = function(party) return party:nodes(at.role "peer") end,
      ask = function(party) return Join { round = number(party) } end,
      answer = Joined,
      take = function(party, id, event) at.data(party).keys[id] = event.key end,
      done = at.state "commit",
    },
    commit = step {
      from = function(party) return ids_of(at.data(party).keys) end,
      ask = function(party) return Keys { round = number(party), keys = at.data(party).keys } end,
      answer = Commit,
      take = function(party, id, event)
        local data = at.data(party)
        data.digests[id] = event.digest
        for target, sealed in pairs(event.shares) do
          data.sealed[target] = data.sealed[target] or {}
          data.sealed[target][id] = sealed
        end
      end,
      done = at.state "reveal", late = { Joined },
    },
    reveal = step {
      from = function(party) return ids_of(at.data(party).digests) end,
      ask = function(party, ids)
        local data = at.data(party)
        for _, id in ipairs(ids) do
          party:send(id, Commitments { round = number(party), digests = data.digests,
            shares = data.sealed[id] or {} })
        end
      end,
      answer = Reveal,
      accept = function(party, event)
        return digest_of(event.round, event.peer_id, event.draw)
          == at.data(party).digests[event.peer_id]
      end,
      take = function(party, id, event) at.data(party).draws[id] = event.draw end,
      done = function(party, _, missing)
        at.data(party).silent = missing
        return at.state(missing[1] and "open" or "tell")
      end,
      late = { Joined, Commit },
    },
    open = step {
      from = function(party) return ids_of(at.data(party).draws) end,
      ask = function(party)
        return Open { round = number(party), ids = at.data(party).silent }
      end,
      answer = Opened,
      accept = function(party, event)
        for _, id in ipairs(at.data(party).silent) do
          if not event.shares[id] then return false end
        end
        return true
      end,
      take = function(party, id, event) at.data(party).opened[id] = event.shares end,
      done = open, late = { Joined, Commit, Reveal },
    },
    tell = step {
      from = function(party) return ids_of(at.data(party).digests) end,
      ask = function(party)
        local data = at.data(party)
        data.value = value_of(data.draws)
        return Beacon { round = number(party), draws = data.draws, value = data.value }
      end,
      answer = BeaconTaken, need = function() return 0 end, -- who is lost cannot be told
      done = function(party)
        local data = at.data(party)
        return at.done(party, { value = crypto.hex(data.value), peers = ids_of(data.digests) })
      end,
      late = { Joined, Commit, Reveal, Opened },
    },
  }
  return { start = "begin", states = states, data = function()
    return { keys = {}, digests = {}, sealed = {}, draws = {}, opened = {} }
  end }
end

-- A peer. ----------------------------------------------------------------------------------------

local function peer(at)
  local function number(party) return at.param(party, "round") end

  ---Its key, its draw, and the shares of others' draws: shown nowhere.
  local function secrets(party)
    local all = party.data.secret or {}
    party.data.secret = all
    all[at.state "beacon"] = all[at.state "beacon"] or {}
    return all[at.state "beacon"]
  end

  ---A row that answers a question of this round by what `make(party, event)` gives; nil: it does
  ---not. The peer waits afresh then.
  local function answered(make)
    return function(party, event, from)
      if event.round ~= number(party) then return end
      local said = make(party, event)
      if said == nil then return end
      party:send(from or party:nodes(at.role "coordinator")[1], said)
      return at.state "serving"
    end
  end

  local function join(party)
    local mine = secrets(party)
    mine.pair = mine.pair or crypto.x25519_keypair()
    return Joined { round = number(party), peer_id = party.id, key = mine.pair.public }
  end

  ---Draws, once: it is the answer to each copy of the keys.
  local function commit(party, event)
    local data, mine = at.data(party), secrets(party)
    local ids, need = ids_of(event.keys), at.param(party, "threshold")
    if not mine.draw then
      if not mine.pair or event.keys[party.id] ~= mine.pair.public then return end
      if need > #ids or 2 * need <= #ids then return end
      mine.draw, data.shares = crypto.random(32), {}
      local shares = crypto.shamir.split(mine.draw, { shares = #ids, threshold = need })
      for i, id in ipairs(ids) do
        if id ~= party.id then
          data.shares[id] = crypto.seal(event.keys[id], bound_to(number(party), party.id)
            .. shares[i])
        end
      end
    end
    return Commit { round = number(party), peer_id = party.id, shares = data.shares,
      digest = digest_of(number(party), party.id, mine.draw) }
  end

  ---Reveals for one list of commitments; its shares of the others' draws are opened here.
  local function reveal(party, event)
    local data, mine = at.data(party), secrets(party)
    if not mine.draw then return end
    if data.digests == nil then
      if event.digests[party.id] ~= digest_of(number(party), party.id, mine.draw) then return end
      data.digests, mine.shares = event.digests, {}
      for id, sealed in pairs(event.shares) do
        local text, before = crypto.unseal(mine.pair, sealed), bound_to(number(party), id)
        if text and text:sub(1, #before) == before then
          mine.shares[id] = text:sub(#before + 1)
        end
      end
    end
    if value_of(event.digests) ~= value_of(data.digests) then
      party:log "a second list of commitments is refused"
      return
    end
    return Reveal { round = number(party), peer_id = party.id, draw = mine.draw }
  end

  local function open(party, event)
    local data, shares = at.data(party), {}
    if data.digests == nil then return end
    for _, id in ipairs(event.ids) do shares[id] = secrets(party).shares[id] end
    return Opened { round = number(party), peer_id = party.id, shares = shares }
  end

  ---The value, if it is that of the draws, and the draws are those that were committed.
  local function take(party, event)
    local data, draw = at.data(party), secrets(party).draw
    if event.round ~= number(party) or draw == nil then return end
    local why = event.draws[party.id] ~= draw and "my draw is not in it"
    for id, digest in pairs(data.digests or {}) do
      if not event.draws[id] or digest_of(event.round, id, event.draws[id]) ~= digest then
        why = ("the draw of %s is not what it has committed to"):format(id)
      end
    end
    if event.value ~= value_of(event.draws) then why = "it is not the value of its draws" end
    if why then return at.failed(party, "the beacon is refused: " .. why) end
    data.value = event.value
    party:send(party:nodes(at.role "coordinator")[1],
      BeaconTaken { round = event.round, peer_id = party.id })
    return at.done(party, { value = crypto.hex(event.value), peers = ids_of(event.draws) })
  end

  return { start = "serving", data = function() return {} end, states = { serving = {
    [Join] = answered(join),
    [Keys] = answered(commit),
    [Commitments] = answered(reveal),
    [Open] = answered(open),
    [Beacon] = take,
    after = {
      function(party) return at.param(party, "every") * (at.param(party, "tries") * 2 + 3) end,
      function(party) return at.failed(party, "the coordinator is silent") end,
    },
  } } }
end

return af.part {
  name = "beacon",
  mock = { coordinator = 1, peer = 4 },
  params = {
    threshold = af.optional(af.integer { min = 1, max = 255 }, 3), -- more than half of the peers
    round = af.optional(round, 1),
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- then it is left out
  },
  roles = { coordinator = coordinator, peer = peer },
  invariants = {
    ["all have one value"] = function(world, at)
      local value
      for _, role in ipairs { "coordinator", "peer" } do
        for _, one in ipairs(world:with_role(at.role(role))) do
          local theirs = at.data(one).value
          if theirs and value and theirs ~= value then return false end
          value = value or theirs
        end
      end
      return true
    end,
    ["it is made of the draws of all that have committed"] = function(world, at)
      local data, draws = at.data(world:with_role(at.role "coordinator")[1]), {}
      if not data.value then return true end
      for _, one in ipairs(world:with_role(at.role "peer")) do
        if data.digests[one.id] then
          draws[one.id] = one.data.secret[at.state "beacon"].draw
        end
      end
      return data.value == value_of(draws)
    end,
  },
}
