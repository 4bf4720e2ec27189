-- LUA_PATH="scripts/?.lua;;" lua5.4 tests/lua/steps_test.lua
-- luacheck: globals TestSteps, no self

local lu = require "luaunit"
local steps = require "tool.steps"

local function lines_of(request)
  return steps.work(request).lines
end

TestSteps = {}

function TestSteps:test_records_are_told_in_words()
  lu.assertEquals(lines_of { records = {
    { kind = "send", party = "a", type = "ask", to = { "b", "c" },
      content = { type = "ask", n = 1 } },
    { kind = "deliver", party = "b", type = "ask", from = "a" },
    { kind = "timer", party = "b", timer = "after", due = 1500000000 },
    { kind = "state", party = "b", state = "asked", entered = true, through = { "x", "y" } },
    { kind = "cut", groups = { { "a", "b" }, { "c" } } },
    { kind = "new_kind", party = "b" },
  } }, {
    "  a sends ask to b, c { n = 1 }",
    "  b takes ask from a",
    "  b arms after, due at 1.5 s",
    "  b enters asked by x, y",
    "  the network is cut: a, b | c",
    "  b new_kind",
  })
end

function TestSteps:test_a_state_that_is_not_entered_is_not_told()
  lu.assertNil(lines_of { records = { { kind = "state", party = "b", state = "asked" } } })
end

function TestSteps:test_changes_have_their_paths()
  lu.assertEquals(lines_of { changes = {
    { party = "a", before = { n = 1 }, after = { n = 2 } },
    { party = "b", before = { list = { 1 } }, after = { list = { 1, 2 } } },
    { party = "c", before = { ["a-b"] = { x = true } }, after = { ["a-b"] = {} } },
    { party = "d", before = { same = { 1 } }, after = { same = { 1 } } },
  } }, {
    "    ~ a data.n: 1 → 2",
    "    + b data.list[2] = 2",
    '    - c data["a-b"].x, which was true',
  })
end

function TestSteps:test_texts_cannot_steer_a_terminal()
  lu.assertEquals(lines_of { show = 'a"\\\27[2J' }, { '  "a\\"\\\\\\x1b[2J"' })
  lu.assertEquals(lines_of { show = {} }, { "  {}" })
  lu.assertEquals(lines_of { show = { ["a b"] = { false } } }, { '  { ["a b"] = { false } }' })
end

os.exit(lu.LuaUnit.run())
