--- What `afrun replay --step` shows of a step: its records in words, and what has changed in data.

local steps = {}

---@param value any  of JSON
local function show(value)
  if type(value) == "string" then
    return '"' .. value:gsub('[%c"\\]', function(char)
      return char == '"' and '\\"' or char == "\\" and "\\\\" or ("\\x%02x"):format(char:byte())
    end) .. '"'
  elseif type(value) == "userdata" then
    return "null"
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  for key, item in pairs(value) do
    local name = ""
    if type(key) == "string" then
      name = (key:find("^[%a_][%w_]*$") and key or "[" .. show(key) .. "]") .. " = "
    end
    parts[#parts + 1] = name .. show(item)
  end
  return parts[1] and "{ " .. table.concat(parts, ", ") .. " }" or "{}"
end

local function seconds(ns)
  return ("%.9g s"):format(ns / 1e9)
end

---An event's fields, without its type.
local function fields(content)
  if type(content) ~= "table" then return "" end
  local rest = {}
  for key, value in pairs(content) do
    if key ~= "type" then rest[key] = value end
  end
  return " " .. show(rest)
end

local function through(record)
  return record.through and " by " .. table.concat(record.through, ", ") or ""
end

local function group_names(groups)
  local names = {}
  for i, group in ipairs(groups) do names[i] = table.concat(group, ", ") end
  return table.concat(names, " | ")
end

---A record of each kind in words, behind the party's name.
local words = {
  start = function(r)
    return type(r.state) == "string" and ("starts in %s%s"):format(r.state, through(r)) or "starts"
  end,
  send = function(r)
    return ("sends %s to %s%s"):format(r.type, table.concat(r.to, ", "), fields(r.content))
  end,
  deliver = function(r) return ("takes %s from %s"):format(r.type, r.from) end,
  drop = function(r) return ("does not get %s from %s: %s"):format(r.type, r.from, r.why) end,
  duplicate = function(r) return ("will get %s from %s twice"):format(r.type, r.from) end,
  repeated = function(r) return ("has had %s from %s before"):format(r.type, r.from) end,
  defer = function(r) return ("defers %s from %s"):format(r.type, r.from) end,
  ignore = function(r) return ("ignores %s from %s"):format(r.type, r.from) end,
  late = function(r) return ("has ended: %s from %s is too late"):format(r.type, r.from) end,
  unexpected = function(r)
    return ("does not expect %s from %s: %s"):format(r.type, r.from, r.why)
  end,
  timer = function(r) return ("arms %s, due at %s"):format(r.timer, seconds(r.due)) end,
  timeout = function(r) return ("has its timer %s fire"):format(r.timer) end,
  state = function(r) return r.entered and ("enters %s%s"):format(r.state, through(r)) or nil end,
  reload = function(r) return ("goes on with another version: %s"):format(r.versions) end,
  refused = function(r) return ("cannot be reloaded in %s: %s"):format(r.state, r.why) end,
  log = function(r) return "says: " .. r.text end,
  progress = function(r) return ("has done %d %%"):format(r.percent) end,
  upload = function(r) return ("uploads %d bytes"):format(r.bytes) end,
  run = function(r) return ("has run %s, status %d"):format(r.program, r.status) end,
  wait = function(r) return "waits for " .. r.call end,
  crash = function(r) return "crashes, until " .. seconds(r["until"]) end,
  restart = function() return "is back" end,
  lost = function() return "vanishes for good" end,
  done = function(r) return "is done: " .. show(r.result) end,
  fail = function(r) return "fails: " .. r.reason end,
  error = function(r) return "raises: " .. r.message end,
  monitor = function(r)
    return ("has given the monitor '%s' something to keep: %s"):format(r.monitor, show(r.seen))
  end,
  stuck = function(r) return ("is stuck in %s, waits for %s"):format(r.state, r.waits_for) end,
}

---Records of no party.
local of_nobody = {
  violation = function(r)
    local name = r.invariant or r.monitor or r.eventually or r.leads_to
    return ("'%s' is broken: %s"):format(tostring(name), r.message)
  end,
  loop = function() return "what follows is done again and again" end,
  cut = function(r) return "the network is cut: " .. group_names(r.groups) end,
  heal = function(r) return "the network is whole again: " .. group_names(r.groups) end,
  ["end"] = function(r) return "the run ends: " .. r.outcome end,
}

local function describe(record)
  local of = of_nobody[record.kind]
  if of then return "  " .. of(record) end
  local text = words[record.kind]
  text = text and text(record) or not text and record.kind
  return text and ("  %s %s"):format(record.party or "the run:", text) or nil
end

---Lines of what differs between two values, path by path.
local function compare(path, before, after, lines)
  if type(before) == "table" and type(after) == "table" then
    local keys = {}
    for key in pairs(before) do keys[key] = true end
    for key in pairs(after) do keys[key] = true end
    for key in pairs(keys) do
      local place = type(key) ~= "string" and ("%s[%s]"):format(path, key)
        or key:find("^[%a_][%w_]*$") and path .. "." .. key or ("%s[%s]"):format(path, show(key))
      compare(place, before[key], after[key], lines)
    end
  elseif before == nil then
    lines[#lines + 1] = ("    + %s = %s"):format(path, show(after))
  elseif after == nil then
    lines[#lines + 1] = ("    - %s, which was %s"):format(path, show(before))
  elseif before ~= after then
    lines[#lines + 1] = ("    ~ %s: %s → %s"):format(path, show(before), show(after))
  end
end

---@param request { records?: table[], changes?: { party: string, before: any, after: any }[],
---  show?: any }
---@return table  { lines = { … } }
function steps.work(request)
  local lines = {}
  for _, record in ipairs(request.records or {}) do lines[#lines + 1] = describe(record) end
  for _, change in ipairs(request.changes or {}) do
    compare(change.party .. " data", change.before, change.after, lines)
  end
  if request.show ~= nil then lines[#lines + 1] = "  " .. show(request.show) end
  return { lines = lines[1] and lines or nil }
end

return steps
