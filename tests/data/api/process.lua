-- af.process.run, as handlers see it: run with --allow-run sh.
local af = require "af"
local run = af.process.run

local function sh(text, options)
  options = options or {}
  options.args = { "-c", text }
  return run("sh", options)
end

-- What an error says, without its place.
local function refused(...)
  local ok, message = pcall(...)
  af.expect(not ok, "it was not refused")
  return (message:gsub("^[%w_.]+:%d+: ", ""))
end

local function same(got, expected)
  af.expect(got == expected, ("expected %q, got %q"):format(expected, got))
end

local function results()
  local result = sh("echo out; echo err >&2; exit 3")
  same(result.status, 3)
  same(result.output, "out\n")
  same(result.errors, "err\n")
  same(sh("cat", { input = "bytes \0 \xff" }).output, "bytes \0 \xff")
  same(sh("cat").output, "")
  same(run("sh").status, 0)
  same(run("sh", { args = { "-c", "echo \"$@\"", "", "a b", "*", "" } }).output, "a b * \n")
  same(sh("kill -9 $$").status, 137)
end

local function errors()
  same(refused(run, "ls"),
    "af.process.run: ls: is outside of what the script may run; grant it with --allow-run ls, "
    .. "or have the flow answer for it: mock_programs")
  same(refused(sh, "sleep 100", { timeout = 0.01 }),
    "af.process.run: sh: not over after 0.01 s, so it was ended")
  same(refused(sh, "yes", { max_bytes = 10 }),
    "af.process.run: sh: wrote more than 10 bytes, so it was ended")
  same(refused(sh, "", { timeout = 0 }),
    "af.process.run: timeout: expected more than 0 and at most 31536000 seconds")
  same(refused(sh, "", { max_bytes = -1 }), "af.process.run: max_bytes: expected 0 to 33554432")
  same(refused(run, ""), "af.process.run: expected a program's name, got ")
  same(refused(run, "sh\0"), "af.process.run: expected a program's name, got sh\0")
  same(refused(run, "sh", "-c"), "af.process.run: expected a table of options, got a string")
  same(refused(run, "sh", { arg = {} }), "af.process.run: 'arg' is not an option of it; " ..
    "did you mean 'args'? It has args, input, input_path, max_bytes, output_path, timeout")
  same(refused(run, "sh", { input = 1 }),
    "af.process.run: 'input': expected a string, got a number")
  same(refused(run, "sh", { args = { "-c", 7 } }),
    "af.process.run: args[2]: expected a string without zero bytes")
  af.expect(not pcall(function() af.process.run = nil end), "af.process can be written")
end

local function id()
  return sh("echo $AFRUN_CALL_ID").output
end

local Go = af.event("go", {})

return af.flow {
  name = "process",
  mock = { runner = 1, scripted = 1 },
  roles = {
    runner = { start = "first", states = {
      first = {
        enter = function(party)
          results()
          errors()
          party.data.ids = { id(), id() }
          party:send(party.id, Go {})
        end,
        [Go] = function(party)
          party.data.ids[3] = id()
          return "over"
        end,
      },
      over = { enter = function(party) return af.done(party.data.ids) end },
    } },
    scripted = function()
      results()
      errors()
    end,
  },
}
