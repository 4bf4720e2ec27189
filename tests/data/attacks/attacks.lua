-- What a hostile flow could try against the node that runs it, for tests/e2e/attacks.sh: a row each
--
--   name   of the task and of the flow's file
--   does   the body of a handler (party, event, from); `refused(f, …)` fails the party with what f
--          raised, `again(party)` has the handler run again
--   file   … or a whole file
--   ends   "held", "failed", "done"; "stopped": it goes on for ever, until its operator stops it;
--          "refused": it cannot be launched
--   text   what is told of that, somewhere
--   hang   it stands in one C function for ever: it runs where a worker may be at one step for 1 s
--   victim a party of the task's other node, of the file's role "victim", which must end as done

local instructions = "ran for more than 100,000,000 instructions without an end"
local memory = "used more than 64 MiB of memory in one step"
local hung = "hung for 1 s"

local function flow_of(text)
  return ([[
local af = require "af"
local Go = af.event("go", { from = af.optional(af.id), n = af.optional(af.integer, 0) })
%s]]):format(text)
end

return {
  -- Bytecode, and what could make it.
  { name = "load", ends = "failed", text = "there is no global 'load'",
    does = [[return refused(function() return load("\27Lua\x54\0")() end)]] },
  { name = "loadstring", ends = "failed", text = "global 'loadstring'",
    does = [[return refused(function() return loadstring("return 1")() end)]] },
  { name = "dump", ends = "failed", text = "attempt to call a nil value (field 'dump')",
    does = [[return refused(function() return string.dump(function() end) end)]] },
  { name = "dump_by_method", ends = "failed", text = "method 'dump'",
    does = [[return refused(function() return (""):dump() end)]] },
  { name = "bytecode_file", ends = "refused", text = "bytecode", file = "\27Lua\x54\0\x19\x93" },
  { name = "require_bytecode", ends = "failed", text = "module",
    does = [[return refused(require, "\27Lua")]] },

  -- Metatables.
  { name = "string_metatable", ends = "failed", text = "attempt to index a boolean value",
    does = [[return refused(function() getmetatable("").__index = {} end)]] },
  { name = "string_metatable_set", ends = "failed", text = "table expected, got string",
    does = [[return refused(setmetatable, "", { __index = {} })]] },
  { name = "gc", ends = "failed", text = "'__gc' is refused",
    does = [[return refused(setmetatable, {}, { __gc = function() while true do end end })]] },
  { name = "gc_later", ends = "failed", text = "no finalizer ran",
    does = [[
      for _ = 1, 1000 do
        local mt = {}
        setmetatable({}, mt)
        mt.__gc = function() while true do end end
      end
      for i = 1, 1e6 do local _ = { i } end
      return af.fail "no finalizer ran"]] },
  { name = "mode", ends = "failed", text = "'__mode' is refused",
    does = [[return refused(setmetatable, {}, { __mode = "k" })]] },
  { name = "shared_metatables", ends = "failed", text = "all are protected",
    does = [[
      local all = { string, table, math, utf8, coroutine, cjson, af, af.event, af.PartyFailed,
        party, party.args, event, party.contractor, af.TaskMessageContractor }
      for i, shared in pairs(all) do
        if type(shared) == "table" and pcall(setmetatable, shared, {}) then
          return af.fail("changed number " .. i)
        end
      end
      return af.fail "all are protected"]] },
  { name = "rawset_on_proxies", ends = "failed", text = "all are read-only",
    does = [[
      for i, shared in ipairs { string, math, table, af, party.args, event, party.contractor } do
        if pcall(rawset, shared, "rep", print) or pcall(function() shared.rep = print end) then
          return af.fail("changed number " .. i)
        end
      end
      local ok = pcall(rawset, party, "id", "another")
      return af.fail(ok and party.id == "another" and "another id" or "all are read-only")]] },
  { name = "close_for_ever", ends = "held", text = instructions,
    does = [[local x <close> = setmetatable({}, { __close = function() while true do end end })]] },
  { name = "close_after_error", ends = "held", text = instructions,
    does = [[
      local mt = { __close = function() while true do pcall(error) end end }
      while true do
        pcall(function() local x <close> = setmetatable({}, mt) error "once more" end)
      end]] },
  { name = "close_nested", ends = "held", text = "down",
    does = [[
      local mt = {}
      local function down() local x <close> = setmetatable({}, mt) error "down" end
      mt.__close = down
      down()]] },
  { name = "index_for_ever", ends = "held", text = "'__index' chain too long",
    does = [[
      local t = {}
      setmetatable(t, { __index = t })
      return t.x]] },
  { name = "index_by_recursion", ends = "held", text = "overflow",
    does = [[return setmetatable({}, { __index = function(t, k) return t[k .. "x"] end }).x]] },
  { name = "eq_and_lt", ends = "held", text = instructions,
    does = [[
      local mt = { __eq = function() while true do end end }
      return setmetatable({}, mt) == setmetatable({}, mt)]] },
  { name = "pairs_for_ever", ends = "held", text = instructions,
    does = [[
      local t = setmetatable({}, { __pairs = function() return function() return 1 end end })
      for _ in pairs(t) do end]] },

  -- Coroutines.
  { name = "wrap_in_pcall", ends = "held", text = instructions,
    does = [[
      while true do
        pcall(coroutine.wrap(function() while true do pcall(function() end) end end))
      end]] },
  { name = "resume_around_the_cap", ends = "held", text = instructions,
    does = [[
      while true do
        coroutine.resume(coroutine.create(function() while true do end end))
      end]] },
  { name = "fresh_coroutines", ends = "held", text = instructions,
    does = [[
      local function spin() for _ = 1, 900 do end end
      while true do coroutine.wrap(spin)() end]] },
  { name = "yield_to_the_host", ends = "held", text = "coroutine.yield() outside of a coroutine",
    does = [[coroutine.yield("anything")]] },
  { name = "yield_across_c", ends = "held", text = "attempt to yield across a C-call boundary",
    does = [[("x"):gsub(".", coroutine.yield)]] },
  { name = "close_itself", ends = "failed", text = "cannot close a running coroutine",
    does = [[return refused(coroutine.close, (coroutine.running()))]] },
  { name = "resume_itself", ends = "failed", text = "cannot resume non-suspended coroutine",
    does = [[
      local _, why = coroutine.resume((coroutine.running()))
      return af.fail(why)]] },
  { name = "resume_the_dead", ends = "failed", text = "cannot resume dead coroutine",
    does = [[
      local co = coroutine.create(function() error "dead" end)
      coroutine.resume(co)
      local _, why = coroutine.resume(co)
      return af.fail(why)]] },
  { name = "coroutines_in_coroutines", ends = "held", text = "C stack overflow",
    does = [[
      local function down() return coroutine.wrap(down)() end
      down()]] },
  { name = "million_coroutines", ends = "held", text = memory,
    does = [[
      local all = {}
      for i = 1, 1e6 do all[i] = coroutine.create(print) end]] },
  { name = "wait_in_a_coroutine", ends = "failed", text = "cannot wait here",
    does = [[return af.fail(select(2, coroutine.resume(coroutine.create(function()
      return af.download("http://127.0.0.1:1/x")
    end))))]] },
  { name = "wait_in_gsub", ends = "failed", text = "cannot wait here",
    does = [[return refused(string.gsub, "x", ".", function() af.download "http://[::1]/" end)]] },

  -- Patterns.
  { name = "find_blow_up", ends = "held", text = instructions,
    does = [[return ("x"):rep(1000):find((".-"):rep(20) .. "y")]] },
  { name = "gsub_blow_up", ends = "held", text = instructions,
    does = [[return ("a"):rep(3000):gsub(("a*"):rep(12) .. "b", "")]] },
  { name = "gmatch_blow_up", ends = "held", text = instructions,
    does = [[for _ in ("x"):rep(2000):gmatch(("x-"):rep(20) .. "y") do end]] },
  { name = "balance_blow_up", ends = "held", text = instructions,
    does = [[return ("("):rep(1000000):find("%b()")]] },
  { name = "frontier_blow_up", ends = "held", text = instructions,
    does = [[return ("a "):rep(100000):find(("%f[%w].-"):rep(10) .. "!")]] },
  { name = "pattern_in_pcall", ends = "held", text = instructions,
    does = [[while true do pcall(string.find, ("x"):rep(1000), (".-"):rep(20) .. "y") end]] },
  { name = "pattern_too_complex", ends = "held", text = instructions,
    does = [[return refused(string.find, ("a"):rep(1000), ("a?"):rep(1000) .. "b")]] },
  { name = "too_many_captures", ends = "failed", text = "too many captures",
    does = [[return refused(string.find, "x", ("()"):rep(1000))]] },

  -- Large strings, and loops inside of C functions.
  { name = "rep", ends = "held", text = memory, does = [[return #("x"):rep(1 << 30)]] },
  { name = "rep_overflow", ends = "failed", text = "resulting string too large",
    does = [[return refused(string.rep, "xx", math.maxinteger)]] },
  { name = "doubling", ends = "held", text = memory,
    does = [[
      local s = "x"
      while true do s = s .. s end]] },
  { name = "doubling_in_pcall", ends = "held", text = memory,
    does = [[
      local s = "x"
      while true do pcall(function() s = s .. s end) end]] },
  { name = "gsub_grows", ends = "held", text = memory,
    does = [[return ("x"):rep(1e6):gsub(".", ("y"):rep(1e6))]] },
  { name = "concat_without_end", ends = "held", text = instructions,
    does = [[return table.concat(setmetatable({}, { __index = rawlen }), "", 1, 1 << 53)]] },
  { name = "format_width", ends = "failed", text = "invalid conversion",
    does = [[return refused(string.format, "%999999999d", 1)]] },
  { name = "format_much", ends = "held", text = memory,
    does = [[
      local s = ("x"):rep(1 << 20)
      local all = setmetatable({}, { __index = function() return s end })
      return (("%s"):rep(200)):format(table.unpack(all, 1, 200))]] },
  { name = "byte_slice", ends = "failed", text = "string slice too long",
    does = [[return refused(string.byte, ("x"):rep(1 << 24), 1, -1)]] },
  { name = "pack_padding", ends = "held", text = memory,
    does = [[return string.pack("c1000000000", "x")]] },
  { name = "pack_sizes", ends = "failed", text = "all refused",
    does = [[
      for _, try in ipairs { { "i17", 1 }, { "!32", 1 }, { "c", "x" }, { "s1", ("x"):rep(300) } } do
        if pcall(string.pack, table.unpack(try)) then return af.fail(try[1]) end
      end
      for _, try in ipairs { { "s8", ("\255"):rep(8) }, { "i16", ("\255"):rep(15) .. "\1" },
        { "z", "no end" } } do
        if pcall(string.unpack, table.unpack(try)) then return af.fail(try[1]) end
      end
      if pcall(string.packsize, ("c2147483647"):rep(2)) then return af.fail "packsize" end
      return af.fail "all refused"]] },
  { name = "unpack_range", ends = "failed", text = "too many results to unpack",
    does = [[return refused(table.unpack, {}, 1, 1e8)]] },
  { name = "unpack_overflow", ends = "failed", text = "too many results to unpack",
    does = [[return refused(table.unpack, {}, math.mininteger, math.maxinteger)]] },
  { name = "move_range", ends = "held", text = instructions,
    does = [[return refused(table.move, {}, math.mininteger, math.maxinteger, 1)]] },
  { name = "move_without_end", ends = "held", text = instructions,
    does = [[
      local t = setmetatable({}, { __index = rawlen, __newindex = rawequal })
      return table.move(t, 1, 1 << 53, 2)]] },
  { name = "insert_without_end", ends = "held", text = instructions,
    does = [[
      local mt = { __index = rawlen, __newindex = rawequal, __len = function() return 1 << 53 end }
      return table.insert(setmetatable({}, mt), 1, 1)]] },
  { name = "rep_of_nothing", ends = "failed", text = "nothing",
    does = [[return af.fail("nothing" .. (""):rep(math.maxinteger))]] },
  { name = "remove_without_end", ends = "held", text = instructions,
    does = [[
      local asked = 0
      local mt = { __index = rawlen, __newindex = rawequal, __len = function()
        asked = asked + 1
        return asked == 1 and 1 or 1 << 53
      end }
      local t = setmetatable({}, mt)
      while true do table.remove(t, 1) end]] },
  { name = "reads_without_end", ends = "held", text = instructions,
    does = [[
      local s = ("1"):rep(1 << 20)
      while true do utf8.len(s) tonumber(s) s:find("2", 1, true) pcall(cjson.decode, s) end]] },
  { name = "walks_without_end", ends = "held", text = instructions,
    does = [[
      local t = {}
      for i = 1, 1e5 do t["k" .. i] = i end
      while true do pairs(t) next(t) table.unpack(t, 1, 1e5) cjson.encode(t) end]] },
  { name = "compares_without_end", ends = "held", hang = true, text = hung,
    does = [[
      local a, b = ("x"):rep(10 << 20), ("x"):rep(10 << 20)
      while true do if a ~= b then return end end]] },
  { name = "utf8_ranges", ends = "failed", text = "all refused",
    does = [[
      for _, try in ipairs { { utf8.char, math.maxinteger }, { utf8.char, -1 },
        { utf8.codepoint, ("x"):rep(1 << 24), 1, -1 }, { utf8.codepoint, "x", 1, math.maxinteger },
        { utf8.len, "x", math.maxinteger }, { utf8.offset, "x", 1, math.mininteger } } do
        if pcall(table.unpack(try)) then return af.fail "one was not" end
      end
      utf8.offset("x", math.maxinteger)
      utf8.offset("x", math.mininteger)
      return af.fail "all refused"]] },

  -- Recursion, Lua's and C's.
  { name = "recursion", ends = "held", text = memory,
    does = [[
      local function down() return 1 + down() end
      down()]] },
  { name = "tail_calls", ends = "held", text = instructions,
    does = [[
      local function on() return on() end
      on()]] },
  { name = "gsub_recursion", ends = "held", text = "C stack overflow",
    does = [[
      local function down() return (("x"):gsub("x", down)) end
      down()]] },
  { name = "sort_recursion", ends = "held", text = "overflow",
    does = [[
      local function less(a, b) table.sort({ 1, 2, 3 }, less) return a < b end
      table.sort({ 3, 2, 1 }, less)]] },
  { name = "sort_without_order", ends = "failed", text = "it ended",
    does = [[
      local t = {}
      for i = 1, 10000 do t[i] = i % 10 end
      table.sort(t, function() return true end)
      table.sort(t, function() return math.random(2) == 1 end)
      return af.fail "it ended"]] },
  { name = "tostring_recursion", ends = "held", text = "overflow",
    does = [[
      local t = {}
      setmetatable(t, { __tostring = function() return tostring(t) end })
      return tostring(t)]] },
  { name = "pcall_recursion", ends = "held", hang = true, text = hung,
    does = [[
      local function down() pcall(down) pcall(down) end
      down()]] },
  { name = "pcall_of_pcall", ends = "failed", text = "overflow",
    does = [[
      local all = {}
      for i = 1, 250 do all[i] = pcall end
      local result = { pcall(table.unpack(all)) }
      return af.fail("stack overflow or " .. tostring(result[1]))]] },
  { name = "concat_metamethods", ends = "held", text = "overflow",
    does = [[
      local t = {}
      setmetatable(t, { __concat = function(a, b) return a .. b end })
      return t .. t]] },

  -- Errors that are more than a text.
  { name = "error_table", ends = "held", text = "the error is a table, not a text",
    does = [[error(setmetatable({}, { __tostring = function() error "in __tostring" end }))]] },
  { name = "error_loops_in_tostring", ends = "held", text = "the error is a table, not a text",
    does = [[error(setmetatable({}, { __tostring = function() while true do end end }))]] },
  { name = "error_of_megabytes", ends = "held", text = "xxxxxxxx",
    does = [[error(("x"):rep(20 << 20))]] },
  { name = "error_no_utf8", ends = "held", text = "bad ? bytes",
    does = [[error("bad \xFF bytes \0 and \27[31m more")]] },
  { name = "handler_loops", ends = "held", text = instructions,
    does = [[
      local function spin() while true do end end
      xpcall(spin, spin)]] },
  { name = "handler_raises", ends = "failed", text = "handler",
    does = [[
      local function handler() error "in the handler" end
      local ok, why = xpcall(error, handler, "x")
      return af.fail("handler: " .. tostring(ok) .. tostring(why))]] },
  { name = "pcall_around_the_cap", ends = "held", text = instructions,
    does = [[while true do pcall(function() while true do end end) end]] },
  { name = "xpcall_around_the_cap", ends = "held", text = instructions,
    does = [[
      local function spin() while true do end end
      while true do xpcall(spin, function(why) return why end) end]] },
  { name = "memory_in_pcall", ends = "held", text = memory,
    does = [[
      local t = {}
      while true do pcall(function() for i = 1, 1e6 do t[#t + 1] = { i } end end) end]] },

  -- The environment.
  { name = "globals", ends = "failed", text = "found: none",
    does = [[
      local found = ""
      for _, name in ipairs { "io", "os", "debug", "package", "load", "loadstring", "loadfile",
        "dofile", "collectgarbage", "module", "newproxy", "setfenv", "getfenv", "jit", "ffi",
        "warn", "host", "arg" } do
        if pcall(function() return _G[name] end) or pcall(function() return _ENV[name] end)
          or rawget(_G, name) ~= nil then
          found = found .. " " .. name
        end
      end
      return af.fail("found: " .. (found == "" and "none" or found))]] },
  { name = "environment_walk", ends = "failed", text = "walked; found: none",
    does = [[
      local seen, found = {}, ""
      local function walk(value, depth)
        if type(value) ~= "table" or seen[value] or depth > 6 then return end
        seen[value] = true
        walk(getmetatable(value), depth + 1)
        pcall(function()
          for key, inner in pairs(value) do
            if key == "loaded" or key == "_LOADED" or key == "popen" or key == "execute"
              or key == "getinfo" or key == "dump" or key == "host" then
              found = found .. " " .. key
            end
            walk(inner, depth + 1)
          end
        end)
      end
      walk(_G, 0) walk(_ENV, 0) walk(party, 0) walk(event, 0) walk(af, 0)
      return af.fail("walked; found: " .. (found == "" and "none" or found))]] },
  { name = "require_outside", ends = "failed", text = "all refused",
    does = [[
      for _, name in ipairs { "../x", "/etc/passwd", "..x", "...x", "x/../../y", "os", "io",
        "debug", "package", "af.flow", "af.party", "cjson.safe", "x.lua", "x\0y", "", ".", "/",
        "\\" } do
        if pcall(require, name) then return af.fail(name) end
      end
      return af.fail "all refused"]] },
  { name = "collectgarbage", ends = "failed", text = "global 'collectgarbage'",
    does = [[return refused(function() collectgarbage("stop") end)]] },
  { name = "global_environment", ends = "held", text = "would be lost in a crash",
    does = [[
      _ENV = setmetatable({}, { __index = function() return print end })
      x = 1]] },
  { name = "addresses", ends = "failed", text = "would show an address",
    does = [[return refused(string.format, "%-5p", {})]] },

  -- Memory and instructions.
  { name = "endless", ends = "held", text = instructions, does = [[while true do end]] },
  { name = "small_tables", ends = "held", text = memory,
    does = [[
      local t = {}
      for i = 1, math.maxinteger do t[i] = { i } end]] },
  { name = "memory_kept_by_a_coroutine", ends = "held", text = "memory",
    file = flow_of [[
local keep = coroutine.wrap(function()
  local all = {}
  while true do all[#all + 1] = coroutine.yield() end
end)
keep()
return af.flow { name = "x", roles = { attacker = { start = "s", states = { s = {
  enter = function(party) party:send(party.id, Go {}) end,
  [Go] = function(party, event)
    keep(("x"):rep((50 << 20) + event.n))
    party:send(party.id, Go { n = event.n + 1 })
  end } } } } }]] },
  { name = "loop_to_the_last_integer", ends = "failed", text = "it ended",
    does = [[
      for _ = math.maxinteger - 10, math.maxinteger do end
      for _ = math.mininteger + 10, math.mininteger, -1 do end
      return af.fail "it ended"]] },
  { name = "loop_to_infinity", ends = "held", text = instructions,
    does = [[for _ = 1, math.huge do end]] },
  { name = "loop_without_a_step", ends = "held", text = "'for' step is zero",
    does = [[for _ = 1, 2, 0 do end]] },

  -- Other parties.
  { name = "forged_failure", ends = "done", text = "", victim = true,
    file = flow_of [[
return af.flow { name = "x", roles = {
  attacker = { start = "s", states = { s = { enter = function(party)
    party:send("patient", af.PartyFailed { peer_id = "patient", reason = "I am you" })
    party:send("patient", af.PartyFailed { peer_id = "third", reason = "I am the third" })
    party:send("patient", Go { from = "third" })
    return af.done()
  end } } },
  victim = { start = "s", states = { s = {
    [af.PartyFailed] = function(_, event) return af.fail("believed " .. event.peer_id) end,
    [Go] = function(_, event, from)
      af.expect(from == "strict", "the sender is " .. tostring(from))
      return af.done()
    end } } },
  third = { start = "s", states = { s = { may_end = true } } } } }]] },
  { name = "send_out_of_the_task", ends = "failed", text = "strict",
    does = [[return refused(party.send, party, "strict", Go {})]] },
  { name = "send_to_nobody", ends = "failed", text = "all refused",
    does = [[
      for _, target in ipairs { "", "nobody", "**", "\0", ("x"):rep(1e6), 5, {}, { {} }, print } do
        if type(target) ~= "table" and pcall(party.send, party, target, Go {}) then
          return af.fail("one was not: " .. tostring(target):sub(1, 50))
        end
      end
      return af.fail "all refused"]] },
  { name = "another_contractor", ends = "held", text = "contractor",
    does = [[
      local contractor = af.TaskMessageContractor("innocents")
      contractor:new_contract("patient", af.PartyFailed { peer_id = "patient", reason = "no" })
      error "a contractor of another task was had"]] },
  { name = "many_sends", ends = "held", text = "a step sends at most 100,000 contracts",
    does = [[
      local go = Go {}
      for _ = 1, 200000 do party:send(party.id, go) end]] },
  { name = "huge_event", ends = "held", text = "larger than 12 MiB",
    does = [[party:send(party.id, Text { text = ("x"):rep(17 << 20) })]] },
  { name = "event_beyond_the_bus", ends = "held", text = "larger than 12 MiB",
    does = [[party:send(party.id, Text { text = ("x"):rep(13 << 20) })]] },
  { name = "many_large_events", ends = "held", text = "64 MiB",
    does = [[
      local large = Text { text = ("x"):rep(8 << 20) }
      for _ = 1, 20 do party:send(party.id, large) end]] },
  { name = "sends_to_itself_for_ever", ends = "stopped", text = "stopped by its operator",
    does = [[
      party.data.n = (party.data.n or 0) + 1
      again(party)]] },
  { name = "sends_more_and_more", ends = "stopped", text = "stopped by its operator",
    does = [[
      again(party)
      again(party)]] },

  { name = "sends_more_than_the_bus_takes", ends = "stopped", text = "stopped by its operator",
    file = flow_of [[
local Text = af.event("text", { text = af.string })
return af.flow { name = "x", roles = { attacker = { start = "s", states = { s = {
  ignore = { Text }, after = { 0, "s" },
  enter = function(party)
    for _ = 1, 5 do party:send(party.id, Text { text = ("x"):rep(10 << 20) }) end
  end } } } } }]] },

  -- Data.
  { name = "deep_data", ends = "held", text = "levels",
    does = [[
      local t = party.data
      for _ = 1, 100000 do
        t.x = {}
        t = t.x
      end]] },
  { name = "deep_json_text", ends = "failed", text = "nested",
    does = [[return refused(cjson.decode, ("["):rep(1e6))]] },
  { name = "deep_json_encode", ends = "failed", text = "levels",
    does = [[
      local t = {}
      for _ = 1, 100000 do t = { t } end
      return refused(cjson.encode, t)]] },
  { name = "data_in_a_circle", ends = "held", text = "data",
    does = [[party.data.self = party.data]] },
  { name = "large_data", ends = "held", text = "16 MiB",
    does = [[party.data.x = ("x"):rep(20 << 20)]] },
  { name = "large_result", ends = "held", text = "16 MiB",
    does = [[return af.done(("x"):rep(20 << 20))]] },
  { name = "large_reason", ends = "failed", text = "yyyyyyyy",
    does = [[return af.fail(("y"):rep(20 << 20))]] },
  { name = "reason_that_draws", ends = "failed", text = "red",
    does = [[return af.fail("\27[31mred\27[0m\r\n\7 and \xC0\x80")]] },

  -- Logs.
  { name = "long_line", ends = "failed", text = "logged",
    does = [[
      party:log(("x"):rep(30 << 20))
      return af.fail "logged"]] },
  { name = "many_lines", ends = "held", text = "a step logs at most 100,000 lines",
    does = [[for i = 1, 200000 do print(i) end]] },
  { name = "lines_for_ever", ends = "stopped", text = "stopped by its operator",
    does = [[
      for i = 1, 20000 do print(i) end
      again(party)]] },

  -- Time.
  { name = "no_times", ends = "failed", text = "all refused",
    named = [[named.x = "s"]],
    does = [[
      for _, seconds in ipairs { -1, 0 / 0, math.huge, -math.huge, 1e300, math.mininteger, "x" } do
        if pcall(party.deadline, party, "x", seconds) then
          return af.fail("one was not: " .. tostring(seconds))
        end
      end
      return af.fail "all refused"]] },
  { name = "after_nan", ends = "held", text = "after: expected 0 to 31536000 seconds",
    file = flow_of [[
return af.flow { name = "x", roles = { attacker = { start = "s", states = { s = {
  after = { function() return 0 / 0 end, "s" } } } } } }]] },
  { name = "after_negative", ends = "refused", text = "0 to 31536000 seconds",
    file = flow_of [[
return af.flow { name = "x", roles = { attacker = { start = "s", states = { s = {
  after = { -1, "s" } } } } } }]] },
  { name = "after_0_for_ever", ends = "stopped", text = "stopped by its operator",
    file = flow_of [[
return af.flow { name = "x", roles = { attacker = { start = "s", states = { s = {
  after = { 0, "s" } } } } } }]] },
  { name = "deadlines_0_for_ever", ends = "stopped", text = "stopped by its operator",
    file = flow_of [[
return af.flow { name = "x", roles = { attacker = { start = "s", states = { s = {
  enter = function(party) party:deadline("x", 0) end, timeout = { x = "s" } } } } } }]] },
  { name = "many_deadlines", ends = "held", text = "a step sets at most 10,000 deadlines",
    named = [[for i = 1, 10000 do named["x" .. i] = "s" end]],
    does = [[for i = 1, 20000 do party:deadline("x" .. (i % 10000 + 1), 1000) end]] },
  { name = "deadlines_without_end", ends = "failed",
    text = "more than 10,000 deadlines are armed",
    file = flow_of [[
local named = { {}, {} }
for n = 1, 2 do for i = 1, 9000 do named[n][n .. "." .. i] = "t" end end
return af.flow { name = "x", roles = { attacker = { start = "s", states = {
  s = { timeout = named[1], enter = function(party)
    for i = 1, 9000 do party:deadline("1." .. i, 1000) end
    return "t"
  end },
  t = { timeout = named[2], after = { 0, function(party)
    for i = 1, 9000 do party:deadline("2." .. i, 1000) end
  end } } } } } }]] },
  { name = "deadlines_set_again", ends = "stopped", text = "stopped by its operator",
    named = [[for i = 1, 9000 do named["x" .. i] = "s" end]],
    does = [[
      for i = 1, 9000 do party:deadline("x" .. i, 1000) end
      again(party)]] },
  { name = "deadlines_that_fire", ends = "stopped", text = "stopped by its operator",
    named = [[for i = 1, 9000 do named["x" .. i] = "s" end]],
    does = [[for i = 1, 9000 do party:deadline("x" .. i, 0) end]] },
  { name = "long_deadline_name", ends = "held", text = "a deadline's name",
    does = [[party:deadline(("x"):rep(1 << 20), 1)]] },
  { name = "enter_for_ever", ends = "held", text = "more than 100 states were entered in a row",
    file = flow_of [[
return af.flow { name = "x", roles = { attacker = { start = "a", states = {
  a = { enter = function() return "b" end }, b = { enter = function() return "a" end } } } } }]] },

  -- What a file describes.
  { name = "long_state_name", ends = "refused", text = "1024 bytes",
    file = flow_of [[
local long = ("x"):rep(100000)
return af.flow { name = "x", roles = { attacker = { start = long, states = { [long] = {
  may_end = true } } } } }]] },
  { name = "odd_state_name", ends = "refused", text = "control characters",
    file = flow_of [[
return af.flow { name = "x", roles = { attacker = { start = "\27[2J", states = { ["\27[2J"] = {
  may_end = true } } } } }]] },
  { name = "many_states", ends = "refused", text = "10,000 states",
    file = flow_of [[
local states = {}
for i = 1, 20000 do states["s" .. i] = { may_end = true } end
return af.flow { name = "x", roles = { attacker = { start = "s1", states = states } } }]] },
  { name = "endless_file", ends = "refused", text = instructions, file = "while true do end" },
  { name = "file_of_memory", ends = "refused", text = memory,
    file = "local t = {} while true do t[#t + 1] = {} end" },
  { name = "file_of_patterns", ends = "refused", text = instructions,
    file = [[return (("x"):rep(1000)):find((".-"):rep(20) .. "y")]] },
  { name = "deep_parentheses", ends = "refused", text = "C stack overflow",
    file = "return " .. ("("):rep(100000) },
  { name = "many_locals", ends = "refused", text = "too many local variables",
    file = ("local x = 1\n"):rep(300) },
  { name = "large_file", ends = "refused", text = "larger than 4 MiB",
    file = ("-- nothing but words\n"):rep(250000) },
}
