--- psi.rsa: the states with which psi.lua takes part in the platform's own RSA-PSI, in its events
--- and order: `protocol = "rsa"`. To work with its programs, and for nothing else: a signature
--- takes a hundred times what a point does, and what is signed is a bare hash.
---
---   initiator  ── rsa_psi_init ─────────► collaborator
---   initiator  ◄──────────── public_key ─ collaborator   n is a string of decimal digits
---   initiator  ═════════════════════════► collaborator   its set's hashes, each times a random
---                                                         number; JSON, one after the other
---   initiator  ── ready_for_signed_ids ─► collaborator
---   initiator  ◄═════════════════════════ collaborator   these signed, and of its own set
---                                                         hashes of the signatures
---   initiator  ═════════════════════════► collaborator   those of the hashes that are in all sets
---
--- The numbers are rsa.py's, which draws all chance from a seed: keys and factors are kept by it,
--- so that a crash changes nothing. The platform has no word for the end: who has the result stays
--- for `linger` seconds, to accept it again.

local af = require "af"

local round = af.optional(af.integer { min = 1 }) -- ours; the platform knows of none
local Init = af.event("rsa_psi_init", { initiator = af.id, round = round })
local PublicKey = af.event("public_key", { collaborator = af.id, n = af.string,
  e = af.integer { min = 3 }, round = round })
local Ready = af.event("ready_for_signed_ids", { initiator = af.id, round = round })

local rsa = { Init = Init, PublicKey = PublicKey, Ready = Ready }

local NEXT <const> = 0.001 -- seconds until a step's work is gone on with

-- What both share. -------------------------------------------------------------------------------

---What rsa.py says; nil, and its last line: another party has sent what is wrong.
local function ask(at, party, what, given)
  local program = at.param(party, "program")
  local result = af.process.run("python3", { args = { program, what },
    input = cjson.encode(given) })
  if result.status == 0 then return cjson.decode(result.output) end
  local why = result.errors:match "([^\n]*)%s*$"
  if result.status == 3 then return nil, why end
  error(("%s %s: %s"):format(program, what, why))
end

local function items_of(at, party)
  return af.array(cjson.decode(party:kept(at.data(party).items)))
end

local function secret(at, party) return party.data.secret[at.state "psi"] end

---A seed for one other party: factors for two keys have nothing in common.
local function seed_for(at, party, id)
  return af.crypto.hex(af.crypto.sha256(secret(at, party).seed .. id))
end

---Whether n may be the product of two primes that are large, and not too large.
local function is_modulus(n) return #n >= 300 and #n <= 2500 and n:find "^%d*[13579]$" ~= nil end

local function of_round(number, party, event)
  return event.round == nil or event.round == number(party)
end

---What a party keeps to itself, before its first state, `rsa_begin`.
function rsa.begin(at, party)
  local own, data = { seed = af.crypto.random(32) }, at.data(party)
  party.data.secret[at.state "psi"] = own
  if party.role == at.role "initiator" then
    data.keys, data.blind, data.tell = {}, {}, {} -- of each collaborator
    return
  end
  local key = assert(ask(at, party, "key", { bits = at.param(party, "bits"),
    seed = af.crypto.hex(own.seed) }))
  own.p, own.q = key.p, key.q
  data.n, data.e = key.n, math.tointeger(key.e)
end

-- The initiator. ---------------------------------------------------------------------------------

