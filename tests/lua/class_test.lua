-- LUA_PATH="scripts/?.lua;;" lua5.4 tests/lua/class_test.lua
-- luacheck: globals TestClass, no self

local lu = require "luaunit"
local class = require "af.class"

TestClass = {}

function TestClass:test_an_object_shows_its_classes_fields()
  local Base = class.new { kind = "base", init = function(made, name) made.name = name end }
  local one, other = Base "a", Base "b"
  lu.assertEquals({ one.name, other.name, one.kind }, { "a", "b", "base" })
  one.kind = "own"
  lu.assertEquals(other.kind, "base")
end

function TestClass:test_what_extends_overrides_and_inherits()
  local Base = class.new { kind = "base", hello = function(made) return "I am " .. made.kind end }
  local Made = Base:extend { kind = "made" }
  lu.assertEquals(Made():hello(), "I am made")
  lu.assertEquals(Made:extend { kind = "third" }():hello(), "I am third")
  lu.assertEquals(Base():hello(), "I am base")
  lu.assertEquals(Base:extend()():hello(), "I am base")
end

function TestClass:test_the_fields_are_copied()
  local fields = { kind = "base" }
  local Base = class.new(fields)
  fields.kind = "changed"
  lu.assertEquals(Base().kind, "base")
end

function TestClass:test_an_extend_of_its_own_stays()
  local Base = class.new { extend = function() return "mine" end }
  lu.assertEquals(Base:extend {}, "mine")
end

function TestClass:test_metatables_are_hidden()
  local Base = class.new {}
  lu.assertEquals({ getmetatable(Base), getmetatable(Base()) }, { false, false })
  lu.assertErrorMsgContains("protected", setmetatable, Base, {})
end

function TestClass:test_what_is_no_table_extends_nothing()
  lu.assertErrorMsgContains("expected a table of fields", class.new({}).extend, nil, 7)
end

os.exit(lu.LuaUnit.run())
