--- The reference, of scripts/af/_meta/af.lua: `lua5.4 scripts/tool/reference.lua COMMAND …`.
--- Run by make and lint.
---
---   write           REFERENCE.md, REFERENCE.zh-CN.md and _meta/luacheck.lua, where they differ
---   check           what is wrong with the stub or the Chinese texts, and which of those three
---                   files is not as it would be written
---   names           each public name and field, a line
---   examples FOLDER each example as a file that runs
---   text            what `afrun help` prints
---   c FILE          that, packed, from standard input to C
---   man FOLDER      the pages of man

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path
local reader = require "reference_read"
local writer = require "reference_write"

local scripts = here .. "/../af/"
local meta = scripts .. "_meta/"
local entries = reader.read(meta .. "af.lua")

local function zh()
  local chinese = dofile(meta .. "zh.lua")
  chinese.fields = dofile(meta .. "zh_fields.lua")
  chinese.help = dofile(meta .. "zh_help.lua")
  return chinese
end

local function slurp(path)
  local file = io.open(path, "rb")
  return file and file:read("a"), file and file:close()
end

local function spill(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function generated()
  local chinese = zh()
  return {
    { "REFERENCE.md", writer.markdown(entries) },
    { "REFERENCE.zh-CN.md", writer.markdown(entries, chinese.names, chinese.sections,
      chinese.fields) },
    { "_meta/luacheck.lua", writer.luacheck(entries) },
  }
end

-- What is wrong. ---------------------------------------------------------------------------------

local function check_entry(entry, wrong)
  if entry.text[1] == nil then wrong("has no text") end
  if entry.example == nil and entry.args then wrong("has no example") end
  if entry.class and entry.example == nil then wrong("has no example") end
  local declared, said = {}, {}
  for name in (entry.args or ""):gmatch("[%w_.]+") do declared[name] = true end
  for _, param in ipairs(entry.params) do
    said[param.name] = true
    if param.type == "" then wrong("the argument '%s' has no type", param.name) end
    if not declared[param.name] then wrong("has no argument '%s'", param.name) end
  end
  for name in pairs(declared) do
    if not said[name] then wrong("the argument '%s' has no ---@param with a type", name) end
  end
  for _, field in ipairs(entry.fields) do
    if field.type == "" then wrong("the field '%s' has no type", field.name) end
  end
  if entry.args == nil and entry.class == nil and entry.type == nil then
    wrong("has no ---@type")
  end
end

local function check()
  local chinese, known, said = zh(), {}, {}
  for _, entry in ipairs(entries) do
    local function wrong(format, ...)
      print(("scripts/af/_meta/af.lua:%d: %s %s"):format(entry.line, entry.name,
        format:format(...)))
    end
    if known[entry.name] then wrong("is declared twice") end
    known[entry.name] = true
    check_entry(entry, wrong)
    if chinese.names[entry.name] == nil then
      wrong("has no Chinese text; add it to scripts/af/_meta/zh.lua")
    end
    for _, field in ipairs(entry.fields) do
      if field.text ~= "" and chinese.fields[field.text] == nil then
        wrong("its field '%s' has no Chinese text; add it to scripts/af/_meta/zh_fields.lua",
          field.name)
      end
      said[field.text] = true
    end
    if chinese.sections[entry.section] == nil then
      wrong("stands under '%s', which has no Chinese name in zh.lua", entry.section)
    end
  end
  for name in pairs(chinese.names) do
    if not known[name] then
      print(("scripts/af/_meta/zh.lua: '%s' is no name of af.lua"):format(name))
    end
  end
  for text in pairs(chinese.fields) do
    if not said[text] then
      print(("scripts/af/_meta/zh_fields.lua: no field of af.lua is '%s'"):format(text))
    end
  end
  for _, file in ipairs(generated()) do
    if slurp(scripts .. file[1]) ~= file[2] then
      print(("scripts/af/%s is not what af.lua makes; mend: " ..
        "lua5.4 scripts/tool/reference.lua write"):format(file[1]))
    end
  end
end

-- Examples. --------------------------------------------------------------------------------------

local around = {
  [""] = "%s",
  contractor = [[
af.mock_context({ id = "n1", nodes = { "n1", "n2" } }, function()
  local contractor = af.TaskMessageContractor("t1")
  %s
end)
]],
  test = 'local t = require "af.test"\n%s',
  party = [[
local Sync = af.event("sync", { round = af.integer })
return af.flow { name = "example", args = { round = af.optional(af.integer, 1) },
  mock = { server = 1, client = 2 }, roles = {
  server = { start = "s", states = { s = { may_end = true, ignore = { Sync },
    timeout = { give_up = function() return af.fail("nobody came") end },
    enter = function(party, event, from)
      %s
    end } } },
  client = { start = "s", states = { s = { may_end = true, ignore = { Sync } } } },
} }
]],
}

local function example_of(entry)
  local frame = assert(around[entry.place], entry.place)
  local before, after = frame:match("^(.-)%%s(.*)$")
  local text = before .. entry.example .. after
  return text:find('require "af', 1, true) and text or 'local af = require "af"\n' .. text
end

local commands = {
  write = function()
    for _, file in ipairs(generated()) do
      if slurp(scripts .. file[1]) ~= file[2] then spill(scripts .. file[1], file[2]) end
    end
  end,
  check = check,
  names = function()
    for _, entry in ipairs(entries) do
      print(entry.name)
      for _, field in ipairs(entry.fields) do print(entry.name .. "." .. field.name) end
    end
  end,
  examples = function(folder)
    for _, entry in ipairs(entries) do
      local path = ("%s/%s%s.lua"):format(folder, entry.name:gsub(":", "."),
        entry.place == "test" and "_test" or "")
      if entry.example then spill(path, example_of(entry)) end
    end
  end,
  text = function()
    local chinese = zh()
    io.write(writer.text(entries, chinese.names, chinese.fields, chinese.help))
  end,
  c = function(path) spill(path, writer.c(io.read("a"))) end,
  man = function(folder)
    local header = assert(slurp(here .. "/../../runtime/base/version.h"))
    local date = header:match('AF_VERSION_DATE "(.-)"')
    local version = header:match('AF_VERSION "(.-)"')
    for _, page in ipairs(writer.page_of(entries)) do
      spill(("%s/%s.3afrun"):format(folder, page.name), writer.man(page, version, date))
    end
  end,
}

assert(commands[arg[1]], "reference.lua: which command?")(table.unpack(arg, 2))