---@param shared table  `number`, `label`, `every`, `tries`: functions of the party
function rsa.initiator(at, shared)
  local number, every, tries = shared.number, shared.every, shared.tries
  local function collaborators(party) return party:nodes(at.role "collaborator") end
  local function lost(party, why) return at.failed(party, why) end

  ---The first collaborator of which a list has nothing yet.
  local function next_of(party, list)
    for _, id in ipairs(collaborators(party)) do
      if not at.data(party)[list][id] then return id end
    end
  end

  ---A state that sends each collaborator what is for it, in the order of names.
  local function sending_each(name, options)
    return af.data_channel.sending {
      target = function(party) return next_of(party, name) end, data = options.data,
      label = shared.label, every = every, tries = tries, failed = lost,
      done = function(party)
        at.data(party)[name][next_of(party, name)] = true
        return next_of(party, name) and at.state("rsa_" .. name) or options.done(party)
      end,
      state = options.state,
    }
  end

  ---The items that all have, and for each collaborator what it calls them.
  local function intersect(party)
    local data, common, names, own = at.data(party), {}, {}, {}
    for id, ref in pairs(data.places) do
      names[id], own[id] = {}, cjson.decode(party:kept(ref))
    end
    for i, item in ipairs(items_of(at, party)) do
      local in_all = true
      for _, list in pairs(own) do in_all = in_all and list[i] ~= "" end
      if in_all then
        common[#common + 1] = item
        for id, list in pairs(own) do table.insert(names[id], list[i]) end
      end
    end
    data.common, data.names = party:keep(cjson.encode(af.array(common))), {}
    for id, list in pairs(names) do
      table.sort(list) -- not in the order of the initiator's set
      data.names[id] = party:keep(cjson.encode(af.array(list)))
    end
    return at.state "rsa_tell"
  end

  return {
    rsa_begin = af.patterns.gather {
      from = collaborators,
      ask = function(party) return Init { initiator = party.id, round = shared.number(party) } end,
      answer = PublicKey,
      who = function(event, from)
        return (from == nil or from == event.collaborator) and event.collaborator
      end,
      accept = function(party, event)
        return of_round(number, party, event) and is_modulus(event.n)
      end,
      take = function(party, id, event) at.data(party).keys[id] = { n = event.n, e = event.e } end,
      every = every, tries = tries, done = at.state "rsa_blind",
      short = function(party, _, missing)
        return lost(party,
          ("no public key has come from '%s'"):format(table.concat(missing, "', '")))
      end,
    },
    rsa_blind = sending_each("blind", {
      data = function(party)
        local id = next_of(party, "blind")
        local key = at.data(party).keys[id]
        local made, why = ask(at, party, "blind", { n = key.n, e = key.e,
          seed = seed_for(at, party, id), items = items_of(at, party) })
        return made and made.blind or error(id .. ": " .. why)
      end,
      done = function() return at.state "rsa_collect" end,
      state = { ignore = { PublicKey }, defer = { af.ApplySfSendingData } },
    }),
    rsa_collect = af.data_channel.receiving {
      source = collaborators,
      ask = function(party) return Ready { initiator = party.id, round = shared.number(party) } end,
      received = function(party, id, bytes) at.data(party).answers[id] = party:keep(bytes) end,
      label = shared.label, every = every, tries = tries, failed = lost,
      done = at.state "rsa_match", state = { ignore = { PublicKey } },
    },
    rsa_match = {
      enter = function(party)
        local data, id = at.data(party), next_of(party, "places")
        local key = data.keys[id]
        local made, why = ask(at, party, "match", { n = key.n, e = key.e,
          seed = seed_for(at, party, id), items = items_of(at, party),
          answer = party:kept(data.answers[id]) })
        if made == nil then return at.failed(party, ("the answer of %s: %s"):format(id, why)) end
        data.places[id] = party:keep(cjson.encode(af.array(made.own)))
        data.answers[id] = nil
        if next_of(party, "places") == nil then return intersect(party) end
      end,
      after = { NEXT, at.state "rsa_match" },
      [af.ApplySfSendingData] = af.data_channel.again, ignore = { PublicKey },
    },
    rsa_tell = sending_each("tell", {
      data = function(party) return party:kept(at.data(party).names[next_of(party, "tell")]) end,
      done = function(party) return shared.done(party) end,
      state = { [af.ApplySfSendingData] = af.data_channel.again, ignore = { PublicKey } },
    }),
  }
end

-- A collaborator. --------------------------------------------------------------------------------

---@param shared table  `number`, `label`, `every`, `tries`, `silence`, `is_silent`, `the_initiator`
function rsa.collaborator(at, shared)
  local silence, is_silent = shared.silence, shared.is_silent
  local the_initiator = shared.the_initiator

  local function is_for_me(party, event, from)
    return (from == nil or from == the_initiator(party)) and event.initiator == the_initiator(party)
      and of_round(shared.number, party, event)
  end

  local function say_key(party)
    local data = at.data(party)
    party:send(the_initiator(party), PublicKey { collaborator = party.id, n = data.n, e = data.e,
      round = shared.number(party) })
  end

  ---The items that the initiator names by their hashes; nil: it names another.
  local function common_of(party, bytes)
    local ok, names = pcall(cjson.decode, bytes)
    if not ok or type(names) ~= "table" then return nil end
    local item_of, common, own = {}, {}, cjson.decode(party:kept(at.data(party).own))
    for i, item in ipairs(items_of(at, party)) do item_of[own[i]] = item end
    for i, name in ipairs(names) do
      common[i] = item_of[name]
      if common[i] == nil then return nil end
    end
    table.sort(common)
    return common
  end

  return {
    rsa_begin = {
      [Init] = function(party, event, from)
        if not is_for_me(party, event, from) then return end
        say_key(party)
        return at.state "rsa_get"
      end,
      after = { silence, is_silent },
      defer = { af.ApplySfSendingData },
    },
    rsa_get = af.data_channel.receiving {
      source = the_initiator,
      received = function(party, _, bytes) at.data(party).theirs = party:keep(bytes) end,
      label = shared.label, every = silence, failed = is_silent, done = at.state "rsa_sign",
      state = {
        [Init] = function(party, event, from) -- the key was lost
          if is_for_me(party, event, from) then say_key(party) end
        end,
        defer = { Ready },
      },
    },
    rsa_sign = {
      enter = function(party)
        local data, own = at.data(party), secret(at, party)
        local made, why = ask(at, party, "sign", { n = data.n, e = data.e, p = own.p, q = own.q,
          blind = party:kept(data.theirs), items = items_of(at, party) })
        if made == nil then return at.failed(party, "the initiator's set: " .. why) end
        data.answer = party:keep(made.answer)
        data.own = party:keep(cjson.encode(af.array(made.own)))
      end,
      [Ready] = function(party, event, from)
        if is_for_me(party, event, from) then return at.state "rsa_answer" end
      end,
      [af.ApplySfSendingData] = af.data_channel.again,
      after = { silence, is_silent }, ignore = { Init },
    },
    rsa_answer = af.data_channel.sending {
      target = the_initiator, ref = function(party) return at.data(party).answer end,
      label = shared.label, every = shared.every, tries = shared.tries, failed = is_silent,
      done = at.state "rsa_result",
      state = { defer = { af.ApplySfSendingData }, ignore = { Init, Ready } },
    },
    rsa_result = af.data_channel.receiving {
      source = the_initiator,
      received = function(party, _, bytes)
        local common = common_of(party, bytes)
        if common == nil then return "it names what I have not sent" end
        at.data(party).common = party:keep(cjson.encode(af.array(common)))
        if at.data(party).example then at.data(party).result = common end
      end,
      label = shared.label, every = silence, failed = is_silent, done = at.state "rsa_told",
      state = { ignore = { Init, Ready } },
    },
    rsa_told = {
      [af.ApplySfSendingData] = af.data_channel.again,
      after = { function(party) return at.param(party, "linger") or silence(party) end,
        shared.done },
      ignore = { Init, Ready },
    },
  }
end

return rsa
