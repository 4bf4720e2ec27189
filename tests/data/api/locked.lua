-- Nothing of the library that parties share can be written: every table that is reached from `af`,
-- the party's contractor and what they make is tried, by assignment, rawset and setmetatable.
-- Expected: exit 0.
local af = require "af"

local Go = af.event("go", { list = af.list(af.record { n = af.integer }) })

---Paths of the tables that could be written.
local function open_tables(roots)
  local seen, open = {}, {}
  local function visit(value, path, depth)
    if type(value) ~= "table" or seen[value] or depth > 9 then return end
    seen[value] = true
    local tries = { "=", "rawset", "setmetatable" }
    for i, try in ipairs { function() value.planted = 1 end,
      function() rawset(value, "planted", 1) end, function() setmetatable(value, {}) end } do
      if pcall(try) then open[#open + 1] = path .. " by " .. tries[i] end
    end
    local metatable = getmetatable(value)
    af.expect(type(metatable) ~= "table", path .. " shows its metatable")
    pcall(function()
      local iterate, walked = pairs(value)
      visit(walked, path .. " as pairs() gives it", depth)
      for key, inner in iterate, walked do
        visit(key, path .. "'s key", depth + 1)
        visit(inner, path .. "." .. tostring(key), depth + 1)
      end
    end)
  end
  for name, root in pairs(roots) do visit(root, name, 0) end
  return open
end

return af.flow {
  name = "locked", args = { deep = af.optional(af.any) }, mock = { a = 1 },
  roles = { a = { start = "s", states = { s = {
    enter = function(party) party:send(party.id, Go { list = { { n = 1 } } }) end,
    [Go] = function(party)
      local made = af.TaskMessageEventFactory:extend {}
      local open = open_tables {
        af = af, string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine,
        cjson = require "cjson", contractor = party.contractor, args = party.args,
        factory = party.contractor.event_factory, events = made.events,
        base = af.TaskMessageEventFactory.events, content = af.content "x",
        mark = af.content("x").mark, own = af.TaskMessageContractor.event_factory,
      }
      af.expect(open[1] == nil, table.concat(open, "; "))
      for name, object in pairs { factory = made, class = af.TaskContractor:extend {},
        contractor = af.TaskMessageContractor("t") } do
        af.expect(getmetatable(object) == false, name)
      end
      return af.done()
    end,
  } } } },
}
