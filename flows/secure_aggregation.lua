--- Secure aggregation: a server learns the sum of its clients' vectors and none of them, whoever of
--- the clients drops out on the way. After Bonawitz et al., "Practical Secure Aggregation for
--- Privacy-Preserving Machine Learning" (CCS 2017), against a server that keeps to the protocol.
---
---   client  ◄──────── advertise_keys ── server   who takes part?
---   client  ── advertise_keys_response ► server   here are two public keys of mine
---   client  ◄── distribute_user_1_list ─ server   the keys of all
---   client  ── share_keys ─────────────► server   shares of my seed and my key, sealed for each
---   client  ◄── distribute_user_2_list ─ server   what the others have sealed for you
---   client  ═══════════════════════════► server   the masked vector, by the data channel
---   client  ◄──────────────── unmasking ─ server   these have sent theirs
---   client  ── upload_sk_shares ───────► server   shares of the others' keys
---   client  ── upload_seed_shares ─────► server   shares of their seeds
---   client  ◄─────── aggregation_closed ─ server   that is all
---
--- A vector is masked twice: by a stream of the client's own seed, and by one for each other
--- client, of a key that both agree on, which one adds and the other subtracts. Of who has sent its
--- vector the server is given the seed; of who has shared but not sent, the key, so that it takes
--- away what the others have added for it; of nobody both.
---
--- Holds: if `threshold` answer at each step, the server has the exact sum, mod 2^64, of those who
--- have sent their vectors; else it fails, and has learnt no vector. Who drops out before it has
--- shared is in nobody's masks. A client answers one unmasking in a round: two that differ would
--- give away a seed and a key; and it masks one vector, whatever `vector` gives when it is asked
--- again. All vectors have the size of the one that comes first; others are left out.
---
--- It is a part: `Secure.server { … }` and `Secure.client { … }` stand among a flow's states. The
--- client's `vector` is packed u64 numbers (af.vector.quantise makes them of floats).

local af = require "af"

local crypto, vector = af.crypto, af.vector

local round = af.integer { min = 1 }
local key = af.bytes { min_length = 32, max_length = 32 }
local items = af.list(af.string)
local MOST_CLIENTS = 255 -- of af.crypto.shamir

-- the threshold is an optional field of ours: shares of two thresholds would give a wrong sum
local AdvertiseKeys = af.event("advertise_keys", { round = round, calculators = af.list(af.id),
  threshold = af.optional(af.integer) })
local AdvertiseKeysResponse = af.event("advertise_keys_response",
  { round = round, peer_id = af.id, c_pk = key, s_pk = key })
local UserOneList = af.event("distribute_user_1_list", { round = round, list_data = items })
local ShareKeys = af.event("share_keys", { round = round, list_data = items, peer_id = af.id })
local UserTwoList = af.event("distribute_user_2_list", { round = round, list_data = items })
local Unmasking = af.event("unmasking", { round = round, list_data = items })
-- who uploads is an optional field of ours: the platform's service does not always tell a sender
local uploaded = { round = round, list_data = items, uploader = af.optional(af.id) }
local UploadSkShares = af.event("upload_sk_shares", uploaded)
local UploadSeedShares = af.event("upload_seed_shares", uploaded)
local AggregationClosed = af.event("aggregation_closed", { round = round })

-- What both share. -------------------------------------------------------------------------------

---An item of a list: JSON, the values of which are strings. Nil where it is none.
local function item_of(text, fields)
  local ok, item = pcall(cjson.decode, text)
  if not ok or type(item) ~= "table" then return nil end
  for _, field in ipairs(fields) do
    if type(item[field]) ~= "string" then return nil end
  end
  return item
end

