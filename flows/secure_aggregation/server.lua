--- secure_aggregation.server: the role that has the sum.

local af = require "af"
local events = require "secure_aggregation.events"
local shared = require "secure_aggregation.shared"

local crypto, vector = af.crypto, af.vector
local ids_of, set_of, within = shared.ids_of, shared.set_of, shared.within

return function(at)
  local params = shared.params_of(at)
  local number, of_round, need = params.round, params.of_round, params.threshold
  local every, tries = params.every, params.tries

  local function clients(party)
    local some = at.param(party, "clients")
    return some and table.move(some, 1, #some, 1, {}) or party:nodes(at.role "client")
  end

  ---How many clients a step goes on with: in a ring one at least, and its neighbours.
  local function least(party)
    return need(party) + (params.neighbours(party) and 1 or 0)
  end

  local function too_few(party, left, all)
    return at.failed(party, ("%d of %d clients are left, and %d are needed"):format(left, all,
      least(party)))
  end
  local function short(party, ids, missing) return too_few(party, #ids, #ids + #missing) end
  local function sender(event, from)
    return (from == nil or from == event.peer_id) and event.peer_id
  end

  ---Whether keys may be told to all: who sent others, or another's, would have all of them stop.
  local function takes_keys(party, event)
    local c, s = event.c_pk, event.s_pk
    local fine = c ~= s and shared.is_fit(c) and shared.is_fit(s)
      and (not params.active(party) or params.is_signed(party, event.peer_id,
        shared.keys_text(party, number(party), event.peer_id, c, s), event.signature))
    for id, keys in pairs(at.data(party).keys) do
      if id ~= event.peer_id then
        fine = fine and c ~= keys.c and c ~= keys.s and s ~= keys.c and s ~= keys.s
      end
    end
    if not fine then party:log("%s's keys are refused", event.peer_id) end
    return fine
  end

  ---Says to each what is of those whose shares it holds; the same to all where all hold all.
  local function say(party, ids, make)
    local data = at.data(party)
    if not data.ring then return make(ids_of(data.keys)) end
    local holders = shared.holders(data)
    for _, id in ipairs(ids) do
      local around = set_of(holders(id))
      around[id] = true
      party:send(id, make(ids_of(around)))
    end
  end

  ---All in an order that nobody knows before: who stands next to whom is drawn anew each round.
  local function draw_ring(party, ids)
    if not params.neighbours(party) then return end
    local draws, ring = {}, table.move(ids, 1, #ids, 1, {})
    for _, id in ipairs(ids) do draws[id] = crypto.random(16) end
    table.sort(ring, function(a, b) return draws[a] < draws[b] end)
    at.data(party).ring = ring
  end

  ---Those of whom enough holders are in a set: of others nothing can be recovered.
  local function recoverable(party, set)
    local data, list = at.data(party), {}
    local holders = shared.holders(data)
    for _, id in ipairs(ids_of(data.shared)) do
      if #within(holders(id), set) >= need(party) then table.insert(list, id) end
    end
    return list
  end

  ---Leaves out who has shared with too few that have shared, too: nobody has masked for it yet.
  local function leave_out(party)
    local data = at.data(party)
    local all = #ids_of(data.shared)
    local left = all
    repeat
      local before = left
      data.shared = set_of(recoverable(party, data.shared))
      left = #ids_of(data.shared)
    until left == before
    if left < least(party) then return too_few(party, left, all) end
    return at.state "collect"
  end

  local function close_collection(party)
    local data = at.data(party)
    local sent = set_of(data.masked)
    data.masked, data.gone, data.sealed = ids_of(sent), {}, {}
    for id in pairs(data.shared) do
      if not sent[id] then table.insert(data.gone, id) end
    end
    local left, all = #recoverable(party, sent), #ids_of(data.shared)
    if left < all then
      return at.failed(party, ("of %d clients too few neighbours are left"):format(all - left))
    end
    if not params.active(party) then return at.state "unmask" end
    data.signatures = {}
    return at.state "agree"
  end

  ---What an upload has to have: of whom the uploader has shares, and which.
  local function wanted(data, id, field)
    local of = field == "sk_share" and data.gone or data.masked
    return data.ring and within(shared.holders(data)(id), set_of(of)) or of
  end

  ---The shares of one step by owner: { owner = { client = share } }.
  local function take_shares(into, id, shares)
    for owner, share in pairs(shares) do
      into[owner] = into[owner] or {}
      into[owner][id] = share
    end
  end

  ---The secret of its shares; nil, and what is wrong with them.
  local function combine(party, shares, whose)
    local list = {}
    for _, share in pairs(shares or {}) do table.insert(list, share) end
    if #list < need(party) then
      return nil, ("%d shares of %s are left, and %d are needed"):format(#list, whose, need(party))
    end
    local ok, secret = pcall(crypto.shamir.combine, list, need(party))
    if ok and secret and #secret == 32 then return secret end
    return nil, ("the shares of %s do not fit"):format(whose)
  end

  ---Takes the masks away. Returns the sum; or nil, and what is wrong.
  local function unmask(party)
    local data, this = at.data(party), number(party)
    local masks, masked, holders = {}, set_of(data.masked), shared.holders(data)
    for _, id in ipairs(data.masked) do
      local seed, why = combine(party, data.seeds[id], id .. "'s seed")
      if not seed then return nil, why end
      table.insert(masks, shared.self_mask(this, seed, true))
    end
    for _, gone in ipairs(data.gone) do
      local secret, why = combine(party, data.secrets[gone], gone .. "'s key")
      if not secret then return nil, why end
      for _, id in ipairs(within(holders(gone), masked)) do
        local pair = shared.pair_key(secret, data.keys[id].s)
        if not pair then return nil, ("the shares of %s's key do not fit"):format(gone) end
        table.insert(masks, shared.pair_mask(this, id, gone, pair, true))
      end
    end
    return vector.mask_all(party:kept(data.sum), masks)
  end

  local function finish(party)
    local data = at.data(party)
    local sum, why = unmask(party)
    if sum == nil then return at.failed(party, why) end
    data.sum = party:keep(sum)
    party:send(data.masked, events.AggregationClosed { round = number(party) })
    local result = { clients = data.masked, sum = data.sum }
    if vector.count(sum, "u64") <= 100 then result.numbers = vector.unpack(sum, "u64") end
    data.numbers = result.numbers
    return at.done(party, result)
  end

  local late = { events.AdvertiseKeysResponse, events.ShareKeys }
  local states = {
    begin = { enter = function(party)
      local data = at.data(party)
      local unfit = params.unfit(party, #clients(party))
      if unfit then return at.failed(party, unfit) end
      data.threshold, data.neighbours = need(party), params.neighbours(party)
      data.active = params.active(party) or nil
      return at.state "advertise"
    end },
    advertise = af.patterns.gather {
      from = clients,
      ask = function(party)
        return events.AdvertiseKeys { round = number(party), calculators = clients(party),
          threshold = need(party), neighbours = params.neighbours(party) }
      end,
      answer = events.AdvertiseKeysResponse, who = sender,
      accept = function(party, event)
        return of_round(party, event) and takes_keys(party, event)
      end,
      take = function(party, id, event)
        at.data(party).keys[id] = { c = event.c_pk, s = event.s_pk, signature = event.signature }
      end,
      every = every, tries = tries, short = short,
      need = function(party) return (params.neighbours(party) or need(party) - 1) + 1 end,
      done = function(party, ids)
        draw_ring(party, ids)
        return at.state "share"
      end,
    },
    share = af.patterns.gather {
      from = function(party) return ids_of(at.data(party).keys) end,
      ask = function(party, ids)
        return say(party, ids, function(around)
          local list = {}
          for _, id in ipairs(around) do
            local keys = at.data(party).keys[id]
            table.insert(list, cjson.encode { peer_id = id, c_pk = crypto.base64(keys.c),
              s_pk = crypto.base64(keys.s),
              signature = keys.signature and crypto.base64(keys.signature) })
          end
          return events.UserOneList { round = number(party), list_data = list }
        end)
      end,
      answer = events.ShareKeys,
      who = sender, accept = of_round,
      take = function(party, id, event)
        local data = at.data(party)
        data.shared[id] = true
        for _, text in ipairs(event.list_data) do
          local item = events.item_of(text, { "source_id", "target_id", "seed_share", "sk_share" })
          local to = item and item.source_id == id and data.keys[item.target_id] and item.target_id
          if to then
            data.sealed[to] = data.sealed[to] or {}
            data.sealed[to][id] = text
          end
        end
      end,
      every = every, tries = tries, need = least, done = leave_out, short = short,
      more = { ignore = { events.AdvertiseKeysResponse } },
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
          party:send(id, events.UserTwoList { round = number(party), list_data = list })
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
      every = every, tries = tries, need = least, done = close_collection,
      failed = function(party, _, ids)
        return too_few(party, #ids, #ids_of(at.data(party).shared))
      end,
      state = { ignore = late },
    },
    agree = af.patterns.gather {
      from = function(party) return at.data(party).masked end,
      ask = function(party)
        return events.Unmasking { round = number(party), list_data = at.data(party).masked }
      end,
      answer = events.Consistency, who = sender,
      accept = function(party, event, id)
        local set = table.concat(at.data(party).masked, "\n")
        return of_round(party, event) and params.is_signed(party, id,
          shared.unmasking_text(party, number(party), set), event.signature)
      end,
      take = function(party, id, event) at.data(party).signatures[id] = event.signature end,
      every = every, tries = tries, need = least, done = at.state "unmask", short = short,
      more = { ignore = late, [af.ApplySfSendingData] = af.data_channel.again },
    },
    unmask = af.patterns.gather {
      from = function(party)
        local data = at.data(party)
        return data.signatures and ids_of(data.signatures) or data.masked
      end,
      ask = function(party, ids)
        local data = at.data(party)
        local masked = set_of(data.masked)
        return say(party, ids, function(around)
          return events.Unmasking { round = number(party), list_data = within(around, masked),
            signatures = data.signatures }
        end)
      end,
      answer = { events.UploadSkShares, events.UploadSeedShares },
      who = function(event, from)
        return (from == nil or event.uploader == nil or from == event.uploader)
          and (event.uploader or from)
      end,
      accept = function(party, event, id)
        if not of_round(party, event) then return false end
        local data = at.data(party)
        local field = events.UploadSkShares:is(event) and "sk_share" or "seed_share"
        local shares = events.by_owner(event.list_data, field)
        local owners = wanted(data, id, field)
        if not shares or #ids_of(shares) ~= #owners then return false end
        for _, owner in ipairs(owners) do if not shares[owner] then return false end end
        take_shares(field == "sk_share" and data.secrets or data.seeds, id, shares)
        data.uploads[id] = data.uploads[id] or {}
        data.uploads[id][field] = true
        return data.uploads[id].sk_share and data.uploads[id].seed_share
      end,
      every = every, tries = tries, need = least, done = finish, short = short,
      more = { ignore = { events.AdvertiseKeysResponse, events.ShareKeys, events.Consistency },
        [af.ApplySfSendingData] = af.data_channel.again },
    },
  }
  return { start = "begin", states = states, data = function()
    return { keys = {}, shared = {}, sealed = {}, masked = {}, gone = {}, seeds = {}, secrets = {},
      uploads = {} }
  end }
end
