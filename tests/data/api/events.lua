-- Types, building, validating, tostring, what is kept of events in data. Expected: exit 0.
local af = require "af"

local Sync = af.event("sync", {
  aggregator = af.id,
  current_round = af.integer { min = 0 },
  participants = af.list(af.id),
})
local All = af.event("all", {
  s = af.string { min_length = 1, max_length = 3, pattern = "^%a+$" },
  i = af.integer { min = -5, max = 5 },
  n = af.number { min = 0, max = 1.5 },
  b = af.boolean,
  raw = af.bytes,
  any = af.any,
  list = af.list(af.integer, { min_length = 1, max_length = 2 }),
  map = af.map(af.number),
  rec = af.record { x = af.integer, y = af.optional(af.string) },
  one = af.one_of { "a", "b" },
  opt = af.optional(af.integer),
  def = af.optional(af.integer { min = 0 }, 7),
})

local function all(change)
  local fields = {
    s = "abc", i = 5.0, n = 1, b = true, raw = "\0\xff\1", any = { 1, { x = af.null } },
    list = { 1, 2.0 }, map = { k = 1 }, rec = { x = 1 }, one = "a",
  }
  for k, v in pairs(change or {}) do
    fields[k] = v
  end
  return fields
end

local function refuses(class, fields, part)
  local ok, message = pcall(class, fields)
  af.expect(not ok, "was not refused: " .. part)
  af.expect(message:find(part, 1, true), message)
end

-- A type that is called is narrower: what the options do not say stays.
local function check_narrowing()
  local function refused(of, value, part)
    refuses(af.event("narrow", { x = of }), { x = value }, part)
  end
  for _, of in ipairs { af.id {}, af.id { max_length = 5 }, af.id { pattern = "^%l*$" },
    af.id { secret = true }, af.id { max_length = 9 } { max_length = 5 },
    af.list(af.id { max_length = 5 }, { max_length = 1 }) } do
    refused(of, "", "expected a ")
    refused(of, { "" }, "expected a ")
  end
  refused(af.id { max_length = 5 }, "", "expected a string of 1 to 5 bytes")
  refused(af.id { secret = true }, "", "expected a non-empty string")
  refused(af.id { max_length = 5 }, "abcdef", "of 1 to 5 bytes")
  refused(af.integer { min = 0 } { max = 3 }, -1, "an integer from 0 to 3")
  refused(af.string { pattern = "^a" } { max_length = 3 }, "b", "matches")
  refused(af.bytes { min_length = 2 } {}, "x", "at least 2")
  local secret = af.event("hidden", { x = af.string { secret = true } { max_length = 3 } })
  af.expect(not tostring(secret { x = "abc" }):find("abc"), "it is a secret still")
  refused(af.list(af.record { y = af.integer }), { { y = 1 }, { y = "z" } }, "'x[2].y'")
  refused(af.record { y = af.list(af.list(af.integer)) }, { y = { { 1 }, { 1, 2, "z" } } },
    "'x.y[2][3]'")
  refused(af.list(af.map(af.integer)), { { z = "z" } }, "'x[1].z'")
  local wide = af.event("wide", { x = af.integer { min = 5 } { min = 0 } })
  af.expect(wide { x = 0 }.x == 0, "what is said again counts")
  for _, wrong in ipairs { { { min_length = -1 }, "'min_length' must be an integer >= 0" },
    { { max_length = 1.5 }, "'max_length' must be an integer >= 0" },
    { { pattern = 1 }, "'pattern' must be a string" } } do
    local fine, why = pcall(function() return af.string(wrong[1]) end)
    af.expect(not fine and why:find(wrong[2], 1, true), why)
  end
  af.expect(not pcall(function() return af.number { min = 0 / 0 } end))
  local fine, why = pcall(function() return af.id { max_length = 0 } end)
  af.expect(not fine and why:find("events.lua:%d+: af.string: the minimum 1 is above"), why)
end

