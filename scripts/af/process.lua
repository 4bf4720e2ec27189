--- af.process: programs beside the flow, as far as the operator grants them.

local keys = require "af.keys"

local process = {}

---@class af.ProcessResult
---@field status integer  0: it ended well; 128 + n: signal n ended it
---@field output string   what it wrote to standard output, bytes as they are
---@field errors string   … and to standard error

local options_of = {
  args = "table", input = "string", input_path = "string", output_path = "string",
  timeout = "number", max_bytes = "number",
}

local function check(options, level)
  keys.check_types("af.process.run", options, options_of, level + 1)
  if options.input ~= nil and options.input_path ~= nil then
    error("af.process.run: either 'input' or 'input_path'", level + 1)
  end
  local args = {}
  for i = 1, #(options.args or args) do
    args[i] = options.args[i]
    if type(args[i]) ~= "string" or args[i]:find("\0", 1, true) then
      error(("af.process.run: args[%d]: expected a string without zero bytes"):format(i), level + 1)
    end
  end
  return args
end

local results = { status = true, output = true, errors = true }

---What a stand-in of the flow answers, as a program would.
local function stand_in_for(program, stand_in, args, options, level)
  local function wrong(text, ...)
    error(("af.process.run: the stand-in of '%s' in mock_programs %s")
      :format(program, text:format(...)), level + 2)
  end
  if options.input_path ~= nil or options.output_path ~= nil then
    wrong("has no files; give 'input', take 'output'")
  end
  local result = stand_in(args, options.input)
  if type(result) ~= "table" then
    wrong("must return { status =, output = }, got a %s", type(result))
  end
  for name in pairs(result) do
    if not results[name] then
      wrong("returns '%s', which is nothing that a program has%s", tostring(name),
        host.near(tostring(name), results, "there are"))
    end
  end
  local status = result.status == nil and 0 or result.status
  local output, errors = result.output or "", result.errors or ""
  if math.type(status) ~= "integer" or type(output) ~= "string" or type(errors) ~= "string" then
    wrong("must return an integer `status` and strings")
  end
  host.call("run", { program = program, stood_in = status })
  return { status = status, output = output, errors = errors }
end

---Runs a program to its end: no shell, standard input as given. A status other than 0 is a result;
---a program that is not granted, does not start, takes too long or writes too much is an error. If
---the handler runs again after a crash, so does the program, with the same AFRUN_CALL_ID. It reads
---the file at input_path itself, and what it writes goes to the one at output_path, which is there
---when it has ended with status 0. In mock and check a flow's own stand-in answers, where it has
---one in `mock_programs`.
---@param program string  as granted with --allow-run
---@param options? { args?: string[], input?: string, input_path?: string, output_path?: string,
---  timeout?: number, max_bytes?: integer }
---@return af.ProcessResult
function process.run(program, options)
  if type(program) ~= "string" or program == "" or program:find("\0", 1, true) then
    error("af.process.run: expected a program's name, got " .. tostring(program), 2)
  end
  if options == nil then options = {} end
  local args = check(options, 2)
  local stand_in = host.stand_in(program)
  if stand_in ~= nil then
    return stand_in_for(program, stand_in, args, options, 2)
  end
  local reply, bytes = host.call("run", {
    program = program, args = args, input = options.input ~= nil, timeout = options.timeout,
    max_bytes = options.max_bytes, input_path = options.input_path,
    output_path = options.output_path,
  }, options.input)
  return {
    status = reply.status,
    output = bytes:sub(1, reply.output),
    errors = bytes:sub(reply.output + 1),
  }
end

return process
