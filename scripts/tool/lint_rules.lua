--- The rules of `afrun lint`. Each is given what is known of the flow, and tells what it finds.

local read = require "tool.lint_tokens"
local returns = require "tool.lint_returns"

local rules = { known = {}, names = {} }

local function rule(name, check)
  rules.known[name] = check
  rules.names[#rules.names + 1] = name
end

local function each_token(about, visit)
  for _, source in ipairs(about.sources) do
    for i, token in ipairs(source.list) do visit(source, source.list, i, token) end
  end
end

---Whether the i-th token of a source stands in a place.
local function is_in(place, source, i)
  return place.source == source and i >= place.from and i <= place.to
end

---Where a state stands: at its key, or else where its first function does.
local function state_line(about, role, state)
  for _, place in ipairs(about.places) do
    if place.state == state.name and (place.role == nil or place.role == role.name) then
      return place.source.file, place.line
    end
  end
  return state.file or about.sources[1].file, state.line
end

local function has_plain_roles(about)
  for _, role in ipairs(about.flow.roles) do
    if role.sequential then return true end
  end
  return false
end

---The path of names that ends at i (`party.data.sum`), as a text, and where it begins.
local function path_to(list, i)
  local from = i
  while true do
    local before = list[from - 1]
    if list[from].text == "]" and list[from].open then
      from = list[from].open - 1
    elseif before and (before.text == "." or before.text == ":") and before.kind == "sign" then
      from = from - 2
    else
      break
    end
    if list[from] == nil then return "", i end
  end
  local parts = {}
  for k = from, i do parts[#parts + 1] = list[k].text end
  return table.concat(parts), from
end

---Whether i stands in the arguments of a call of a method or function of these names; gives it.
local function call_around(list, i, names)
  local at = list[i].inside
  while at do
    local callee = list[at - 1]
    if list[at].text == "(" and callee and names[callee.text] then return at end
    if list[at].text == "{" and callee and names[callee.text] then return at end
    if list[at].text == "function" then return nil end
    at = list[at].inside
  end
end

local SENDS = { send = true, broadcast = true, new_contract = true }

---The table that a token stands in, or nil.
local function outer_table(list, i)
  local at = list[i].inside
  return at and list[at].text == "{" and at or nil
end

-- States and events. ------------------------------------------------------------------------------

---Whether a string at i is where a state of the role may be named, but not in the state itself.
local function names_state(about, role, state, source, i)
  local token, list = source.list[i], source.list
  if token.kind ~= "string" then return false end
  local is_key = read.are(list, i - 1, "[") and read.are(list, i + 1, "]", "=")
  if is_key then return false end
  local begins = read.are(list, i + 1, "..") and state.name:sub(1, #token.text) == token.text
  local ends = read.are(list, i - 1, "..") and state.name:sub(-#token.text) == token.text
  local is_part = token.text ~= "" and (begins or ends)
  local last = state.name:match("([^.]*)$")
  local fits = token.text == state.name or token.text == last or is_part
    or state.name:sub(1, #token.text + 1) == token.text .. "."
  if not fits then return false end
  for _, place in ipairs(about.places) do
    if is_in(place, source, i) then
      local others = place.role ~= nil and place.role ~= role.name
      local itself = place.state == last and (place.role == nil or place.role == role.name)
      if others or (itself and not is_part) then return false end
    end
  end
  return true
end

rule("unentered", function(about, tell)
  for _, role in ipairs(about.flow.roles) do
    for _, state in ipairs(role.states) do
      local found = false
      each_token(about, function(source, _, i)
        found = found or names_state(about, role, state, source, i)
      end)
      if not found then
        local file, line = state_line(about, role, state)
        tell(file, line,
          ("nothing enters the state '%s' of role '%s'"):format(state.name, role.name),
          ("return \"%s\" from a handler, or take the state away"):format(state.name))
      end
    end
  end
end)

local LISTS = { defer = true, ignore = true, answer = true, types = true, except = true }

---Whether the event type named at i is only received there.
local function is_received(list, i)
  if read.are(list, i - 1, "[") and read.are(list, i + 1, "]") then return true end
  if read.are(list, i + 1, ":", "is") or read.are(list, i + 1, ".", "TYPE") then return true end
  if read.are(list, i - 1, "=") and LISTS[list[i - 2].text] then return true end
  local at = list[i].inside
  return at ~= nil and list[at].text == "{" and read.are(list, at - 1, "=")
    and LISTS[list[at - 2].text] == true
end

---The event types that the flow's own file declares: { name, type, line, at }.
local function declared_of(source)
  local list, found = source.list, {}
  for i = 1, #list do
    if read.are(list, i, "af", ".", "event") then
      local at = list[i + 3] and list[i + 3].kind == "string" and i + 3 or i + 4
      local back, commas = i - 1, 0
      while list[back] and not (list[back].text == "=" and list[back].inside == list[i].inside) do
        local beside = list[back].inside == list[i].inside
        if list[back].text == "," and beside then commas = commas + 1 end
        if list[back].kind == "name" and list[back].text == "local" then break end
        back = back - 1
      end
      local first = back - 1
      while read.are(list, first - 1, ",") and list[i].inside == list[first].inside
        and list[first - 2].kind == "name" and not read.are(list, first - 3, "=") do
        first = first - 2
      end
      local name = list[first + 2 * commas]
      if list[at] and list[at].kind == "string" and name and name.kind == "name"
        and read.are(list, back, "=") then
        found[#found + 1] = { name = name.text, type = list[at].text, line = list[i].line,
          at = first + 2 * commas }
      end
    end
  end
  return found
end

---The place of the state whose handler the function at `at` is: in its table, or in `timeout`.
local function handler_place(about, source, at)
  local table_at = outer_table(source.list, at)
  for _ = 1, 2 do
    for _, place in ipairs(about.places) do
      if place.state and place.source == source and place.from == table_at then return place end
    end
    local is_timeout = table_at and read.are(source.list, table_at - 2, "timeout", "=")
    if not is_timeout then return nil end
    table_at = outer_table(source.list, table_at)
  end
end

---The states of a role (of all, where it is not known), by name, and by the last part of one.
local function state_names(about, role)
  local names = {}
  for _, one in ipairs(about.flow.roles) do
    for _, state in ipairs(one.states or {}) do
      if role == nil or one.name == role then names[state.name] = true end
    end
  end
  return names
end

local function is_state(names, text)
  if names[text] then return true end
  for name in pairs(names) do
    if name:sub(1, #text + 1) == text .. "." or name:sub(-#text - 1) == "." .. text then
      return true
    end
  end
  return false
end

rule("no-state", function(about, tell)
  for _, source in ipairs(about.sources) do
    for _, fn in ipairs(source.functions) do
      local place = handler_place(about, source, fn.at)
      for _, one in ipairs(place and returns.of(source.list, fn) or {}) do
        local token = source.list[one.from]
        if one.from == one.to and token.kind == "string"
          and not is_state(state_names(about, place.role), token.text) then
          tell(source.file, token.line,
            ("a handler of the state '%s' returns '%s', which is no state%s"):format(place.state,
              token.text, place.role and (" of role '%s'"):format(place.role) or ""),
            "return the name of a state, or nothing to stay in it")
        end
      end
    end
  end
end)

rule("unhandled", function(about, tell)
  if has_plain_roles(about) then return end
  local how = {}
  for _, role in ipairs(about.flow.roles) do
    for _, state in ipairs(role.states) do
      for kind, is in pairs(state.events) do
        if is == "handled" or how[kind] == nil then how[kind] = is end
      end
    end
  end
  for _, event in ipairs(declared_of(about.sources[1])) do
    if how[event.type] ~= "handled" then
      tell(about.sources[1].file, event.line, ("event '%s' is %s"):format(event.type,
        how[event.type] and "never handled, only " .. how[event.type] or "named by no state"),
        "handle it in the state that waits for it, or take it away")
    end
  end
end)

rule("unsent", function(about, tell)
  if has_plain_roles(about) then return end
  for _, event in ipairs(declared_of(about.sources[1])) do
    local sent = false
    each_token(about, function(source, list, i, token)
      if token.kind == "name" and token.text == event.name
        and not (source.own and i == event.at) and not is_received(list, i) then
        sent = true
      end
    end)
    if not sent then
      tell(about.sources[1].file, event.line, ("event '%s' is never sent"):format(event.type),
        ("send it: party:send(to, %s { … }), or take it away"):format(event.name))
    end
  end
end)

-- Data. -------------------------------------------------------------------------------------------

---Whether fields may be written that nobody sees: party.data[key] = …, party.data = f(…).
local function writes_unseen(about)
  local found = false
  each_token(about, function(_, list, i, token)
    if token.kind ~= "name" or token.text ~= "data" then return end
    if read.are(list, i + 1, "[") and list[i + 2] and list[i + 2].kind ~= "string" then
      found = true
    end
    if read.are(list, i - 1, ".") and read.are(list, i + 1, "=")
      and not read.are(list, i + 2, "{") then
      found = true
    end
  end)
  return found
end

rule("unwritten", function(about, tell)
  if writes_unseen(about) then return end
  local written, told = { secret = true }, {}
  each_token(about, function(_, list, i, token)
    if token.kind == "sign" then return end
    local left = read.are(list, i + 1, "=") or read.are(list, i + 1, ",")
      or (read.are(list, i + 1, "]", "="))
    if left then written[token.text] = true end
  end)
  each_token(about, function(source, list, i, token)
    if token.text == "data" and read.are(list, i - 2, "party", ".", "data", ".") then
      local field = list[i + 2]
      if field and field.kind == "name" and not written[field.text] and not told[field.text] then
        told[field.text] = true
        tell(source.file, field.line,
          ("party.data.%s is read, and never written"):format(field.text),
          "write it, or give it a first value in the role's data")
      end
    end
  end)
end)

local COMPARES = { ["=="] = true, [">="] = true, [">"] = true, ["<"] = true, ["<="] = true }

---Whether a list in the data is ever emptied, made anew but at first, or made shorter; or somebody
---looks how long it is.
local function shrinks(about, field)
  local found = false
  each_token(about, function(_, list, i, token)
    if token.text ~= field or token.kind ~= "name" then return end
    local at = list[i].inside
    local is_item = at ~= nil and (list[at].text == "(" or list[at].text == "{")
    local made_anew = read.are(list, i - 1, ".")
      and (read.are(list, i + 1, "=") or (read.are(list, i + 1, ",") and not is_item))
    local removed = at ~= nil and list[at].text == "(" and read.are(list, at - 1, "remove")
    local next_token, _, from = list[i + 1], path_to(list, i)
    local compared = next_token and COMPARES[next_token.text] and read.are(list, from - 1, "#")
    if made_anew or removed or compared then found = true end
    if read.are(list, i + 1, "[") and list[i + 1].close
      and read.are(list, list[i + 1].close + 1, "=", "nil") then
      found = true
    end
  end)
  return found
end

---The list of the data that grows at i, or nil: table.insert(party.data.x, …), x[#x + 1] = ….
local function grown_at(list, i)
  if read.are(list, i, "table", ".", "insert", "(") then
    local stop = i + 4
    while list[stop + 1] and (list[stop + 1].text == "." or list[stop].text == ".") do
      stop = stop + 1
    end
    local path = path_to(list, stop)
    return read.are(list, stop + 1, ",") and path:match("%f[%w]data%.([%w_]+)$") or nil
  end
  if list[i].text == "[" and list[i].close and read.are(list, i + 1, "#")
    and read.are(list, list[i].close - 2, "+", "1", "]", "=") then
    return path_to(list, i - 1):match("%f[%w]data%.([%w_]+)$")
  end
end

---Whether i stands in a handler of an event: a function that is the value of a key [Event].
local function in_event_handler(source, i)
  for _, fn in ipairs(source.functions) do
    if i > fn.from and i < fn.to and fn.params[2]
      and read.are(source.list, fn.from - 2, "=", "function")
      and read.are(source.list, fn.from - 3, "]") then
      return true
    end
  end
  return false
end

rule("growth", function(about, tell)
  each_token(about, function(source, list, i, token)
    local field = grown_at(list, i)
    if field and in_event_handler(source, i) and not shrinks(about, field) then
      tell(source.file, token.line, ("party.data.%s only grows"):format(field),
        "keep a count, or by party (data.x[from] = …), or what the last round needs: data are "
        .. "written whole at each step")
    end
  end)
end)

-- Waits. ------------------------------------------------------------------------------------------

---Whether a function, or what is between two tokens, sends.
local function sends(list, from, to)
  for i = from, to do
    if list[i].kind == "name" and SENDS[list[i].text] and read.are(list, i - 1, ":")
      and read.are(list, i + 1, "(") then
      return true
    end
  end
  return false
end

---Whether a function that sends goes to the state.
local function is_asked_for(about, role, state)
  local last = state.name:match("([^.]*)$")
  for _, place in ipairs(about.places) do
    local list, its = place.source.list, place.role == nil or place.role == role.name
    if its and place.state == last then -- its own `enter`
      for i = place.from, place.to do
        if read.are(list, i, "enter", "=", "function") and list[i + 2].close
          and sends(list, i + 2, list[i + 2].close) then
          return true
        end
      end
    elseif its and place.state then -- `return "state"` behind a send, in another's `enter`
      for i = place.from, place.to do
        if read.are(list, i, "enter", "=", "function") and list[i + 2].close then
          for k = i + 2, list[i + 2].close do
            if list[k].kind == "string" and list[k].text == state.name
              and read.are(list, k - 1, "return") and sends(list, i + 2, k) then
              return true
            end
          end
        end
      end
    end
  end
  return false
end

local function handles(state)
  for _, how in pairs(state.events) do
    if how == "handled" then return true end
  end
  return false
end

rule("endless-wait", function(about, tell)
  for _, role in ipairs(about.flow.roles) do
    for _, state in ipairs(role.states) do
      local waits = not state.may_end and not state.after and not state.timeouts
        and handles(state)
      if waits and is_asked_for(about, role, state) then
        local file, line = state_line(about, role, state)
        tell(file, line, ("the state '%s' of role '%s' asks and waits without an end: what it "
          .. "sends, or the answer, may be lost"):format(state.name, role.name),
          ("after = { seconds, \"%s\" } asks again"):format(state.name))
      end
    end
  end
end)

-- Sums. -------------------------------------------------------------------------------------------

---Names of fields that hold floats, of any event.
local function float_fields(flow)
  local names = {}
  for _, event in ipairs(flow.events) do
    for line in (event.fields or ""):gmatch("[^\n]+") do
      local name, kind = line:match("^([%w_]+)[%[%]{}]*: (%a+)")
      if kind == "number" then names[name] = true end
    end
  end
  return names
end

---Names that events have in handlers.
local function event_names(source)
  local names = { event = true }
  for _, fn in ipairs(source.functions) do
    if fn.params[2] and fn.params[1] == "party" then names[fn.params[2]] = true end
  end
  return names
end

---Whether a float of an event stands between two tokens.
local function has_float(list, from, to, floats, events)
  for i = from, math.min(to, #list) do
    if list[i].kind == "name" and events[list[i].text] and read.are(list, i + 1, ".")
      and list[i + 2] and floats[list[i + 2].text] then
      return true
    end
  end
  return false
end

---Where the statement that begins at i ends: at its line's last token, or that of its brackets.
local function statement_end(list, i)
  local line = list[i].line
  while list[i + 1] and (list[i + 1].line == line or list[i].close == nil
      and list[i + 1].text == "+") do
    i = list[i].close and list[i].text ~= "function" and list[i].close or i + 1
  end
  return i
end

---Whether the statement whose '=' stands at i adds a float of an event to its own left side.
local function adds_float(source, i, path, size, floats)
  local list = source.list
  local first = read.are(list, i + 1, "(") and i + 2 or i + 1 -- path = (path + …)
  local last = first + size - 1
  return list[last] ~= nil and path_to(list, last) == path and read.are(list, last + 1, "+")
    and has_float(list, last, statement_end(list, i), floats, event_names(source))
end

local ADDS = { add = true, axpy = true }

---The same of packed floats: path = af.vector.add(path, event.x).
local function adds_vector(source, i, path)
  local list = source.list
  if not read.are(list, i + 1, "af", ".", "vector", ".") or not ADDS[list[i + 5].text]
    or not list[i + 6].close then
    return false
  end
  local close, events, itself, event = list[i + 6].close, event_names(source), false, false
  local last = list[close - 1]
  if last.kind == "string" and last.text:find("^[iu]%d") then return false end -- whole numbers
  for k = i + 7, close - 1 do
    itself = itself or path_to(list, k) == path
    event = event or (list[k].kind == "name" and events[list[k].text]
      and read.are(list, k + 1, "."))
  end
  return itself and event
end

rule("arrival-order", function(about, tell)
  local floats = float_fields(about.flow)
  each_token(about, function(source, list, i, token)
    if token.kind ~= "sign" or token.text ~= "=" or not list[i - 1] then return end
    local path, from = path_to(list, i - 1)
    if not path:find("%.") then return end
    if adds_float(source, i, path, i - from, floats) or adds_vector(source, i, path) then
      tell(source.file, token.line,
        ("%s adds floats in the order in which they come"):format(path),
        "keep them by sender, and add them up in the order of names when all are there")
    end
  end)
end)

-- Secrets. ----------------------------------------------------------------------------------------

---Whether i stands in a call of af.crypto, which makes something else of it.
local function is_sealed(list, i, stop)
  local at = list[i].inside
  while at and at > stop do
    if list[at].text == "(" and path_to(list, at - 1):find("crypto", 1, true) then return true end
    at = list[at].inside
  end
  return false
end

---Names of fields that are secrets, of any event.
local function secret_fields(flow)
  local names = {}
  for _, event in ipairs(flow.events) do
    for name in ("\n" .. (event.fields or "")):gmatch("\n[^\n]-([%w_]+)[%[%]{}]*: secret ") do
      names[name] = true
    end
  end
  return names
end

local SHOWS = { log = true, print = true, done = true, fail = true, error = true }
local ENDS = { [","] = true, [")"] = true, ["}"] = true, [".."] = true }

---Whether what ends at i, and begins at `first`, is shown by the call around it as it is.
local function is_shown(list, i, first)
  local at, around = list[i].inside, call_around(list, i, SHOWS)
  while at and at ~= around and list[at].text == "{" do
    at = list[at].inside
  end
  return around and at == around and list[first - 1].text ~= "#"
    and list[i + 1] and ENDS[list[i + 1].text]
end

---Whether what begins at `first` is put into the party's data, where it is shown.
local function is_kept_open(list, first)
  if list[first - 1].text ~= "=" then return false end
  local path = path_to(list, first - 2)
  return path:find("^party%.data%.") and not path:find("^party%.data%.secret%f[^%w_]")
end

rule("secret", function(about, tell)
  local hidden = secret_fields(about.flow)
  each_token(about, function(source, list, i, token)
    if token.kind ~= "name" or not read.are(list, i - 1, ".") or not list[i - 3] then return end
    local of_event = hidden[token.text] and event_names(source)[list[i - 2].text]
    if token.text ~= "secret" and not of_event then return end
    local at = call_around(list, i, SENDS)
    local _, first = path_to(list, i)
    if at and not is_sealed(list, i, at) then
      tell(source.file, token.line, "a secret is sent as it is: who carries the message reads it",
        "send af.crypto.seal(public, …) of it, or what was derived from it")
    elseif of_event and is_kept_open(list, first) then
      tell(source.file, token.line, "a secret is kept where data are shown and stored as they are",
        "keep it in party.data.secret")
    elseif of_event and is_shown(list, i, first) then
      tell(source.file, token.line, "a secret is shown: what a flow logs, returns or raises stands "
        .. "there as it is", "say how long it is, or what was derived from it")
    end
  end)
end)

local KEYS = { "key", "nonce", "secret", "salt", "password", "token", "mask" }

---Whether a name is one of a key: aes_key, my_nonce, but not keyboard or monkey.
local function is_key_name(name)
  for _, word in ipairs(KEYS) do
    if ("_" .. name:lower() .. "_"):find("_" .. word .. "s?_") then return true end
  end
  return false
end

rule("random-key", function(about, tell)
  each_token(about, function(source, list, i, token)
    if not read.are(list, i, "math", ".", "random") then return end
    local in_crypto = is_sealed(list, i, 0)
    local at = i - 1
    while list[at] and list[at].line == token.line and not in_crypto do
      if list[at].text == "=" and list[at - 1] and is_key_name(list[at - 1].text) then
        in_crypto = true
      end
      at = at - 1
    end
    if in_crypto then
      tell(source.file, token.line, "math.random is no source for a key: who knows the seed, or "
        .. "some of what was drawn, knows the rest", "af.crypto.random(bytes)")
    end
  end)
end)

return rules
