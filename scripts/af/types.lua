--- Types of event fields and arguments: what is expected, in data and in words.
---
--- host.type() compiles a description; calling a type refines it: af.integer { min = 0 }. Where a
--- flow's file runs again for one more party (host.again), any type stands for any other: the event
--- types are those of the first run.

local keys = require "af.keys"

local types = {}

local refinements = {
  integer = { min = "integer", max = "integer", secret = "boolean" },
  number = { min = "number", max = "number", secret = "boolean" },
  string = { min_length = "length", max_length = "length", pattern = "string", secret = "boolean" },
  bytes = { min_length = "length", max_length = "length", secret = "boolean" },
  boolean = { secret = "boolean" },
  any = { secret = "boolean" },
}

local plain_words = { boolean = "a boolean", any = "a value" }

local function fits(kind, value)
  if kind == "integer" then
    return math.type(value) == "integer"
  elseif kind == "length" then
    return math.type(value) == "integer" and value >= 0
  end
  return type(value) == kind and value == value -- NaN bounds nothing
end

local kind_words = { integer = "an integer", length = "an integer >= 0" }

-- These name the line of who called af.string { … }.
local function check_range(kind, options)
  local low = options.min or options.min_length
  local high = options.max or options.max_length
  if low and high and low > high then
    error(("af.%s: the minimum %s is above the maximum %s"):format(kind, low, high), 4)
  end
end

local function check_options(kind, options, allowed)
  if type(options) ~= "table" then
    error(("af.%s: expected a table of options, got a %s"):format(kind, type(options)), 4)
  end
  keys.check("af." .. kind, options, allowed, 4)
  for name, value in pairs(options) do
    if not fits(allowed[name], value) then
      error(("af.%s: option '%s' must be %s"):format(kind, name,
        kind_words[allowed[name]] or "a " .. allowed[name]), 4)
    end
  end
end

local function range_words(words, low, high, least, most, between)
  if low and high then
    return words .. between:format(low, high)
  elseif low then
    return words .. least:format(low)
  elseif high then
    return words .. most:format(high)
  end
  return words
end

local function length_words(words, options, unit)
  return range_words(words, options.min_length, options.max_length, " of at least %d " .. unit,
    " of at most %d " .. unit, " of %d to %d " .. unit)
end

local function expected(kind, options)
  if plain_words[kind] then
    return plain_words[kind]
  elseif kind == "integer" or kind == "number" then
    local words = kind == "integer" and "an integer" or "a number"
    return range_words(words, options.min, options.max, " >= %s", " <= %s", " from %s to %s")
  end
  local words = "a non-empty string"
  if kind == "bytes" or options.min_length ~= 1 or options.max_length then
    words = length_words(kind == "bytes" and "bytes" or "a string", options, "bytes")
  end
  if options.pattern then
    words = words .. (" that matches %q"):format(options.pattern)
  end
  return words
end

---The options that a type was made of, for those that are made of it.
local options_of = setmetatable({}, { __mode = "k" })

local function make(kind, options)
  local made = host.type {
    kind = kind, expected = expected(kind, options), min = options.min, max = options.max,
    min_length = options.min_length, max_length = options.max_length, pattern = options.pattern,
    secret = options.secret,
  }
  options_of[made] = options
  return made
end

local function need_type(name, value, level)
  if not host.is_type(value) then
    error(("%s: expected a type such as af.string, got a %s"):format(name, type(value)), level + 1)
  end
end

types.string = make("string", {})
types.id = make("string", { min_length = 1 })
types.integer = make("integer", {})
types.number = make("number", {})
types.boolean = make("boolean", {})
types.bytes = make("bytes", {})
types.any = make("any", {})

host.set_type_call(function(of, options)
  if host.again() then
    return of
  end
  local _, kind, optional = host.type_expected(of)
  local allowed = refinements[kind]
  if allowed == nil or optional then
    error(("af.%s: takes no options"):format(kind), 2)
  end
  check_options(kind, options, allowed)
  local narrower = {}
  for name in pairs(allowed) do
    narrower[name] = options[name]
    if options[name] == nil then narrower[name] = options_of[of][name] end
  end
  check_range(kind, narrower)
  if options.pattern and not pcall(string.find, "", options.pattern) then
    error(("af.string: %q is no pattern"):format(options.pattern), 2)
  end
  return make(kind, narrower)
end)

function types.list(item, options)
  if host.again() then
    return types.any
  end
  need_type("af.list", item, 2)
  options = options or {}
  check_options("list", options, { min_length = "length", max_length = "length" })
  check_range("list", options)
  return host.type {
    kind = "list", item = item, expected = length_words("a list", options, "items"),
    min_length = options.min_length, max_length = options.max_length,
  }
end

function types.map(item)
  if host.again() then
    return types.any
  end
  need_type("af.map", item, 2)
  return host.type { kind = "map", item = item, expected = "a map with strings as keys" }
end

---The record type of some fields. `what` names it in errors, `level` is the caller's. With `lacks`,
---reading a field that was not declared raises a text that begins so.
function types.fields(what, fields, level, lacks)
  if type(fields) ~= "table" then
    error(("%s: expected a table of fields, got a %s"):format(what, type(fields)), level + 1)
  end
  local names, field_types = {}, {}
  for name, of in pairs(fields) do
    if type(name) ~= "string" or name == "" then
      error(("%s: a field's name must be a string, got %s"):format(what, tostring(name)), level + 1)
    end
    if not host.is_type(of) then
      error(("%s: field '%s': expected a type such as af.string, got a %s"):format(what, name,
        type(of)), level + 1)
    end
    names[#names + 1] = name
    field_types[#field_types + 1] = of
  end
  return host.type {
    kind = "record", names = names, types = field_types, expected = "a table", lacks = lacks,
  }
end

function types.record(fields)
  if host.again() then
    return types.any
  end
  return types.fields("af.record", fields, 2, "this record has no field")
end

function types.one_of(choices)
  if host.again() then
    return types.any
  end
  if type(choices) ~= "table" or #choices == 0 then
    error("af.one_of: expected a list of strings", 2)
  end
  local shown = {}
  for i, choice in ipairs(choices) do
    if type(choice) ~= "string" then
      error("af.one_of: expected a list of strings", 2)
    end
    shown[i] = ("%q"):format(choice)
  end
  return host.type {
    kind = "one_of", names = choices, expected = "one of " .. table.concat(shown, ", "),
  }
end

---A field that may be absent; then it has the default, or is nil.
function types.optional(of, default)
  if host.again() then
    return types.any
  end
  need_type("af.optional", of, 2)
  local words, kind = host.type_expected(of)
  local ok, made = pcall(host.type, { kind = kind, base = of, default = default, expected = words })
  if not ok then
    error("af.optional: " .. tostring(made):gsub("^[^:]*:%d+: ", ""), 2)
  end
  return made
end

return types
