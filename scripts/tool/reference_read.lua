--- Reads the stub file af.lua as a list of entries: each public name with text, types and example.

local reader = {}

---@class Entry
---@field name string       as people write it: "af.event", "party:send"
---@field section string    the heading that it stands under
---@field line integer      of the declaration
---@field class? string     the class that is declared here: "af.Party"
---@field text string[]     lines of the text
---@field raises? string
---@field example? string
---@field place string      where the example runs: "" (a script or flow), "party", "contractor"
---@field params table[]    { name, type, text, optional }
---@field returns table[]   { type, name, text }
---@field fields table[]    { name, type, text, optional }
---@field args? string      of a function, as declared

local brackets = { ["{"] = "}", ["("] = ")", ["<"] = ">", ["["] = "]" }

---Divides "TYPE rest" where the type ends: at the first blank outside brackets that follows no
---comma, colon or bar.
local function split_type(text)
  local depth, at = 0, 1
  while at <= #text do
    local c = text:sub(at, at)
    if brackets[c] then depth = depth + 1 end
    if c == "}" or c == ")" or c == ">" or c == "]" then depth = depth - 1 end
    if c == " " and depth == 0 and not text:sub(1, at - 1):find("[,:|]$")
      and text:sub(at + 1, at + 1) ~= "|" then
      break
    end
    at = at + 1
  end
  return text:sub(1, at - 1), (text:sub(at):gsub("^%s+", ""))
end

---"name? type  text" as a table.
local function read_named(text)
  local name, mark, rest = text:match("^([%w_.]+)(%??)%s*(.*)$")
  local of, words = split_type(rest or "")
  return { name = name, optional = mark == "?", type = of, text = words }
end

local function read_return(text)
  local of, rest = split_type(text)
  local name, words = rest:match("^([%a_]%w*)%s%s+(.+)$")
  if name == nil then
    name = rest:match("^[%a_]%w*$")
    words = name == nil and rest or ""
  end
  return { type = of, name = name, text = words }
end

local function new_entry(section)
  return { section = section, text = {}, params = {}, returns = {}, fields = {}, place = "" }
end

local tags = {
  param = function(entry, text) table.insert(entry.params, read_named(text)) end,
  field = function(entry, text) table.insert(entry.fields, read_named(text)) end,
  ["return"] = function(entry, text) table.insert(entry.returns, read_return(text)) end,
  class = function(entry, text) entry.class = text:match("^[%w_.]+") end,
  overload = function(entry, text) entry.overload = text end,
  type = function(entry, text) entry.type, entry.type_text = split_type(text) end,
  alias = function() end, meta = function() end,
}

---One line of a comment.
local function read_comment(entry, text, line)
  if entry.in_example then
    if text == "```" then
      entry.in_example = false
    else
      entry.example = entry.example .. text .. "\n"
    end
  elseif text:find("^```lua") then
    assert(entry.example == nil, ("af.lua:%d: there is an example already"):format(line))
    entry.in_example, entry.example, entry.place = true, "", text:match("^```lua ?(.*)$")
  elseif text:find("^@") then
    local tag, rest = text:match("^@(%a+)%s*(.*)$")
    local take = assert(tags[tag], ("af.lua:%d: the tag @%s is unknown"):format(line, tag))
    take(entry, rest)
  elseif text:find("^Raises: ") or text:find("^Raises when called: ") then
    entry.raises = text
  elseif entry.raises then -- in a second line
    entry.raises = entry.raises .. " " .. text
  else
    table.insert(entry.text, text)
  end
end

---The name that a line declares, and the arguments if it is a function's.
local function read_declaration(line)
  local name, args = line:match("^function ([%w_.:]+)%((.-)%) end$")
  return name or line:match("^([%w_.]+) = ") or line:match("^local ([%w_]+) = {}$"), args
end

---@param path string
---@return Entry[]
function reader.read(path)
  local entries, section, number = {}, "The module", 0
  local entry = new_entry(section)
  for line in io.lines(path) do
    number = number + 1
    local comment = line:match("^%-%-%-(.*)$")
    local heading = line:match("^%-%- (.-)%. %-+$")
    if heading then
      section, entry = heading, new_entry(heading)
    elseif comment then
      read_comment(entry, comment, number)
    elseif line == "" or line:find("^%-%- ") or line:find("^return ") then
      entry = new_entry(section)
    else
      local name, args = read_declaration(line)
      assert(name, ("%s:%d: neither a comment nor a declaration"):format(path, number))
      entry.name, entry.args, entry.line = name, args, number
      entries[#entries + 1] = entry
      entry = new_entry(section)
    end
  end
  return entries
end

return reader
