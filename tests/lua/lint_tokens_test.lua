-- LUA_PATH="scripts/?.lua;;" lua5.4 tests/lua/lint_tokens_test.lua
-- luacheck: globals TestTokens, no self

local lu = require "luaunit"
local tokens = require "tool.lint_tokens"

---What the tokens are, in a word each: strings stand in quotes.
local function texts(text)
  local found = {}
  for i, token in ipairs(tokens.read(text)) do
    found[i] = token.kind == "string" and "'" .. token.text .. "'" or token.text
  end
  return table.concat(found, " ")
end

TestTokens = {}

function TestTokens:test_names_numbers_and_signs()
  lu.assertEquals(texts "a.b=1.5e3//c2..0x1F~=_d", "a . b = 1.5e3 // c2 .. 0x1F ~= _d")
  lu.assertEquals(texts "f(...)", "f ( ... )")
end

function TestTokens:test_strings_of_each_form()
  lu.assertEquals(texts [==[x = "a\"b" .. 'c"d' .. [[e]] .. [=[f]]g]=]]==],
    [==[x = 'a\"b' .. 'c"d' .. 'e' .. 'f]]g']==])
  lu.assertEquals(texts 'x = "never closed\ny', "x = 'never closed' y")
  lu.assertEquals(texts "x = [[never closed", "x = 'never closed'")
end

function TestTokens:test_comments_are_no_tokens()
  lu.assertEquals(texts "a -- b\nc --[[ d\ne ]] f --[==[ ]] ]==] g --h", "a c f g")
end

function TestTokens:test_lines_are_counted_through_all_that_spans_them()
  local list = tokens.read 'a\n\n"b" [[\n\n]] c --[[\n]] d'
  local lines = {}
  for i, token in ipairs(list) do lines[i] = token.line end
  lu.assertEquals(lines, { 1, 3, 3, 5, 6 })
end

function TestTokens:test_comments_allow_findings()
  local list = tokens.read("a -- lint: allow growth, endless-wait\n"
    .. "b --[[ lint:  allow secret ]]\n-- allow sum")
  lu.assertEquals(list.allowed, { { line = 1, name = "growth" },
    { line = 1, name = "endless-wait" }, { line = 2, name = "secret" } })
end

function TestTokens:test_brackets_and_blocks_know_their_ends()
  local list = tokens.read "function f(a) if a then g{1} end end h()"
  lu.assertEquals(list[1].close, 14) -- the last end
  lu.assertEquals(list[3].close, 5)
  lu.assertEquals(list[6].close, 13)
  lu.assertEquals(list[10].close, 12)
  lu.assertEquals(list[12].open, 10)
  lu.assertEquals(list[11].inside, 10)
  lu.assertNil(list[15].inside)
end

function TestTokens:test_what_is_not_closed_closes_nowhere()
  local list = tokens.read "f(a } 'end'"
  lu.assertEquals(list[2].close, 4) -- whatever closes: it is no check
  lu.assertNil(tokens.read("if a then")[1].close)
  lu.assertNil(tokens.read("end end")[2].open)
end

function TestTokens:test_a_sequence_is_found_where_it_stands()
  local list = tokens.read "party.data.x = 'party'"
  lu.assertTrue(tokens.are(list, 1, "party", ".", "data"))
  lu.assertFalse(tokens.are(list, 2, "party"))
  lu.assertFalse(tokens.are(list, 7, "party")) -- a string is no name
  lu.assertFalse(tokens.are(list, 7, "party", "more"))
  lu.assertFalse(tokens.are(list, 0, "party"))
end

os.exit(lu.LuaUnit.run())
