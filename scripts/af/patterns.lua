--- Makers of states: what protocols do again and again, as states to be named in a flow.

local events = require "af.event"

local patterns = {}

---Where a gather keeps its book in party.data: one state rests at a time.
local BOOK = "af.gather"

local function value_of(what, party)
  if type(what) == "function" then return what(party) end
  return what
end

local function outcome_of(target, party, ...)
  if type(target) == "function" then return target(party, ...) end
  return target
end

local numbers = { -- what one of an option is: words, and whether a number is one
  every = { "a number of seconds above 0", function(value) return value > 0 end },
  after = { "a number of seconds above 0", function(value) return value > 0 end },
  tries = { "an integer >= 1", function(value) return value >= 1 and value % 1 == 0 end },
  need = { "an integer >= 0", function(value) return value >= 0 and value % 1 == 0 end },
}

local function check_number(what, name, value)
  local number = numbers[name]
  if type(value) ~= "number" or not number[2](value) then
    error(("%s: '%s' must be %s, got %s"):format(what, name, number[1],
      type(value) == "number" and ("%.14g"):format(value) or "a " .. type(value)), 0)
  end
end

---A number of the options, which may be a function(party).
local function number_of(options, name, party)
  local value = value_of(options[name], party)
  if value ~= nil then check_number("af.patterns", name, value) end
  return value
end

---Checks a maker's options: kinds by name, "?" for what may be absent.
local function check_options(maker, options, kinds)
  if type(options) ~= "table" then
    error(("af.patterns.%s: expected a table, got a %s"):format(maker, type(options)), 0)
  end
  for name, value in pairs(options) do
    local kind = kinds[name]
    if kind == nil then
      error(("af.patterns.%s: '%s' is not an option of it%s"):format(maker, tostring(name),
        host.near(tostring(name), kinds, "it has")), 0)
    elseif not kind:find(host.is_event_class(value) and "event" or type(value), 1, true) then
      error(("af.patterns.%s: '%s' must be a %s, got %s"):format(maker, name,
        kind:gsub("%?", ""):gsub(" ", " or a "), host.is_event_class(value)
        and ("the event type '%s'"):format(value.TYPE) or "a " .. type(value)), 0)
    elseif type(value) == "number" then
      check_number("af.patterns." .. maker, name, value)
    end
  end
  for name, kind in pairs(kinds) do
    if options[name] == nil and not kind:find("?", 1, true) then
      error(("af.patterns.%s: '%s' is missing"):format(maker, name), 0)
    end
  end
end

local gather_kinds = {
  from = "table function", ask = "function?", answer = "event table", who = "function?",
  accept = "function?", take = "function?", need = "number function?", every = "number function",
  tries = "number function?", done = "string function", short = "string function?", more = "table?",
}

local function book_of(party)
  return party.data[BOOK]
end

