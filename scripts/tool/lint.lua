--- `afrun lint`: what is probably wrong in a flow, at its line, and how to mend it.
---
--- It reads the flow's description, as it was loaded, and the texts of its files. What cannot be
--- told from these (a name that is put together, a field that is written by a computed key) is no
--- finding.

local read = require "tool.lint_tokens"
local returns = require "tool.lint_returns"
local rules = require "tool.lint_rules"

local lint = {}

---What a rule is given: the texts as tokens, and where roles and states stand in them.
---@class Source
---@field file string
---@field list table[]
---@field own boolean  it is the flow's own file

---The name that the value at `i` (a table, a call …) is given: `name = …`, `local name = …`.
local function name_of(list, i)
  if not read.are(list, i - 1, "=") then return nil end
  local token = list[i - 2]
  return token and token.kind == "name" and token.text or nil
end

---The table that a bracket stands in, or nil.
local function outer(list, i)
  local at = list[i].inside
  return at and list[at].text == "{" and at or nil
end

---Where each role's table and each state's value stand: { role?, state?, from, to, source, line? }.
local function places_of(flow, source)
  local places, list, is_role = {}, source.list, {}
  for _, role in ipairs(flow.roles) do is_role[role.name] = true end
  for i in ipairs(list) do
    if read.are(list, i, "states", "=", "{") and list[i + 2].close then
      local table_at, whole = i + 2, outer(list, i)
      local role = whole and name_of(list, whole)
      role = is_role[role] and role or nil
      if whole and list[whole].close then
        places[#places + 1] = { role = role, from = whole, to = list[whole].close, source = source }
      end
      for k = table_at + 1, list[table_at].close do
        if list[k].inside == table_at and list[k].text == "=" and list[k - 1].kind ~= "sign" then
          local stop = k + 1
          while stop < list[table_at].close
            and not (list[stop].text == "," and list[stop].inside == table_at) do
            stop = stop + 1
          end
          places[#places + 1] = { role = role, state = list[k - 1].text, from = k + 1, to = stop,
            source = source, line = list[k - 1].line }
        end
      end
    end
  end
  return places
end

---Findings but those that a comment on their line allows; and comments that allow nothing known.
local function allow(findings, sources)
  local allowed, left = {}, {}
  for _, source in ipairs(sources) do
    for _, one in ipairs(source.list.allowed) do
      allowed[("%s:%d:%s"):format(source.file, one.line, one.name)] = true
      if not rules.known[one.name] then
        findings[#findings + 1] = { file = source.file, line = one.line, rule = "comment",
          what = ("allows '%s', which is no rule"):format(one.name),
          mend = "the rules are " .. table.concat(rules.names, ", ") }
      end
    end
  end
  for _, one in ipairs(findings) do
    if not allowed[("%s:%d:%s"):format(one.file, one.line, one.rule)] then left[#left + 1] = one end
  end
  table.sort(left, function(a, b)
    if a.file ~= b.file then return a.file < b.file end
    if a.line ~= b.line then return a.line < b.line end
    return a.rule .. a.what < b.rule .. b.what
  end)
  return left
end

---@param request { flow: table, files: { name: string, text: string }[] }  the flow's own is first
---@return table  { findings = { file, line, rule, what, mend, … } }
function lint.work(request)
  local about = { flow = request.flow, sources = {}, places = {}, findings = {} }
  for i, file in ipairs(request.files) do
    local source = { file = file.name, list = read.read(file.text), own = i == 1 }
    source.functions = returns.functions(source.list)
    about.sources[i] = source
    for _, place in ipairs(places_of(request.flow, source)) do
      about.places[#about.places + 1] = place
    end
  end
  for _, name in ipairs(rules.names) do
    rules.known[name](about, function(file, line, what, mend)
      about.findings[#about.findings + 1] = { file = file, line = line, rule = name, what = what,
        mend = mend }
    end)
  end
  local flat = {}
  for _, one in ipairs(allow(about.findings, about.sources)) do
    for _, field in ipairs { one.file, tostring(one.line), one.rule, one.what, one.mend } do
      flat[#flat + 1] = field
    end
  end
  return { findings = #flat > 0 and flat or nil }
end

return lint