local function check_building()
  check_narrowing()
  local e = Sync { aggregator = "n1", current_round = 11, participants = { "n2", "n3" } }
  af.expect(e.type == "sync" and Sync.TYPE == "sync" and Sync:is(e) and not All:is(e))
  af.expect(tostring(e) == 'sync{aggregator="n1", current_round=11, participants={"n2", "n3"}}')
  local float = Sync { aggregator = "a", current_round = 11.0, participants = {} }
  af.expect(math.type(float.current_round) == "integer")
  local a = All(all())
  af.expect(math.type(a.i) == "integer" and math.type(a.n) == "float")
  af.expect(a.def == 7 and a.opt == nil)
  refuses(Sync, { aggregator = "n1", current_round = "eleven", participants = {} },
    [[event 'sync': field 'current_round': expected an integer >= 0, got "eleven"]])
  refuses(Sync, { aggregator = "", current_round = 1, participants = {} }, "a non-empty string")
  refuses(Sync, { aggregator = "a", current_round = true, participants = {} }, "got true")
  refuses(Sync, { aggregator = "a", current_round = 1, participants = { "x", 5 } },
    "field 'participants[2]': expected a non-empty string, got 5")
  refuses(Sync, { aggregator = "a", current_round = 1, participants = {}, zork = 1 }, "'zork'")
  refuses(Sync, { aggregator = "a", participants = {} }, "got nothing")
  refuses(All, all { s = "abcd" }, "field 's'")
  refuses(All, all { s = "1" }, "field 's'")
  refuses(All, all { i = 6 }, "from -5 to 5")
  refuses(All, all { i = 1.5 }, "field 'i'")
  refuses(All, all { n = 0 / 0 }, "field 'n'")
  refuses(All, all { n = math.huge }, "field 'n'")
  refuses(All, all { b = 1 }, "a boolean")
  refuses(All, all { list = {} }, "field 'list'")
  refuses(All, all { list = { 1, 2, 3 } }, "field 'list'")
  refuses(All, all { map = { 1 } }, "field 'map'")
  refuses(All, all { rec = { x = 1, z = 2 } }, "'rec.z'")
  refuses(All, all { one = "c" }, [[one of "a", "b"]])
  refuses(All, all { any = print }, "field 'any'")
  refuses(All, all { s = "\xff" }, "UTF-8")
end

return af.flow {
  name = "events", mock = { node = 2 },
  roles = { node = { start = "s", states = {
    s = {
      enter = function(party)
        check_building()
        party:broadcast(All(all()))
      end,
      [All] = function(party, event)
        af.expect(event.raw == "\0\xff\1", "bytes")
        af.expect(math.type(event.n) == "float" and event.n == 1.0)
        af.expect(event.any[1] == 1 and event.any[2].x == af.null)
        af.expect(event.list[2] == 2 and event.map.k == 1)
        af.expect(event.rec.x == 1 and event.rec.y == nil)
        af.expect(event.def == 7 and event.opt == nil)
        af.expect(not pcall(function() event.s = "x" end))
        af.expect(not pcall(rawset, event, "s", "x"))
        local names = {}
        for name in pairs(event) do
          names[#names + 1] = name
        end
        af.expect(table.concat(names, ","):find("any,b,def,i,list", 1, true))
        party.data.kept = Sync { aggregator = "n", current_round = 1, participants = {} }
        party.data.twice = party.data.kept
        return "next"
      end,
    },
    next = {
      enter = function(party)
        af.expect(Sync:is(party.data.kept))
      end,
      after = { 1, function(party)
        af.expect(party.data.kept.type == "sync" and Sync:is(party.data.kept))
        af.expect(getmetatable(party.data.kept) == nil, "plain after the commit")
        af.expect(party.data.kept ~= party.data.twice, "no table is in it twice")
        party:broadcast(Sync(party.data.kept))
        return "last"
      end },
    },
    last = { [Sync] = function() return af.done() end },
  } } },
}
