-- LUA_PATH="scripts/?.lua;;" lua5.4 tests/lua/sort_test.lua
-- luacheck: globals TestSort, no self

local lu = require "luaunit"
local sort = require "af.sort"

TestSort = {}

function TestSort:test_lists_of_each_length()
  for count = 0, 70 do
    local list, sorted = {}, {}
    for i = 1, count do list[i] = i * 37 % 71 end
    table.move(list, 1, count, 1, sorted)
    table.sort(sorted)
    sort(list)
    lu.assertEquals(list, sorted)
  end
end

function TestSort:test_ties_keep_their_order()
  local list = {}
  for i = 1, 100 do list[i] = { key = i % 3, place = i } end
  sort(list, function(a, b) return a.key < b.key end)
  for i = 2, 100 do
    lu.assertTrue(list[i - 1].key < list[i].key
      or list[i - 1].key == list[i].key and list[i - 1].place < list[i].place)
  end
end

function TestSort:test_downwards()
  local list = { 3, 1, 2, 5, 4 }
  sort(list, function(a, b) return a > b end)
  lu.assertEquals(list, { 5, 4, 3, 2, 1 })
end

function TestSort:test_an_error_leaves_the_table_alone()
  local list, count = { 4, 3, 2, 1 }, 0
  local ok = pcall(sort, list, function(a, b)
    count = count + 1
    return count == 3 and error "enough" or a < b
  end)
  lu.assertFalse(ok)
  lu.assertEquals(list, { 4, 3, 2, 1 })
end

function TestSort:test_a_relation_that_is_none_ends_all_the_same()
  local list = { 1, 2, 3, 4, 5, 6, 7 }
  sort(list, function() return true end)
  table.sort(list)
  lu.assertEquals(list, { 1, 2, 3, 4, 5, 6, 7 })
end

function TestSort:test_what_is_no_table_is_refused()
  lu.assertErrorMsgContains("table expected, got number", sort, 7)
end

os.exit(lu.LuaUnit.run())
