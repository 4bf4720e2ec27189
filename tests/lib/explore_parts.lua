--- Parts and gathers for explore_af.lua, made from lua-api.md alone.
---
---   add(af)          gives af `patterns.gather` and `part`
---   lay_out(flow)    has the states of parts stand in the flow under their prefixes
---   alone(part)      the flow that a file is which returns a part
local parts = {}

local function value_of(what, ...)
  if type(what) == "function" then return what(...) end
  return what
end

-- A gather: it counts who has answered, and asks the others again. -------------------------------

local function gather(options)
  local function without_answer(book)
    local ids = {}
    for _, id in ipairs(book.asked) do
      if not book.answered[id] then table.insert(ids, id) end
    end
    return ids
  end
  local function leave(party, target)
    local book, ids = party.data.book, {}
    for _, id in ipairs(book.asked) do
      if book.answered[id] then table.insert(ids, id) end
    end
    party.data.book = nil
    return value_of(target, party, ids, without_answer(book))
  end
  local function take(party, event, from)
    local book, id = party.data.book, from
    if options.who then id = options.who(event, from) end
    local is_asked = false
    for _, one in ipairs(book.asked) do is_asked = is_asked or one == id end
    if not is_asked or book.answered[id] then return nil end
    if options.accept and not options.accept(party, event) then return nil end
    book.answered[id] = true
    if options.take then options.take(party, id, event) end
    if #without_answer(book) == 0 then return leave(party, options.done) end
  end
  local state = {
    enter = function(party)
      local book = party.data.book
      if not (book and book.retries) then
        book = { asked = value_of(options.from, party), answered = {}, tries = 0 }
        party.data.book = book
      end
      book.retries, book.tries = nil, book.tries + 1
      local event = options.ask(party, without_answer(book), book.tries)
      if event then party:send(without_answer(book), event) end
    end,
    after = { options.every, function(party)
      local book = party.data.book
      if book.tries < (value_of(options.tries, party) or 1) then
        book.retries = true
        return party.state
      end
      local need = value_of(options.need, party) or #book.asked
      local enough = #book.asked - #without_answer(book) >= need
      return leave(party, enough and options.done or options.short)
    end },
  }
  local answers = options.answer.event_type and { options.answer } or options.answer
  for _, answer in ipairs(answers) do state[answer] = take end
  for key, value in pairs(options.more or {}) do state[key] = value end
  return state
end

-- A part: a role of it is a function that makes a place of it. -----------------------------------

function parts.add(af)
  af.patterns = { gather = gather }
  function af.part(part)
    local made = { alone = part }
    for role in pairs(part.roles) do
      made[role] = function(given) return { part = part, role = role, given = given } end
    end
    return made
  end

  ---What a place is given to find its way in the flow.
  local function at_of(flow, prefix, place)
    local given = place and place.given or {}
    local function leave(way, outcome)
      return function(party, value)
        local target = given[way]
        if target == nil then return outcome(value) end
        return value_of(target, party, value)
      end
    end
    return {
      state = function(name) return prefix .. "." .. name end,
      data = function(party) return party.data[prefix] or {} end,
      param = function(party, name)
        local value = value_of(given[name], party)
        if value == nil then value = place.part.params[name].default end
        return value
      end,
      role = function(wanted)
        for name, role in pairs(flow.roles) do
          local other = role.places and role.places[prefix]
          if other and other.role == wanted then return name end
        end
      end,
      done = leave("done", af.done), failed = leave("failed", af.fail),
    }
  end

  local function lay_out_place(flow, states, prefix, place)
    local at = at_of(flow, prefix, place)
    local role = place.part.roles[place.role](at)
    for name, state in pairs(role.states) do states[at.state(name)] = state end
    states[prefix] = { enter = function(party)
      party.data[prefix] = role.data and role.data(party) or {}
      return at.state(role.start)
    end }
    for name, invariant in pairs(place.part.invariants or {}) do
      flow.invariants = flow.invariants or {}
      flow.invariants[prefix .. ": " .. name] = function(world) return invariant(world, at) end
    end
  end

  function parts.alone(part)
    local flow = { name = part.name, mock = part.mock, args = part.params, roles = {},
      invariants = {} }
    local at = { done = function(_, result) return af.done(result) end,
      failed = function(_, reason) return af.fail(reason) end,
      state = function(name) return name end, role = function(name) return name end,
      data = function(party) return party.data end,
      param = function(party, name) return party.args[name] end }
    for name, role in pairs(part.roles) do flow.roles[name] = role(at) end
    for name, invariant in pairs(part.invariants or {}) do
      flow.invariants[name] = function(world) return invariant(world, at) end
    end
    return flow
  end

  function parts.lay_out(flow)
    for _, role in pairs(flow.roles) do
      role.places = {}
      for key, state in pairs(role.states) do
        if state.part then role.places[key] = state end
      end
    end
    for _, role in pairs(flow.roles) do
      for prefix, place in pairs(role.places) do lay_out_place(flow, role.states, prefix, place) end
    end
    return flow
  end
end

return parts
