-- What scripts may and may not see. Expected: exit 0.
local af = require "af"

local function refused(f, ...)
  local ok, message = pcall(f, ...)
  af.expect(not ok, "was not refused")
  return message
end

local function check_absent()
  for _, name in ipairs { "io", "os", "debug", "package", "load", "loadstring", "loadfile",
    "dofile", "collectgarbage", "warn" } do
    af.expect(rawget(_G, name) == nil, name)
    af.expect(refused(function() return _G[name] end):find("no global '" .. name .. "'", 1, true))
  end
  af.expect(string.dump == nil and getmetatable("") == false)
  refused(require, "io")
  refused(require, "af.flow")
  refused(require, "../x")
  refused(math.randomseed, 1)
  refused(next, { 1 }, 1)
  refused(setmetatable, {}, { __mode = "k" })
  refused(setmetatable, {}, { __gc = print })
  refused(setmetatable, string, {})
  refused(rawset, af, "x", 1)
  refused(rawset, string, "x", 1)
  refused(string.format, "%p", {})
  refused(function() af.x = 1 end)
  refused(function() af.TaskContractor.x = 1 end)
  refused(pairs, { [{}] = 1 })
  refused(pairs, { [print] = 1 })
end

local function keys(t)
  local list = {}
  for k in pairs(t) do
    list[#list + 1] = tostring(k)
  end
  return table.concat(list, " ")
end

local function check_order()
  local E, D = af.event("e", {}), af.event("d", {})
  local mixed = {
    b = 1, a = 1, [10] = 1, [2.5] = 1, [-1] = 1, [true] = 1, [false] = 1, [E] = 1, [D] = 1,
  }
  af.expect(keys(mixed)
    == "-1 2.5 10 a b false true event type d event type e")
  af.expect(keys { 1, 2, 3 } == "1 2 3" and keys {} == "")
  af.expect(next { z = 1, y = 2 } == "y" and next {} == nil)
  local t = { a = 1, b = 2, c = 3 }
  for k in pairs(t) do
    t[k] = nil
  end
  af.expect(next(t) == nil)
  local list = {}
  for i = 1, 200 do
    list[i] = { key = i % 7, at = i }
  end
  table.sort(list, function(x, y) return x.key < y.key end)
  for i = 2, 200 do
    af.expect(list[i - 1].key < list[i].key
      or (list[i - 1].key == list[i].key and list[i - 1].at < list[i].at), "stable")
  end
  local numbers = { 3, 1, 2 }
  table.sort(numbers)
  af.expect(table.concat(numbers) == "123")
end

local function check_text()
  local a, b = {}, {}
  af.expect(tostring(a) == "table: 1" and tostring(b) == "table: 2" and tostring(a) == "table: 1")
  af.expect(("%s %d %5.1f %q"):format(print, 5, 1.25, "x") == 'function: 3 5   1.2 "x"')
  af.expect(tostring(setmetatable({}, { __tostring = function() return "me" end })) == "me")
  af.expect(tostring(af.null) == "null" and tostring(1.0) == "1.0" and tostring(nil) == "nil")
  af.expect(not tostring(coroutine.create(print)):find("0x"))
end

local function check_coroutines()
  local co = coroutine.wrap(function(x)
    local y = coroutine.yield(x + 1)
    return y * 2
  end)
  af.expect(co(1) == 2 and co(5) == 10)
  local ok, message = pcall(coroutine.wrap(function() error("inside") end))
  af.expect(not ok and message:find("inside"))
  af.expect(select("#", xpcall(function() return 1, 2 end, print)) == 3)
  local _, handled = xpcall(function() error("x", 0) end, function(m) return m .. "!" end)
  af.expect(handled == "x!")
end

local function check_cjson()
  local cjson = require "cjson"
  af.expect(cjson == _G.cjson or cjson.encode ~= nil)
  af.expect(cjson.encode { b = 1, a = { 1, 2 } } == '{"a":[1,2],"b":1}')
  af.expect(cjson.decode('{"x":[1,2.5]}').x[2] == 2.5 and cjson.null == af.null)
end

return af.flow {
  name = "sandbox", mock = { node = 1 },
  roles = { node = { start = "s", states = { s = { enter = function(party)
    check_absent()
    check_text()
    check_coroutines()
    check_cjson()
    local x, y = math.random(), math.random(5)
    af.expect(x >= 0 and x < 1 and y >= 1 and y <= 5 and #af.uuid() == 36)
    af.expect(not pcall(math.random, 2, 1))
    af.expect(_VERSION == "Lua 5.4" and af.version)
    af.expect(af.is_mock_mode() and af.mock_node_id() == "node-1" and #af.mock_nodes() == 1)
    return "order"
  end }, order = { enter = function() return af.done() end } } } },
  invariants = { order = function()
    return true
  end },
  migrate = function(old) return old end,
}, check_order()
