--- Private set intersection: an initiator and its collaborators learn which items all of them have.
--- By Diffie-Hellman on the group ristretto255 (Meadows 1986; Huberman, Franklin and Hogg 1999),
--- against parties that keep to the protocol.
---
---   initiator  ── psi_init ────► collaborator   here comes a round
---   initiator  ════════════════► collaborator   its set, blinded by its key, in the order of the
---                                                blinded, by the data channel
---   initiator  ◄════════════════ collaborator   these blinded by the collaborator's key as well,
---                                                in that order; and its own set
---   initiator  ── psi_result ──► collaborator   which of the collaborator's are in all sets
---   initiator  ◄── psi_received ─ collaborator   I have them
---   initiator  ── psi_closed ──► collaborator   that is all
---
--- An item is hashed to a point, and blinded by a secret scalar. Who blinds first does not matter:
--- what both have blinded is equal where the items are.
---
--- Holds: who ends well has the same items, sorted, and they are the intersection of all sets. A
--- collaborator learns that, and how large the initiator's set is. The initiator learns each
--- collaborator's intersection with its own set, and how large that set is. The service that
--- carries the files learns the sizes. A collaborator blinds one set of the initiator's, once: keys
--- are kept, so that loss, copies and crashes change nothing. Who is lost for longer than the tries
--- fails it. Sets are blinded in batches, each of them a step, so that a large one holds nobody up.
---
--- Checked in every interleaving with 2 collaborators: one contract dropped, or one copied; with 2
--- tries one party lost, or one crash and one early timeout. Oracle: the plain intersection, of 100
--- random pairs, 1e5 x 1e5 among them.
---
--- With `protocol = "rsa"` the events, their order and the numbers are those of the platform's own
--- programs, which may be either side: psi/rsa.lua. The numbers are computed by psi/rsa.py. Much
--- slower, for sets of some thousands; who learns what is the same. Checked alike, with a stand-in
--- for the program: 2 collaborators, one crash and one early timeout.
---
--- It is a part: `Psi.initiator { … }` and `Psi.collaborator { … }` stand among a flow's states.

local af = require "af"
local said, rsa = require "psi.events", require "psi.rsa"

local crypto, vector = af.crypto, af.vector
local points = crypto.ristretto

local PsiInit, PsiResult = said.Init, said.Result
local PsiReceived, PsiClosed = said.Received, said.Closed

local POINT = 32 -- bytes
local BATCH = 20000 -- points of a step

-- What both share. -------------------------------------------------------------------------------

---Adds states to others, of other names.
local function add(states, more)
  for name, state in pairs(more) do states[name] = state end
end

