--- secure_aggregation.client: the role that has a vector, which it shows to nobody.

local af = require "af"
local events = require "secure_aggregation.events"
local shared = require "secure_aggregation.shared"

local crypto, vector = af.crypto, af.vector
local item_of, bytes_of = events.item_of, events.bytes_of
local ids_of, set_of = shared.ids_of, shared.set_of

return function(at)
  local params = shared.params_of(at)
  local number, of_round, need = params.round, params.of_round, params.threshold
  local every, tries = params.every, params.tries

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

  -- Signatures. ----------------------------------------------------------------------------------

  ---Its signature of a text; nil where the server is trusted to keep to the protocol.
  local function sign(party, text)
    if not params.active(party) then return nil end
    local file = at.param(party, "signing_key"):gsub("{id}", (party.id:gsub("%%", "%%%%")))
    local secret = crypto.unhex((af.download("file://" .. file):gsub("%s", "")))
    af.expect(secret and #secret == 64, ("%s: it has no signing key, in hex"):format(file))
    return crypto.sign(secret, text)
  end

  ---Why it cannot sign, nor see what others have signed; nil: it can, or need not.
  local function unsigned(party)
    if params.active(party) and not (at.param(party, "keys") and at.param(party, "signing_key"))
    then
      return "active needs keys (all clients' public ones) and signing_key (a file with its own)"
    end
  end

  -- Keys. ----------------------------------------------------------------------------------------

  ---Why it does not take part in what the server says that it begins; nil: it does.
  local function differs(party, event)
    local least, near = need(party), params.neighbours(party)
    if (event.threshold or least) ~= least then
      return ("the server's threshold is %d, and mine is %d"):format(event.threshold, least)
    elseif event.neighbours ~= near then
      return ("the server has %s neighbours, and I have %s"):format(event.neighbours or "no",
        near or "none")
    end
    return unsigned(party) or params.unfit(party, #event.calculators)
  end

  local function advertise(party)
    local mine = secrets(party)
    local c, s = mine.sealing.public, mine.masking.public
    return events.AdvertiseKeysResponse { round = number(party), peer_id = party.id,
      c_pk = c, s_pk = s,
      signature = sign(party, shared.keys_text(party, number(party), party.id, c, s)) }
  end

  ---Whether a client's keys are signed by it, where they have to be.
  local function are_signed(party, item, c, s)
    return not params.active(party) or params.is_signed(party, item.peer_id,
      shared.keys_text(party, number(party), item.peer_id, c, s),
      type(item.signature) == "string" and bytes_of(item.signature, 64) or nil)
  end

  ---The keys of all whose masks it adds, and its own, as the server tells them:
  ---{ id = { c =, s = } }; or nil, and what is wrong.
  local function read_keys(party, list)
    local mine, keys, seen, near = secrets(party), {}, {}, params.neighbours(party)
    for _, text in ipairs(list) do
      local item = item_of(text, { "peer_id", "c_pk", "s_pk" })
      local c, s = item and bytes_of(item.c_pk, 32), item and bytes_of(item.s_pk, 32)
      if not c or not s then return nil, "the list of keys cannot be read" end
      if seen[c] or seen[s] or c == s or keys[item.peer_id] then
        return nil, "the list of keys names one twice"
      elseif not shared.is_fit(c) or not shared.is_fit(s) then
        return nil, "the list of keys has one that is unfit"
      elseif not are_signed(party, item, c, s) then
        return nil, ("the list of keys has one that %s has not signed"):format(item.peer_id)
      end
      seen[c], seen[s], keys[item.peer_id] = true, true, { c = c, s = s }
    end
    local own = keys[party.id]
    if not own or own.c ~= mine.sealing.public or own.s ~= mine.masking.public then
      return nil, "the list of keys has others of mine"
    elseif near and #list ~= near + 1 then
      return nil, ("the list of keys is not of me and %d neighbours"):format(near)
    end
    local unfit = params.unfit(party, #list)
    if unfit then return nil, unfit end
    return keys
  end

  -- Shares. --------------------------------------------------------------------------------------

  ---What a share is bound to: nobody can put it elsewhere.
  local function bound_to(party, what, source, target)
    return ("%d %s %d %s %s"):format(number(party), what, #source, source, target)
  end

  local function sealing_key(party, peer)
    local both = crypto.x25519(secrets(party).sealing.secret, at.data(party).keys[peer].c)
    return crypto.hkdf(both, { info = "afrun secure aggregation: shares", size = 32 })
  end

  ---Splits its seed and its key; what is for others is sealed. Made once: it is the answer to each
  ---copy of the list. Among neighbours all shares are theirs, else one is its own.
  local function share(party)
    local data, mine, holders = at.data(party), secrets(party), {}
    for id in pairs(data.keys) do
      if id ~= party.id or not params.neighbours(party) then table.insert(holders, id) end
    end
    local options = { shares = #holders, threshold = need(party) }
    mine.seed = crypto.random(32)
    local seeds = crypto.shamir.split(mine.seed, options)
    local keys = crypto.shamir.split(mine.masking.secret, options)
    mine.shares, data.sealed = {}, {}
    for i, id in ipairs(holders) do
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
    local masks = { shared.self_mask(number(party), mine.seed, false) }
    for id in pairs(mine.shares) do
      if id ~= party.id then
        table.insert(masks, shared.pair_mask(number(party), party.id, id,
          shared.pair_key(mine.masking.secret, data.keys[id].s), false))
      end
    end
    data.vector = party:keep(vector.mask_all(own_vector(party), masks))
    return data.vector
  end

  -- Unmasking. -----------------------------------------------------------------------------------

  ---Of whom it gives seeds: one set in a round, kept before it is answered. Returns why there is
  ---none.
  local function settle(party, event)
    local data, shares, count = at.data(party), secrets(party).shares, 0
    local sent = set_of(event.list_data)
    local set = table.concat(ids_of(sent), "\n")
    if data.unmasking and data.unmasking ~= set then
      return "another unmasking was answered in this round"
    end
    for id in pairs(sent) do
      if shares[id] then
        count = count + 1
      elseif id ~= party.id then
        return ("an unmasking of %s, who has not shared"):format(id)
      end
    end
    if not sent[party.id] or count < need(party) then
      return "an unmasking without me, or of too few"
    end
    data.unmasking = set
  end

  ---Why what it has signed is not what enough have signed; nil: it is.
  local function disagree(party, signatures)
    local data, count = at.data(party), 0
    local text = shared.unmasking_text(party, number(party), data.unmasking)
    for id, signature in pairs(signatures) do
      if data.keys[id] and params.is_signed(party, id, text, signature) then count = count + 1 end
    end
    if count < need(party) then
      return ("an unmasking that %d have signed, and %d are needed"):format(count, need(party))
    end
  end

  ---Of who has sent its vector the seed, of who has not the key.
  local function give(party)
    local data, shares = at.data(party), secrets(party).shares
    local sent, lists = {}, { seed = {}, sk = {} }
    for id in data.unmasking:gmatch "[^\n]+" do sent[id] = true end
    local given = data.given or {}
    data.given = given
    local function add(what, id)
      given[id] = (given[id] or what) == what and what or "both"
      table.insert(lists[what], cjson.encode { peer_id = id,
        [what .. "_share"] = crypto.base64(shares[id][what]) })
    end
    for id in pairs(shares) do
      if sent[id] then add("seed", id) else add("sk", id) end
    end
    party:send(the_server(party), events.UploadSkShares { round = number(party),
      list_data = lists.sk, uploader = party.id })
    party:send(the_server(party), events.UploadSeedShares { round = number(party),
      list_data = lists.seed, uploader = party.id })
  end

  local function unmask(party, event)
    if not of_round(party, event) then return end
    local active, signatures = params.active(party), event.signatures
    local why = settle(party, event)
    if not why and active and signatures then why = disagree(party, signatures) end
    if why then
      party:log("refused: %s", why)
      return
    elseif active and not signatures then
      party:send(the_server(party), events.Consistency { round = number(party), peer_id = party.id,
        signature = sign(party,
          shared.unmasking_text(party, number(party), at.data(party).unmasking)) })
      return not at.data(party).given and at.state "signed" or nil
    end
    give(party)
    return at.state "unmasked"
  end

  local states = {
    waiting = {
      [events.AdvertiseKeys] = function(party, event)
        if not of_round(party, event) then return end
        local why = differs(party, event)
        if why then return at.failed(party, why) end
        local mine = secrets(party)
        mine.sealing, mine.masking = crypto.x25519_keypair(), crypto.x25519_keypair()
        party:send(the_server(party), advertise(party))
        return at.state "advertised"
      end,
      after = { silence, is_silent },
      ignore = { events.UserOneList, events.UserTwoList, events.Unmasking,
        events.AggregationClosed },
    },
    advertised = {
      [events.AdvertiseKeys] = function(party, event) -- its answer was lost
        if of_round(party, event) then party:send(the_server(party), advertise(party)) end
      end,
      [events.UserOneList] = function(party, event)
        if not of_round(party, event) then return end
        local keys, why = read_keys(party, event.list_data)
        if not keys then return at.failed(party, why) end
        at.data(party).keys = keys
        share(party)
        return at.state "sharing"
      end,
      after = { silence, is_silent },
      ignore = { events.UserTwoList, events.Unmasking, events.AggregationClosed },
    },
    sharing = {
      enter = function(party)
        party:send(the_server(party), events.ShareKeys { round = number(party), peer_id = party.id,
          list_data = at.data(party).sealed })
      end,
      [events.UserOneList] = function(party, event)
        if of_round(party, event) then return at.state "sharing" end
      end,
      [events.UserTwoList] = function(party, event)
        if not of_round(party, event) then return end
        local why = open(party, event.list_data)
        if why then return at.failed(party, why) end
        return at.state "sending"
      end,
      after = { silence, is_silent },
      ignore = { events.AdvertiseKeys, events.Unmasking, events.AggregationClosed },
    },
    sending = af.data_channel.sending {
      target = the_server,
      ref = masked,
      label = function(party) return "masked " .. number(party) end,
      every = every, tries = tries, done = at.state "sent", failed = at.state "sent",
      state = { defer = { events.Unmasking }, ignore = { events.AdvertiseKeys,
        events.UserOneList, events.UserTwoList, events.AggregationClosed } },
    },
    sent = {
      [events.UserTwoList] = function(party, event) -- the server has not got the vector
        if of_round(party, event) then return at.state "sending" end
      end,
      [events.Unmasking] = unmask,
      after = { silence, is_silent },
      ignore = { events.AdvertiseKeys, events.UserOneList, events.AggregationClosed },
    },
    signed = { -- that of these it gives seeds, where enough others have signed it, too
      [events.Unmasking] = unmask,
      after = { silence, is_silent },
      ignore = { events.AdvertiseKeys, events.UserOneList, events.UserTwoList,
        events.AggregationClosed },
    },
    unmasked = {
      [events.Unmasking] = unmask,
      [events.AggregationClosed] = function(party, event)
        if of_round(party, event) then return at.done(party) end
      end,
      [events.AdvertiseKeys] = function(party, event) -- the close was lost
        if event.round > number(party) then return at.done(party) end
      end,
      after = { silence, function(party) return at.done(party) end }, -- it has done its part
      ignore = { events.UserOneList, events.UserTwoList },
    },
  }
  return { start = "waiting", states = states, data = function() return {} end }
end