local function missing_of(book)
  local missing = {}
  for _, id in ipairs(book.from) do
    if not book.got[id] then missing[#missing + 1] = id end
  end
  return missing
end

local function leave(options, party, way)
  local book, ids = book_of(party), {}
  for _, id in ipairs(book.from) do
    if book.got[id] then ids[#ids + 1] = id end
  end
  local missing = missing_of(book)
  party.data[BOOK] = nil
  local target = options[way]
  if target == nil then
    return host.fail(("%d of %d have answered"):format(#ids, #ids + #missing))
  end
  local outcome = outcome_of(target, party, ids, missing)
  if outcome == nil then
    error(("af.patterns: `%s` must return a state, af.done or af.fail"):format(way), 0)
  end
  return outcome
end

local function enter_gather(options, party)
  local book = book_of(party)
  if book == nil or book.state ~= party.state or not book.again then
    local from, named = {}, {}
    for _, id in ipairs(value_of(options.from, party)) do
      if not named[id] then from[#from + 1] = id end
      named[id] = true
    end
    book = { state = party.state, from = from, got = {}, tries = 0 }
    party.data[BOOK] = book
  end
  book.again = nil
  book.tries = book.tries + 1
  local missing = missing_of(book)
  if missing[1] == nil then return leave(options, party, "done") end
  if options.ask then
    local event = options.ask(party, missing, book.tries)
    if event ~= nil then party:send(missing, event) end
  end
end

local function take_answer(options, party, event, from)
  local book = book_of(party)
  local id = from
  if options.who then id = options.who(event, from) end
  local asked = false
  for _, one in ipairs(book.from) do asked = asked or one == id end
  if not asked or book.got[id] then return end
  if options.accept and not options.accept(party, event, id) then return end
  book.got[id] = true
  if options.take then options.take(party, id, event) end
  if missing_of(book)[1] == nil then return leave(options, party, "done") end
end

local function time_is_over(options, party)
  local book = book_of(party)
  if book.tries < (number_of(options, "tries", party) or 1) then
    book.again = true
    return party.state
  end
  local need = number_of(options, "need", party) or #book.from
  local way = #book.from - #missing_of(book) >= need and "done" or "short"
  return leave(options, party, way)
end

local function make_gather(options, line)
  local every = options.every -- nil of the data channel's: it waits for ever
  local state = {
    enter = function(party) return enter_gather(options, party) end,
    after = every and { every, function(party) return time_is_over(options, party) end },
  }
  local answers = options.answer
  if host.is_event_class(answers) then answers = { answers } end
  if answers[1] == nil then
    error("af.patterns: 'answer' is an empty list: there is nothing to wait for", 0)
  end
  for _, class in ipairs(answers) do
    if not host.is_event_class(class) then
      error("af.patterns: 'answer' must be an event type or a list of them", 0)
    end
    state[class] = function(party, event, from) return take_answer(options, party, event, from) end
  end
  for key, value in pairs(options.more or {}) do
    if state[key] ~= nil then
      error(("af.patterns: 'more' must not have '%s': the maker has it"):format(
        host.is_event_class(key) and key.TYPE or tostring(key)), 0)
    end
    state[key] = value
  end
  local targets = { done = options.done, short = options.short }
  return setmetatable(state, { line = line, targets = targets, ends = { short = "failed" } })
end

---A state that asks all of `from` who have not answered, every `every` seconds, `tries` times. It
---is left by `done` when all have answered, or when `need` have and the tries are over; else by
---`short`. It counts who has answered, not answers. Entered other than by its own retry it starts
---afresh.
function patterns.gather(options)
  check_options("gather", options, gather_kinds)
  return make_gather(options, host.caller_line(2))
end

local ask_kinds = {
  to = "string function", say = "function", answer = "event table", accept = "function?",
  take = "function?", every = "number function", tries = "number function?",
  done = "string function", short = "string function?", more = "table?",
}

---A gather of one: asks `to` with what say(party) gives, until it answers or the tries are over.
function patterns.ask(options)
  check_options("ask", options, ask_kinds)
  return make_gather({
    from = function(party) return { value_of(options.to, party) } end,
    ask = options.say, answer = options.answer, accept = options.accept, take = options.take,
    every = options.every, tries = options.tries, done = options.done, short = options.short,
    more = options.more,
  }, host.caller_line(2))
end

-- Suspicion. -------------------------------------------------------------------------------------

local Beat = events.predefine("party_heartbeat", {})
local TICK = "af.heartbeat"

local suspect_kinds = {
  every = "number", after = "number", suspected = "function", who = "table function?",
  more = "table?",
}

---Heartbeats and suspicion, for a role's `always`: every `every` seconds the party tells all
---others (or `who`) that it lives, and who has not been heard of for `after` seconds is given to
---suspected(party, id), once until it is heard of again; what that returns is the next state.
function patterns.suspect(options)
  check_options("suspect", options, suspect_kinds)
  local limit = math.max(1, options.after // options.every)
  local function watched(party)
    local ids = {}
    for _, id in ipairs(value_of(options.who, party) or party:nodes()) do
      if id ~= party.id then ids[#ids + 1] = id end
    end
    return ids
  end
  local function tick(party)
    local silent = party.data[TICK]
    local ids = watched(party)
    local outcome
    party:send(ids, Beat {})
    for _, id in ipairs(ids) do
      local ticks = silent[id] or 0
      if ticks < limit then
        silent[id] = ticks + 1
        if ticks + 1 == limit and outcome == nil then outcome = options.suspected(party, id) end
      end
    end
    party:deadline(TICK, options.every)
    return outcome
  end
  local always = { timeout = { [TICK] = tick } }
  always[Beat] = function(party, _, from)
    if from then party.data[TICK][from] = 0 end
  end
  for key, value in pairs(options.more or {}) do
    if key == "timeout" then
      for name, target in pairs(value) do always.timeout[name] = target end
    else
      always[key] = value
    end
  end
  return setmetatable(always, { line = host.caller_line(2), begin = function(party, data)
    data[TICK] = {}
    party:deadline(TICK, options.every)
    return data
  end })
end

---For the data channel, whose states are gathers of another kind of answer.
---@return "expected"|"got"|nil  what the gather of this state holds of who may answer
local function answer_of(party, id)
  local book = book_of(party)
  for _, one in ipairs(book.from) do
    if one == id then return book.got[id] and "got" or "expected" end
  end
end

return { gather = patterns.gather, ask = patterns.ask, suspect = patterns.suspect,
  make_gather = make_gather, answer_of = answer_of, check_number = check_number }