---Points in a row, from one to another.
local function split(bytes, from, to)
  local list = {}
  for i = from, to do list[#list + 1] = bytes:sub((i - 1) * POINT + 1, i * POINT) end
  return list
end

local function params_of(at)
  local function param(name) return function(party) return at.param(party, name) end end
  local number = param "round"
  local function label(party) return "psi " .. number(party) end
  local function of_round(party, event) return event.round == number(party) end
  return number, of_round, label, param "every", param "tries"
end

---A party's own set, sorted, each item once; an example where the flow runs by itself.
local function read_set(at, party)
  local items, file = at.param(party, "items"), at.param(party, "file")
  if items == nil and file ~= nil then
    items = {}
    local name = file:gsub("{id}", (party.id:gsub("%%", "%%%%")))
    for line in af.download("file://" .. name):gmatch "[^\n]+" do items[#items + 1] = line end
  elseif items == nil then
    items = {}
    for place, id in ipairs(party:nodes()) do
      for i = place, place + at.param(party, "size") - 1 do
        if id == party.id then items[#items + 1] = ("patient-%06d"):format(i) end
      end
    end
    at.data(party).example = items
  end
  local set, sorted = {}, {}
  for _, item in ipairs(items) do set[item] = true end
  for item in pairs(set) do sorted[#sorted + 1] = item end -- in order
  return sorted
end

---Two states, in which a party makes its key and blinds its own set: `blinded` are the points in
---their own order, `order` says which item each of them is of.
local function blinding(at, done)
  local function sort(party)
    local data, rows, order = at.data(party), {}, {}
    local blinded = party:kept(data.blinded)
    for i, point in ipairs(split(blinded, 1, #blinded // POINT)) do
      rows[i] = point .. (">I4"):pack(i)
    end
    table.sort(rows)
    for i, row in ipairs(rows) do
      rows[i], order[i] = row:sub(1, POINT), (">I4"):unpack(row, POINT + 1)
    end
    data.blinded = party:keep(table.concat(rows))
    data.order = party:keep(vector.pack(order, "u32"))
    return at.state(done)
  end
  return {
    begin = { enter = function(party)
      local data = at.data(party)
      party.data.secret = party.data.secret or {}
      data.items = party:keep(cjson.encode(af.array(read_set(at, party))))
      if at.param(party, "protocol") == "rsa" then
        rsa.begin(at, party)
        return at.state "rsa_begin"
      end
      party.data.secret[at.state "psi"] = points.random_scalar()
      data.blinded = party:keep ""
      return at.state "blind"
    end },
    blind = {
      enter = function(party)
        local data = at.data(party)
        local items, blinded = cjson.decode(party:kept(data.items)), party:kept(data.blinded)
        local from = #blinded // POINT + 1
        local hashed = points.hash_all(table.move(items, from, math.min(#items, from + BATCH - 1),
          1, {}))
        local key = party.data.secret[at.state "psi"]
        blinded = blinded .. table.concat(points.mul_all(key, hashed))
        data.blinded = party:keep(blinded)
        if #blinded // POINT == #items then return sort(party) end
      end,
      after = { 0.001, at.state "blind" },
    },
  }
end

---A state that blinds another's points by the party's key: `points(party)` gives them, and under
---which name of the data the blinded ones are kept. `done(party)` when all are; `bad(party)` where
---one is no point.
local function blinding_again(at, options)
  return {
    enter = function(party)
      local data = at.data(party)
      local theirs, name = options.points(party)
      local blinded = data[name] and party:kept(data[name]) or ""
      local from = #blinded // POINT + 1
      local batch = split(theirs, from, math.min(#theirs // POINT, from + BATCH - 1))
      local made = points.mul_all(party.data.secret[at.state "psi"], batch)
      if made == nil then return options.bad(party) end
      blinded = blinded .. table.concat(made)
      data[name] = party:keep(blinded)
      if #blinded == #theirs then return options.done(party) end
    end,
    after = { 0.001, at.state(options.name) },
    [af.ApplySfSendingData] = af.data_channel.again,
    defer = options.defer, ignore = options.ignore,
  }
end

-- The initiator. ---------------------------------------------------------------------------------

local function initiator(at)
  local number, _, label, every, tries = params_of(at)
  local function collaborators(party) return party:nodes(at.role "collaborator") end
  local function lost(party, why) return at.failed(party, why) end

  ---Whose answer is the next to be matched.
  local function next_of(party)
    local data = at.data(party)
    for _, id in ipairs(collaborators(party)) do
      if not data.places[id] then return id end
    end
  end

  ---For each item the place that it has in the collaborator's own list, 0 where it has none.
  local function match(party)
    local data, id = at.data(party), next_of(party)
    local own, theirs = party:kept(data.answers[id]), party:kept(data.again)
    local order = vector.unpack(party:kept(data.order), "u32")
    local place_of, places = {}, {}
    for place, point in ipairs(split(theirs, 1, #theirs // POINT)) do place_of[point] = place end
    for i, point in ipairs(split(own, 1, #order)) do places[order[i]] = place_of[point] or 0 end
    data.places[id] = party:keep(vector.pack(places, "u32"))
    data.answers[id], data.again = nil, nil
    return at.state(next_of(party) and "match" or "tell")
  end

  ---The items that all have, and for each collaborator the places that they have in its list.
  local function intersect(party)
    local items = cjson.decode(party:kept(at.data(party).items))
    local common, places, of = {}, {}, {}
    for id, ref in pairs(at.data(party).places) do
      places[id], of[id] = {}, vector.unpack(party:kept(ref), "u32")
    end
    for i, item in ipairs(items) do
      local in_all = true
      for _, list in pairs(of) do in_all = in_all and list[i] > 0 end
      if in_all then
        common[#common + 1] = item
        for id, list in pairs(of) do table.insert(places[id], list[i]) end
      end
    end
    return common, places
  end

  local states = blinding(at, "offer")
  states.offer = af.data_channel.sending {
    target = collaborators,
    ref = function(party) return at.data(party).blinded end,
    ask = function(party) return PsiInit { initiator = party.id, round = number(party) } end,
    label = label, every = every, tries = tries, failed = lost, done = at.state "collect",
    state = { defer = { af.ApplySfSendingData } },
  }
  states.collect = af.data_channel.receiving {
    source = collaborators,
    received = function(party, id, bytes)
      if #bytes % POINT ~= 0 or #bytes < #party:kept(at.data(party).blinded) then
        return ("%d bytes are no answer to my set"):format(#bytes)
      end
      at.data(party).answers[id] = party:keep(bytes)
    end,
    label = label, every = every, tries = tries, failed = lost, done = at.state "match",
  }
  states.match = blinding_again(at, {
    name = "match", done = match,
    points = function(party)
      local data = at.data(party)
      local answer = party:kept(data.answers[next_of(party)])
      return answer:sub(#party:kept(data.blinded) + 1), "again"
    end,
    bad = function(party)
      return at.failed(party, next_of(party) .. " has sent what is no point")
    end,
  })
  local function done(party)
    local common = cjson.decode(party:kept(at.data(party).common))
    if at.data(party).example then at.data(party).result = common end
    return at.done(party, { items = af.array(common), count = #common })
  end

  states.tell = af.patterns.gather {
    from = collaborators,
    ask = function(party, ids, try)
      local data = at.data(party)
      if try == 1 then
        local common, places = intersect(party)
        data.common, data.urls = party:keep(cjson.encode(af.array(common))), {}
        for id, list in pairs(places) do
          data.urls[id] = party:upload_file(af.content(vector.pack(list, "u32")))
        end
      end
      for _, id in ipairs(ids) do
        party:send(id, PsiResult { round = number(party), url = data.urls[id] })
      end
    end,
    answer = PsiReceived,
    who = function(event, from)
      return (from == nil or from == event.collaborator) and event.collaborator
    end,
    accept = function(party, event) return event.round == number(party) end,
    every = every, tries = tries,
    done = function(party)
      party:send(collaborators(party), PsiClosed { round = number(party) })
      return done(party)
    end,
    short = function(party, _, missing)
      return at.failed(party, ("'%s' has not taken the result"):format(
        table.concat(missing, "', '")))
    end,
    more = { [af.ApplySfSendingData] = af.data_channel.again },
  }
  add(states, rsa.initiator(at, { number = number, label = label, every = every, tries = tries,
    done = done }))
  return { start = "begin", states = states, data = function()
    return { answers = {}, places = {} }
  end }
end

-- A collaborator. --------------------------------------------------------------------------------

local function collaborator(at)
  local number, of_round, label, every, tries = params_of(at)

  ---How long it waits for a word of the initiator's: longer than that tries with others.
  local function silence(party) return every(party) * (tries(party) + 3) end
  local function is_silent(party) return at.failed(party, "the initiator is silent") end
  local function the_initiator(party) return party:nodes(at.role "initiator")[1] end

  ---The items at these places of its list.
  local function common_of(party, places)
    local data, common = at.data(party), {}
    local items = cjson.decode(party:kept(data.items))
    local order = vector.unpack(party:kept(data.order), "u32")
    for i, place in ipairs(places) do common[i] = items[order[place]] end
    return common
  end

  local function done(party)
    local common = cjson.decode(party:kept(at.data(party).common))
    return at.done(party, { items = af.array(common), count = #common })
  end

  local states = blinding(at, "wait")
  states.begin.defer = { PsiInit, af.ApplySfSendingData, rsa.Init }
  states.blind.defer = { PsiInit, af.ApplySfSendingData }
  states.wait = {
    [PsiInit] = function(party, event, from)
      if of_round(party, event) and (from == nil or from == the_initiator(party)) then
        return at.state "get"
      end
    end,
    after = { silence, is_silent },
    defer = { af.ApplySfSendingData }, -- may overtake it
  }
  states.get = af.data_channel.receiving {
    source = the_initiator,
    received = function(party, _, bytes)
      if #bytes % POINT ~= 0 then return ("%d bytes are no points"):format(#bytes) end
      at.data(party).theirs = party:keep(bytes)
    end,
    label = label, every = silence, failed = is_silent, done = at.state "again",
    state = { ignore = { PsiInit } },
  }
  states.again = blinding_again(at, {
    name = "again", ignore = { PsiInit },
    points = function(party) return party:kept(at.data(party).theirs), "again" end,
    done = function() return at.state "answer" end,
    bad = function(party) return at.failed(party, "the initiator has sent what is no point") end,
  })
  states.answer = af.data_channel.sending {
    target = the_initiator,
    data = function(party)
      return party:kept(at.data(party).again) .. party:kept(at.data(party).blinded)
    end,
    label = label, every = every, tries = tries, failed = is_silent, done = at.state "answered",
    state = { [af.ApplySfSendingData] = af.data_channel.again, defer = { PsiResult },
      ignore = { PsiInit } },
  }
  states.answered = {
    [PsiResult] = function(party, event)
      if not of_round(party, event) then return end
      local mine = event.url:find "^%s*[Ff][Ii][Ll][Ee]:" -- a file of its own machine
      local ok, places = pcall(vector.unpack, mine and "?" or af.download(event.url), "u32")
      local common = ok and common_of(party, places) or {}
      if not ok or #common ~= #places then
        return at.failed(party, "the result names what I have not sent")
      end
      at.data(party).common = party:keep(cjson.encode(af.array(common)))
      if at.data(party).example then at.data(party).result = common end
      return at.state "told"
    end,
    [af.ApplySfSendingData] = af.data_channel.again,
    after = { silence, is_silent },
    ignore = { PsiInit, PsiClosed },
  }
  states.told = {
    enter = function(party)
      party:send(the_initiator(party), PsiReceived { round = number(party),
        collaborator = party.id })
    end,
    [PsiResult] = function(party, event)
      if of_round(party, event) then return at.state "told" end
    end,
    [PsiClosed] = function(party, event) if of_round(party, event) then return done(party) end end,
    [af.ApplySfSendingData] = af.data_channel.again,
    after = { silence, done }, -- it has the result; the close was lost
    ignore = { PsiInit },
  }
  add(states, rsa.collaborator(at, { number = number, label = label, every = every, tries = tries,
    silence = silence, is_silent = is_silent, the_initiator = the_initiator, done = done }))
  return { start = "begin", states = states, data = function() return {} end }
end

return af.part {
  name = "psi",
  mock = { initiator = 1, collaborator = 2 },
  params = {
    round = af.optional(af.integer { min = 1 }, 1),
    items = af.optional(af.list(af.string)), -- the party's own set
    file = af.optional(af.string), -- … or a file with one a line; "{id}" in it is the party's name
    size = af.optional(af.integer { min = 0 }, 4), -- … or so many, as an example
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- then it is given up
    protocol = af.optional(af.one_of { "ristretto", "rsa" }, "ristretto"),
    program = af.optional(af.string, "psi/rsa.py"), -- of the protocol "rsa"
    bits = af.optional(af.integer { min = 1024, max = 8192 }, 2048), -- of a collaborator's RSA key
    linger = af.optional(af.number { min = 0 }), -- seconds that it stays when it has the result
  },
  roles = { initiator = initiator, collaborator = collaborator },
  invariants = {
    ["a result is the plain intersection"] = function(world, at)
      local counts, parties = {}, 0
      for _, role in ipairs { "initiator", "collaborator" } do
        for _, one in ipairs(world:with_role(at.role(role))) do
          parties = parties + 1
          for _, item in ipairs(at.data(one).example or {}) do
            counts[item] = (counts[item] or 0) + 1
          end
        end
      end
      local plain = {}
      for item, count in pairs(counts) do
        if count == parties then plain[#plain + 1] = item end
      end
      for _, role in ipairs { "initiator", "collaborator" } do
        for _, one in ipairs(world:with_role(at.role(role))) do
          local result = at.data(one).result
          if result and at.data(one).example then
            if table.concat(result, "\n") ~= table.concat(plain, "\n") then return false end
          end
        end
      end
      return true
    end,
  },
}
