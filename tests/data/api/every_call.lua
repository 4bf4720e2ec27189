-- Calls every function that a flow can reach with values of every kind, up to four at a time. Each
-- call may raise; none may end the program. The argument `from` says where the walk begins, so that
-- one delivery stays below the cap of instructions.
local af = require "af"

local Go = af.event("go", {
  n = af.optional(af.integer, 0), words = af.optional(af.list(af.string)),
})

local roots = {
  standard = {
    string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine,
    cjson = require "cjson", assert = assert, error = error, getmetatable = getmetatable,
    rawequal = rawequal, rawget = rawget, rawlen = rawlen, rawset = rawset, select = select,
    setmetatable = setmetatable,
    tonumber = tonumber, tostring = tostring, type = type, pcall = pcall, xpcall = xpcall,
    ipairs = ipairs, pairs = pairs, next = next, require = require,
  },
}

-- They would stop the walk by themselves: they yield, or make what is as large as they are told.
local left_out = {
  yield = true, rep = true, wrap = true, create = true, move = true, concat = true,
}

local method_names = {
  "send", "broadcast", "nodes", "deadline", "log", "now", "query_nodes", "upload_file",
  "report_progress", "new_contract", "contract_events", "apply_sending_data", "deny_sending_data",
  "accept_sending_data", "upload_metric_report", "upload_model", "upload_task_achivement",
  "notify_task_completion", "notify_dataset_state", "launch_task",
}

local function roots_of(name, party, event)
  if name == "standard" then return roots.standard end
  if name == "af" then return { af = af, made = af.TaskMessageEventFactory:extend {} } end
  if name == "party" then
    local methods = { event = event, Go = Go, is = Go.is, out = Go.event_to_contract,
      into = Go.contract_to_event, outcome = af.done(1) }
    -- Methods show in no pairs().
    for _, object in ipairs { party, party.contractor, af.BassProxy {} } do
      for _, method in ipairs(method_names) do -- a name that the object has not raises
        local has, found = pcall(function() return object[method] end)
        if has then methods[#methods + 1] = found end
      end
    end
    return methods
  end
  local holed = { 1, 2, 3, nil, 5 }
  return { -- what the standard functions return, to be called without a loop
    of_map = pairs { a = 1, b = 2 }, of_list = pairs { 1, 2, 3 }, of_event = pairs(event),
    of_holes = pairs(holed), of_ipairs = ipairs {}, of_gmatch = string.gmatch("aXbX", "%a"),
    of_codes = utf8.codes "abc", of_wrap = coroutine.wrap(function(...) return ... end),
  }
end

local function functions_below(root)
  local found, seen = {}, {}
  local function walk(value, name, depth)
    local kind = type(value)
    if kind ~= "table" and kind ~= "function" and kind ~= "userdata" then return end
    if seen[value] or depth > 6 or left_out[name] then return end
    seen[value] = true
    if kind == "function" then
      found[#found + 1] = value
      return
    end
    local metatable = getmetatable(value)
    if type(metatable) == "table" then walk(metatable, "metatable", depth + 1) end
    if kind == "table" then
      pcall(function()
        for key, inner in pairs(value) do
          walk(key, "key", depth + 1)
          walk(inner, key, depth + 1)
        end
      end)
    end
  end
  walk(root, "root", 0)
  return found
end

local function values_of(party, event)
  local odd = setmetatable({}, {
    __index = function() return 1 end, __len = function() return 5 end, __call = select,
    __name = 5, __tostring = function() return "odd" end, __close = select,
    __pairs = function() return nil end,
  })
  return table.pack(nil, false, true, 0, -1, 1 << 40, math.mininteger, 0x414141414141, 0.5, 0 / 0,
    "", "x", ("y"):rep(300), "\xff\0", {}, { 1, 2, 3 }, { a = 1 }, odd, select, function() end,
    coroutine.create(select), af.null, Go, event, party, party.contractor, af.string, af.done(1),
    string)
end

local function call_all(party, event)
  local values, count = values_of(party, event), 0
  local n = values.n
  for _, called in ipairs(functions_below(roots_of(party.args.from, party, event))) do
    count = count + 1
    pcall(called)
    for i = 1, n do
      pcall(called, values[i])
      for j = 1, n do
        local k, l = (i * 7 + j) % n + 1, (i + j * 5) % n + 1
        pcall(called, values[i], values[j])
        pcall(called, values[i], values[j], values[k])
        pcall(called, values[i], values[j], values[k], values[l])
      end
    end
  end
  return count
end

return af.flow {
  name = "every_call",
  args = { from = af.string },
  roles = {
    caller = {
      start = "calling",
      states = {
        calling = {
          enter = function(party) party:send(party.id, Go { n = 1 }) end,
          [Go] = function(party, event)
            return af.fail(("called %d functions"):format(call_all(party, event)))
          end,
        },
      },
    },
  },
}