---Bytes of base64; nil where they are none, or not so many.
local function bytes_of(text, size)
  local ok, bytes = pcall(crypto.unbase64, text)
  return ok and bytes and (size == nil or #bytes == size) and bytes or nil
end

---The pieces of a list by their owners; nil where one is none, or comes twice.
local function by_owner(list, field)
  local pieces = {}
  for _, text in ipairs(list) do
    local item = item_of(text, { "peer_id", field })
    local bytes = item and bytes_of(item[field])
    if not bytes or pieces[item.peer_id] then return nil end
    pieces[item.peer_id] = bytes
  end
  return pieces
end

local function ids_of(set)
  local ids = {}
  for id in pairs(set) do table.insert(ids, id) end -- in order of names
  return ids
end

local function set_of(ids)
  local set = {}
  for _, id in ipairs(ids) do set[id] = true end
  return set
end

---What two clients' masks are made of.
local function pair_key(secret, public)
  local shared = crypto.x25519(secret, public)
  return shared and crypto.hkdf(shared, { info = "afrun secure aggregation: masks", size = 32 })
end

---Why a secret cannot be shared so; nil: it can. Of two unmaskings that half of the clients answer
---each, one would give a seed away and the other the key: so more than half is needed.
local function unfit_threshold(threshold, clients)
  if clients > MOST_CLIENTS then
    return ("%d clients are more than the %d that a secret is shared among"):format(clients,
      MOST_CLIENTS)
  elseif threshold > clients then
    return ("a threshold of %d is more than there are clients (%d)"):format(threshold, clients)
  elseif 2 * threshold <= clients then
    return ("a threshold of %d is not more than half of %d clients"):format(threshold, clients)
  end
end

---Whether something can be agreed upon with a key: not with one of few multiples.
local function is_fit(public)
  return crypto.x25519(("\1"):rep(32), public) ~= nil
end

local function self_label(number) return ("round %d: self"):format(number) end
local function pair_label(number) return ("round %d: pair"):format(number) end

---Adds what `id` adds to its vector for another, or takes it away again.
local function mask_pair(masked, number, id, other, pair, back)
  return vector.mask(masked, pair, pair_label(number), { subtract = (id > other) ~= back })
end

---What a place gives both roles, as functions of the party.
local function params_of(at)
  local function param(name) return function(party) return at.param(party, name) end end
  local number = param "round"
  local function of_round(party, event) return event.round == number(party) end
  return number, of_round, param "every", param "tries", param "threshold"
end

-- The server. ------------------------------------------------------------------------------------

local function server(at)
  local number, of_round, every, tries, need = params_of(at)
  local function too_few(party, left, all)
    return at.failed(party, ("%d of %d clients are left, and %d are needed"):format(left, all,
      need(party)))
  end
  local function short(party, ids, missing) return too_few(party, #ids, #ids + #missing) end
  local function sender(event, from)
    return (from == nil or from == event.peer_id) and event.peer_id
  end

  ---Whether keys may be told to all: who sent others, or another's, would have all of them stop.
  local function takes_keys(party, event)
    local c, s = event.c_pk, event.s_pk
    local fine = c ~= s and is_fit(c) and is_fit(s)
    for id, keys in pairs(at.data(party).keys) do
      if id ~= event.peer_id then
        fine = fine and c ~= keys.c and c ~= keys.s and s ~= keys.c and s ~= keys.s
      end
    end
    if not fine then party:log("%s's keys are refused", event.peer_id) end
    return fine
  end

  ---The shares of one step by owner: { owner = { client = share } }.
  local function take_shares(into, id, shares)
    for owner, share in pairs(shares) do
      into[owner] = into[owner] or {}
      into[owner][id] = share
    end
  end

  local function combine(party, shares, size)
    local list = {}
    for _, share in pairs(shares or {}) do table.insert(list, share) end
    if #list < need(party) then return nil end
    local ok, secret = pcall(crypto.shamir.combine, list, need(party))
    return ok and secret and #secret == size and secret or nil
  end

  ---Takes the masks away. Returns the sum; or nil, and what is wrong.
  local function unmask(party)
    local data, this = at.data(party), number(party)
    local sum = party:kept(data.sum)
    for _, id in ipairs(data.masked) do
      local seed = combine(party, data.seeds[id], 32)
      if not seed then return nil, ("the shares of %s's seed do not fit"):format(id) end
      sum = vector.mask(sum, seed, self_label(this), { subtract = true })
    end
    for _, gone in ipairs(data.gone) do
      local secret = combine(party, data.secrets[gone], 32)
      for _, id in ipairs(data.masked) do
        local pair = secret and pair_key(secret, data.keys[id].s)
        if not pair then return nil, ("the shares of %s's key do not fit"):format(gone) end
        sum = mask_pair(sum, this, id, gone, pair, true)
      end
    end
    return sum
  end

  local function finish(party)
    local data = at.data(party)
    local sum, why = unmask(party)
    if sum == nil then return at.failed(party, why) end
    data.sum = party:keep(sum)
    party:send(data.masked, AggregationClosed { round = number(party) })
    local result = { clients = data.masked, sum = data.sum }
    if vector.count(sum, "u64") <= 100 then result.numbers = vector.unpack(sum, "u64") end
    data.numbers = result.numbers
    return at.done(party, result)
  end

  local states = {
    begin = { enter = function(party)
      local unfit = unfit_threshold(need(party), #party:nodes(at.role "client"))
      if unfit then return at.failed(party, unfit) end
      at.data(party).threshold = need(party)
      return at.state "advertise"
    end },
    advertise = af.patterns.gather {
      from = function(party) return party:nodes(at.role "client") end,
      ask = function(party)
        return AdvertiseKeys { round = number(party),
          calculators = party:nodes(at.role "client"), threshold = need(party) }
      end,
      answer = AdvertiseKeysResponse, who = sender,
      accept = function(party, event)
        return of_round(party, event) and takes_keys(party, event)
      end,
      take = function(party, id, event)
        at.data(party).keys[id] = { c = event.c_pk, s = event.s_pk }
      end,
      every = every, tries = tries, need = need, done = at.state "share", short = short,
    },
    share = af.patterns.gather {
      from = function(party) return ids_of(at.data(party).keys) end,
      ask = function(party)
        local list = {}
        for id, keys in pairs(at.data(party).keys) do
          table.insert(list, cjson.encode { peer_id = id, c_pk = crypto.base64(keys.c),
            s_pk = crypto.base64(keys.s) })
        end
        return UserOneList { round = number(party), list_data = list }
      end,
      answer = ShareKeys,
      who = sender, accept = of_round,
      take = function(party, id, event)
        local data = at.data(party)
        data.shared[id] = true
        for _, text in ipairs(event.list_data) do
          local item = item_of(text, { "source_id", "target_id", "seed_share", "sk_share" })
          local to = item and item.source_id == id and data.keys[item.target_id] and item.target_id
          if to then
            data.sealed[to] = data.sealed[to] or {}
            data.sealed[to][id] = text
          end
        end
      end,
      every = every, tries = tries, need = need, done = at.state "collect", short = short,
      more = { ignore = { AdvertiseKeysResponse } },
    },
    collect = af.data_channel.receiving {
      source = function(party) return ids_of(at.data(party).shared) end,
      ask = function(party, ids)
        local data = at.data(party)
        for _, id in ipairs(ids) do
          local list = {}
          for source, text in pairs(data.sealed[id] or {}) do
            if data.shared[source] then table.insert(list, text) end
          end
          party:send(id, UserTwoList { round = number(party), list_data = list })
        end
      end,
      received = function(party, source, bytes)
        local data = at.data(party)
        local sum = data.sum and party:kept(data.sum)
        if #bytes == 0 or #bytes % 8 ~= 0 or (sum and #sum ~= #bytes) then
          return ("its vector has %d bytes, expected %s"):format(#bytes,
            sum and #sum or "some of 8")
        end
        data.sum = party:keep(sum and vector.add(sum, bytes, "u64") or bytes)
        table.insert(data.masked, source)
      end,
      label = function(party) return "masked " .. number(party) end,
      every = every, tries = tries, need = need,
      done = function(party)
        local data = at.data(party)
        local sent = set_of(data.masked)
        data.masked, data.gone, data.sealed = ids_of(sent), {}, {}
        for id in pairs(data.shared) do
          if not sent[id] then table.insert(data.gone, id) end
        end
        return at.state "unmask"
      end,
      failed = function(party, _, ids)
        return too_few(party, #ids, #ids_of(at.data(party).shared))
      end,
      state = { ignore = { AdvertiseKeysResponse, ShareKeys } },
    },
    unmask = af.patterns.gather {
      from = function(party) return at.data(party).masked end,
      ask = function(party)
        return Unmasking { round = number(party), list_data = at.data(party).masked }
      end,
      answer = { UploadSkShares, UploadSeedShares },
      who = function(event, from)
        return (from == nil or event.uploader == nil or from == event.uploader)
          and (event.uploader or from)
      end,
      accept = function(party, event, id)
        if not of_round(party, event) then return false end
        local data = at.data(party)
        local field = UploadSkShares:is(event) and "sk_share" or "seed_share"
        local shares = by_owner(event.list_data, field)
        local wanted = field == "sk_share" and data.gone or data.masked
        if not shares or #ids_of(shares) ~= #wanted then return false end
        for _, owner in ipairs(wanted) do if not shares[owner] then return false end end
        take_shares(field == "sk_share" and data.secrets or data.seeds, id, shares)
        data.uploads[id] = data.uploads[id] or {}
        data.uploads[id][field] = true
        return data.uploads[id].sk_share and data.uploads[id].seed_share
      end,
      every = every, tries = tries, need = need, done = finish, short = short,
      more = { ignore = { AdvertiseKeysResponse, ShareKeys },
        [af.ApplySfSendingData] = af.data_channel.again },
    },
  }
  return { start = "begin", states = states, data = function()
    return { keys = {}, shared = {}, sealed = {}, masked = {}, gone = {}, seeds = {}, secrets = {},
      uploads = {} }
  end }
end

-- A client. --------------------------------------------------------------------------------------

local function client(at)
  local number, of_round, every, tries, need = params_of(at)

  ---How long it waits for a word of the server's: longer than that tries with others.
  local function silence(party) return every(party) * (tries(party) + 3) end
  local function is_silent(party) return at.failed(party, "the server is silent") end
  local function the_server(party) return party:nodes(at.role "server")[1] end

  ---Its keys and seed, and what others have sealed for it: shown nowhere, and sealed where it is
  ---stored.
  local function secrets(party)
    local all = party.data.secret or {}
    party.data.secret = all
    local place = at.state "secure aggregation"
    all[place] = all[place] or {}
    return all[place]
  end

  ---The vector, or an example where the flow runs by itself: the client's place, and so on.
  local function own_vector(party)
    local given = at.param(party, "vector")
    if given then return given end
    for place, id in ipairs(party:nodes(at.role "client")) do
      if id == party.id then
        at.data(party).example = place
        local list = {}
        for i = 1, at.param(party, "size") do list[i] = place * i end
        return vector.pack(list, "u64")
      end
    end
  end

  local function advertise(party)
    local mine = secrets(party)
    return AdvertiseKeysResponse { round = number(party), peer_id = party.id,
      c_pk = mine.sealing.public, s_pk = mine.masking.public }
  end

  ---The keys of all as the server tells them: { id = { c =, s = } }; or nil, and what is wrong.
  local function read_keys(party, list)
    local mine, keys, seen = secrets(party), {}, {}
    for _, text in ipairs(list) do
      local item = item_of(text, { "peer_id", "c_pk", "s_pk" })
      local c, s = item and bytes_of(item.c_pk, 32), item and bytes_of(item.s_pk, 32)
      if not c or not s then return nil, "the list of keys cannot be read" end
      if seen[c] or seen[s] or c == s or keys[item.peer_id] then
        return nil, "the list of keys names one twice"
      end
      if not is_fit(c) or not is_fit(s) then
        return nil, "the list of keys has one that is unfit"
      end
      seen[c], seen[s], keys[item.peer_id] = true, true, { c = c, s = s }
    end
    local own = keys[party.id]
    if not own or own.c ~= mine.sealing.public or own.s ~= mine.masking.public then
      return nil, "the list of keys has others of mine"
    end
    local unfit = unfit_threshold(need(party), #list)
    if unfit then return nil, unfit end
    return keys
  end

  ---What a share is bound to: nobody can put it elsewhere.
  local function bound_to(party, what, source, target)
    return ("%d %s %d %s %s"):format(number(party), what, #source, source, target)
  end

  local function sealing_key(party, peer)
    local shared = crypto.x25519(secrets(party).sealing.secret, at.data(party).keys[peer].c)
    return crypto.hkdf(shared, { info = "afrun secure aggregation: shares", size = 32 })
  end

  ---Splits its seed and its key; what is for others is sealed. Made once: it is the answer to each
  ---copy of the list.
  local function share(party)
    local data, mine = at.data(party), secrets(party)
    local ids = ids_of(data.keys)
    local options = { shares = #ids, threshold = need(party) }
    mine.seed = crypto.random(32)
    local seeds = crypto.shamir.split(mine.seed, options)
    local keys = crypto.shamir.split(mine.masking.secret, options)
    mine.shares, data.sealed = {}, {}
    for i, id in ipairs(ids) do
      if id == party.id then
        mine.shares[id] = { seed = seeds[i], sk = keys[i] }
      else
        local with = sealing_key(party, id)
        local function seal(what, bytes)
          return crypto.base64(crypto.encrypt(with, bytes,
            { ad = bound_to(party, what, party.id, id) }))
        end
        table.insert(data.sealed, cjson.encode { source_id = party.id, target_id = id,
          seed_share = seal("seed", seeds[i]), sk_share = seal("sk", keys[i]) })
      end
    end
  end

  ---Opens what the others have sealed for it. Returns what is wrong, or nil.
  local function open(party, list)
    local data, mine = at.data(party), secrets(party)
    for _, text in ipairs(list) do
      local item = item_of(text, { "source_id", "target_id", "seed_share", "sk_share" })
      local source = item and item.target_id == party.id and data.keys[item.source_id]
        and item.source_id
      if not source or mine.shares[source] then return "the list of shares cannot be read" end
      local with = sealing_key(party, source)
      local function unseal(what, sealed)
        local bytes = bytes_of(sealed)
        return bytes and crypto.decrypt(with, bytes,
          { ad = bound_to(party, what, source, party.id) })
      end
      local seed, sk = unseal("seed", item.seed_share), unseal("sk", item.sk_share)
      if not seed or not sk then return ("the shares of %s cannot be opened"):format(source) end
      mine.shares[source] = { seed = seed, sk = sk }
    end
    if #ids_of(mine.shares) < need(party) then
      return "too few clients have shared"
    end
  end

  ---The vector that may be seen, kept: masked for itself, and for each client that has shared. It
  ---is made once, for two under the same masks would give their difference away.
  local function masked(party)
    local data, mine = at.data(party), secrets(party)
    if data.vector then return data.vector end
    local out = vector.mask(own_vector(party), mine.seed, self_label(number(party)))
    for id in pairs(mine.shares) do
      if id ~= party.id then
        out = mask_pair(out, number(party), party.id, id,
          pair_key(mine.masking.secret, data.keys[id].s), false)
      end
    end
    data.vector = party:keep(out)
    return data.vector
  end

  ---Of who has sent its vector the seed, of who has not the key. Returns why it gives none.
  local function give(party, event)
    local data, shares = at.data(party), secrets(party).shares
    local sent = set_of(event.list_data)
    local set = table.concat(ids_of(sent), "\n")
    if data.unmasking and data.unmasking ~= set then
      return "another unmasking was answered in this round"
    elseif not sent[party.id] or #ids_of(sent) < need(party) then
      return "an unmasking without me, or of too few"
    end
    for id in pairs(sent) do
      if not shares[id] then return ("an unmasking of %s, who has not shared"):format(id) end
    end
    local sks, seeds = {}, {}
    for id, one in pairs(shares) do
      if sent[id] then
        table.insert(seeds, cjson.encode { peer_id = id, seed_share = crypto.base64(one.seed) })
      else
        table.insert(sks, cjson.encode { peer_id = id, sk_share = crypto.base64(one.sk) })
      end
    end
    data.unmasking = set -- before it is answered
    party:send(the_server(party), UploadSkShares { round = number(party), list_data = sks,
      uploader = party.id })
    party:send(the_server(party), UploadSeedShares { round = number(party), list_data = seeds,
      uploader = party.id })
  end

  local function unmask(party, event)
    if not of_round(party, event) then return end
    local why = give(party, event)
    if why then
      party:log("refused: %s", why)
      return
    end
    return at.state "unmasked"
  end

  local states = {
    waiting = {
      [AdvertiseKeys] = function(party, event)
        if not of_round(party, event) then return end
        local least = need(party)
        local unfit = unfit_threshold(least, #event.calculators)
        if (event.threshold or least) ~= least then
          unfit = ("the server's threshold is %d, and mine is %d"):format(event.threshold, least)
        end
        if unfit then return at.failed(party, unfit) end
        local mine = secrets(party)
        mine.sealing, mine.masking = crypto.x25519_keypair(), crypto.x25519_keypair()
        party:send(the_server(party), advertise(party))
        return at.state "advertised"
      end,
      after = { silence, is_silent },
      ignore = { UserOneList, UserTwoList, Unmasking, AggregationClosed },
    },
    advertised = {
      [AdvertiseKeys] = function(party, event) -- its answer was lost
        if of_round(party, event) then party:send(the_server(party), advertise(party)) end
      end,
      [UserOneList] = function(party, event)
        if not of_round(party, event) then return end
        local keys, why = read_keys(party, event.list_data)
        if not keys then return at.failed(party, why) end
        at.data(party).keys = keys
        share(party)
        return at.state "sharing"
      end,
      after = { silence, is_silent },
      ignore = { UserTwoList, Unmasking, AggregationClosed },
    },
    sharing = {
      enter = function(party)
        party:send(the_server(party), ShareKeys { round = number(party), peer_id = party.id,
          list_data = at.data(party).sealed })
      end,
      [UserOneList] = function(party, event)
        if of_round(party, event) then return at.state "sharing" end
      end,
      [UserTwoList] = function(party, event)
        if not of_round(party, event) then return end
        local why = open(party, event.list_data)
        if why then return at.failed(party, why) end
        return at.state "sending"
      end,
      after = { silence, is_silent },
      ignore = { AdvertiseKeys, Unmasking, AggregationClosed },
    },
    sending = af.data_channel.sending {
      target = the_server,
      ref = masked,
      label = function(party) return "masked " .. number(party) end,
      every = every, tries = tries, done = at.state "sent", failed = at.state "sent",
      state = { defer = { Unmasking }, ignore = { AdvertiseKeys, UserOneList, UserTwoList,
        AggregationClosed } },
    },
    sent = {
      [UserTwoList] = function(party, event) -- the server has not got the vector
        if of_round(party, event) then return at.state "sending" end
      end,
      [Unmasking] = unmask,
      after = { silence, is_silent },
      ignore = { AdvertiseKeys, UserOneList, AggregationClosed },
    },
    unmasked = {
      [Unmasking] = unmask,
      [AggregationClosed] = function(party, event)
        if of_round(party, event) then return at.done(party) end
      end,
      [AdvertiseKeys] = function(party, event) -- the close was lost
        if event.round > number(party) then return at.done(party) end
      end,
      after = { silence, function(party) return at.done(party) end }, -- it has done its part
      ignore = { UserOneList, UserTwoList },
    },
  }
  return { start = "waiting", states = states, data = function() return {} end }
end

return af.part {
  name = "secure_aggregation",
  mock = { server = 1, client = 4 },
  params = {
    -- more than half of the clients
    threshold = af.optional(af.integer { min = 1, max = MOST_CLIENTS }, 3),
    round = af.optional(round, 1),
    vector = af.optional(af.bytes), -- packed u64 numbers, of a client; absent: an example
    size = af.optional(af.integer { min = 1, max = 1000000 }, 3), -- numbers of that
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- then it is left out
  },
  roles = { server = server, client = client },
  invariants = {
    ["whose key is asked for has shared it"] = function(world, at)
      for _, one in ipairs(world:with_role(at.role "server")) do
        local data = at.data(one)
        for _, id in ipairs(data.gone or {}) do if not data.shared[id] then return false end end
      end
      return true
    end,
    ["of nobody both a seed and a key are known"] = function(world, at)
      for _, one in ipairs(world:with_role(at.role "server")) do
        local data = at.data(one)
        local function is_known(shares) return shares and #ids_of(shares) >= data.threshold end
        for id, shares in pairs(data.seeds or {}) do
          if is_known(shares) and is_known(data.secrets[id]) then return false end
        end
      end
      return true
    end,
    ["the sum is that of the clients that are named"] = function(world, at)
      local examples = {}
      for _, one in ipairs(world:with_role(at.role "client")) do
        examples[one.id] = at.data(one).example
      end
      for _, one in ipairs(world:with_role(at.role "server")) do
        local data, sum = at.data(one), 0
        for _, id in ipairs(data.numbers and data.masked or {}) do
          sum = sum + (examples[id] or 0)
        end
        if sum > 0 and data.numbers[1] ~= sum then return false end
      end
      return true
    end,
  },
}
