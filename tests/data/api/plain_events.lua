--- An event of plain fields is kept as its JSON until somebody asks for one: nothing of it shows.

local af = require "af"

local Plain = af.event("plain", { s = af.string, l = af.list(af.integer), b = af.boolean })
local Named = af.event("named", { ["\xff"] = af.string }) -- no key of JSON

local function plain()
  return Plain { s = "x\"\\\n\u{e9}\0", l = { 1, 2, 3 }, b = true }
end

local function refused(fields, why)
  local ok, text = pcall(Plain, fields)
  assert(not ok and text:find(why, 1, true), text)
end

local function check()
  local event = plain()
  assert(event.s == "x\"\\\n\u{e9}\0" and event.b == true and event.type == "plain")
  assert(math.type(event.l[3]) == "integer" and #event.l == 3)
  assert(#Plain { s = "", l = {}, b = false }.l == 0)
  local keys = {}
  for key in pairs(plain()) do keys[#keys + 1] = key end
  assert(table.concat(keys, " ") == "b l s type")
  assert(next(plain()) == "b" and rawget(plain(), "s") == nil and #plain() == 0)
  assert(tostring(plain()):find("l={1, 2, 3}", 1, true) and Plain:is(plain()))
  assert(Plain(plain()).l[2] == 2)
  assert(not pcall(function() plain().s = "y" end))
  assert(Plain { s = "x", l = { 1.0 }, b = true, type = "plain" }.l[1] == 1)
  assert(Named { ["\xff"] = "y" }["\xff"] == "y")
  refused({ s = "x", l = { 1, x = 2 }, b = true }, "field 'l': expected a list")
  refused({ s = "x", l = { 1, "2" }, b = true }, "field 'l[2]': expected an integer")
  refused({ s = "x\xff", l = {}, b = true }, "field 's': expected a string")
  refused({ s = "x", l = {}, b = true, c = 1 }, "field 'c': is not declared")
  refused({ s = "x", l = setmetatable({ 1 }, { __len = 1 }) }, "field 'b'")
end

return af.flow {
  name = "plain_events",
  roles = {
    sender = {
      start = "sending",
      states = {
        sending = {
          enter = function(party)
            check()
            local changed = plain()
            changed.l[1] = 7 -- a list that was read is the event's own
            party:send("receiver-1", changed)
            party:send("receiver-1", plain())
            party.data.kept = plain()
            return af.done { kept = party.data.kept }
          end,
        },
      },
    },
    receiver = {
      data = function() return { sum = 0, count = 0 } end,
      start = "receiving",
      states = {
        receiving = {
          [Plain] = function(party, event)
            for _, number in ipairs(event.l) do party.data.sum = party.data.sum + number end
            party.data.count = party.data.count + 1
            if party.data.count == 2 then
              assert(party.data.sum == 7 + 2 + 3 + 6)
              return af.done()
            end
          end,
        },
      },
    },
  },
}
