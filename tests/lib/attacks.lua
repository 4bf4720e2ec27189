-- The rows of a table of attacks (tests/data/attacks) as flows, and as lines:
--
--     lua5.4 attacks.lua TABLE FOLDER    a file each in FOLDER; prints name, node, outcome, the
--                                        victim's node or "-", and text, with tabs between them
local rows, folder = dofile(arg[1]), arg[2]

local template = [[
local af = require "af"
local Go = af.event("go", { n = af.optional(af.integer, 0) })
local Text = af.event("text", { text = af.string })
local function refused(f, ...)
  local ok, why = pcall(f, ...)
  return af.fail(ok and "it was not refused" or tostring(why))
end
local function again(party)
  party:send(party.id, Go {})
end
local named = {} -- deadlines
%s
return af.flow {
  name = "attack",
  roles = { attacker = { start = "s", states = { s = {
    enter = function(party)
      again(party, refused, Text)
    end,
    ignore = { Text }, timeout = named,
    [Go] = function(party, event, from)
%s
    end,
  } } } },
}
]]

local names = {}
for _, row in ipairs(rows) do
  assert(not names[row.name], row.name)
  names[row.name] = true
  assert((row.does == nil) ~= (row.file == nil), row.name)
  local file <close> = assert(io.open(("%s/%s.lua"):format(folder, row.name), "wb"))
  file:write(row.file or template:format(row.named or "", row.does))
  local node = (row.hang or row.victim) and "strict" or "patient"
  print(table.concat({ row.name, node, row.ends, row.victim and "patient" or "-", row.text }, "\t"))
end
