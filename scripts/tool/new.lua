--- `afrun new`: a flow to begin with, its tests, what it is, and what an editor needs to know.

local flows = require "tool.new_flows"

local new = {}

local readme = [==[
# %{name}

%{says}

| file | what it is |
|---|---|
| `%{name}.lua` | the flow: its events, its roles, their states |
| `%{name}_test.lua` | its tests |
| `.luarc.json` | tells an editor (LuaLS) where the library `af` is |

```
%{commands}
```
]==]

local luarc = [==[
{
  "runtime.version": "Lua 5.4",
  "runtime.builtin": { "io": "disable", "os": "disable", "debug": "disable", "package": "disable" },
  "workspace.library": [%{library}],
  "workspace.checkThirdParty": false
}
]==]

local commands = {
  { "afrun %{name}.lua --mock", "a run, with all parties in one process" },
  { "afrun %{name}.lua --mock --runs 1000 --drop 0.05", "a thousand, with lost messages" },
  { "afrun check %{name}.lua --drop 1", "every order, with one loss anywhere", checks = true },
  { "afrun test --watch", "the tests, at each save" },
  { "afrun %{name}.lua --mock --trace run.jsonl && afrun chart run.jsonl", "what has happened" },
}

local function fill(text, values)
  return (text:gsub("%%{(%w+)}", values))
end

local function command_lines(pattern, values)
  local lines = {}
  for _, command in ipairs(commands) do
    if not command.checks or not pattern.unchecked then
      lines[#lines + 1] = ("%-66s # %s"):format(fill(command[1], values), command[2])
    end
  end
  return table.concat(lines, "\n")
end

---@param request { name: string, from?: string, library: string }
---@return table  { files = { path, text, … } }, or { patterns = { name, … } } where `from` is none
function new.work(request)
  local pattern = flows[request.from or "states"]
  if pattern == nil then
    local names = {}
    for name in pairs(flows) do names[#names + 1] = name end
    return { patterns = names }
  end
  local values = { name = request.name, says = pattern.says }
  values.library = ("%q"):format(request.library)
  values.commands = command_lines(pattern, values)
  return { files = {
    request.name .. ".lua", fill(pattern.flow, values),
    request.name .. "_test.lua", fill(pattern.test, values),
    "README.md", fill(readme, values),
    ".luarc.json", fill(luarc, values),
  } }
end

return new
