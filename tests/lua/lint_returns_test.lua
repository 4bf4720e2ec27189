-- LUA_PATH="scripts/?.lua;;" lua5.4 tests/lua/lint_returns_test.lua
-- luacheck: globals TestFunctions TestLead, no self

local lu = require "luaunit"
local read = require "tool.lint_tokens"
local returns = require "tool.lint_returns"

TestFunctions = {}

function TestFunctions:test_each_form_has_its_name()
  local list = read.read [[function f(a, b) end local g = function() end t.h = function(x) end
    [E] = function() end]]
  local found = {}
  for i, fn in ipairs(returns.functions(list)) do
    found[i] = { fn.name or "-", fn.key or "-", #fn.params, fn.line }
  end
  lu.assertEquals(found,
    { { "f", "-", 2, 1 }, { "g", "g", 0, 1 }, { "-", "h", 1, 1 }, { "-", "]", 0, 2 } })
end

function TestFunctions:test_what_an_inner_function_returns_is_its_own()
  local list = read.read "function f() g(function() return 1 end) return 2, h(3) end"
  local functions = returns.functions(list)
  local function text(fn)
    local words = {}
    for _, one in ipairs(returns.of(list, fn)) do
      for k = one.from, one.to do words[#words + 1] = list[k].text end
    end
    return table.concat(words, " ")
  end
  lu.assertEquals(text(functions[1]), "2 , h ( 3 )")
  lu.assertEquals(text(functions[2]), "1")
end

TestLead = {}

---Where function f of a text may lead, in the order of the text.
local function leads(text)
  local list, found = read.read(text), {}
  returns.lead({ list = list, functions = returns.functions(list) },
    function(fn) return fn.name == "f" end,
    function(name, outcome) found[#found + 1] = name or outcome end, {})
  return table.concat(found, " ")
end

function TestLead:test_names_behind_and_and_or()
  lu.assertEquals(leads "function f() return 'a' end", "a")
  lu.assertEquals(leads [[function f(x)
    if x then return x > 1 and 'a' or 'b' else return 'c' end
  end]], "a b c")
  lu.assertEquals(leads "function f(x) return x == 'no state' end", "")
  lu.assertEquals(leads "function f() return g('no state') end", "")
end

function TestLead:test_ends_and_the_same_state_again()
  lu.assertEquals(leads [[function f(x)
    if x then return af.done(1) end
    return party.state
  end]], "done again")
  lu.assertEquals(leads "function f() return af.fail 'why' end", "failed")
  lu.assertEquals(leads "function f() return af.done end", "")
end

function TestLead:test_a_state_of_a_part()
  lu.assertEquals(leads "function f(x) return at.state(x and 'a' or 'b') end", "a b")
  lu.assertEquals(leads "function f() return at.done { 1 } end", "done")
end

function TestLead:test_functions_that_are_called_are_followed_once()
  lu.assertEquals(leads "function g() return 'a' end function f() return g() end", "a")
  lu.assertEquals(leads "function f() return f() or 'a' end", "a")
  lu.assertEquals(leads "function f() return elsewhere() end", "")
end

os.exit(lu.LuaUnit.run())
