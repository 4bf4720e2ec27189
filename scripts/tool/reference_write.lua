--- Writes the reference's entries as Markdown, plain text, troff and a list for luacheck.

local writer = {}

local english = {
  title = "# The reference of `af`", returns = "returns", raises = "Raises",
  about = "Made of [_meta/af.lua](_meta/af.lua): each name that flows and scripts see, with\n"
    .. "types, errors, and an example that runs. `afrun help af.event` shows the same;\n"
    .. "[in Chinese](REFERENCE.zh-CN.md).",
}
local chinese = {
  title = "# `af` 参考手册", returns = "返回", raises = "出错",
  about = "本文根据 [_meta/af.lua](_meta/af.lua) 与 [_meta/zh.lua](_meta/zh.lua) 生成：\n"
    .. "流程与脚本可见的每个名字，附类型、会报的错误和一个可以运行的例子。`afrun help af.event` 显示同样的内容；\n"
    .. "[英文版](REFERENCE.md)。",
}

---What is called or read: "af.event(name, [fields])"; of a class what types call it, too.
function writer.signature(entry)
  if entry.class and entry.class ~= entry.name then
    return ("%s: %s"):format(entry.name, entry.class)
  elseif entry.args == nil then
    return entry.name
  end
  local shown, optional = {}, {}
  for _, param in ipairs(entry.params) do
    optional[param.name] = param.optional or param.type:find("|nil$") ~= nil
  end
  for name in entry.args:gmatch("[%w_.]+") do
    shown[#shown + 1] = optional[name] and ("[%s]"):format(name) or name
  end
  return ("%s(%s)"):format(entry.name, table.concat(shown, ", "))
end

---Rows of an entry: { name, type, text }; in Chinese only fields have a text of their own.
---@param fields? table<string, string>  their Chinese texts, by the English ones
local function rows_of(entry, words, fields)
  local rows = {}
  local function add(item, chinese_text)
    rows[#rows + 1] = { item.name .. (item.optional and "?" or ""), item.type, item.text,
      chinese_text }
  end
  for _, item in ipairs(entry.params) do add(item) end
  for _, item in ipairs(entry.fields) do add(item, fields and fields[item.text]) end
  if entry.type and entry.type ~= "" then rows[#rows + 1] = { "", entry.type, entry.type_text } end
  for _, item in ipairs(entry.returns) do
    rows[#rows + 1] = { words.returns, item.type,
      (item.name or "") .. (item.name and item.text ~= "" and ": " or "") .. item.text }
  end
  return rows
end

-- Markdown. --------------------------------------------------------------------------------------

local function add_entry(out, entry, words, text, fields)
  out[#out + 1] = ("### `%s`\n"):format(writer.signature(entry))
  out[#out + 1] = text .. "\n"
  local rows = rows_of(entry, words, fields)
  for _, row in ipairs(rows) do
    out[#out + 1] = ("- %s`%s`%s"):format(row[1] == "" and "" or
      row[1] == words.returns and row[1] .. " " or ("**%s** "):format(row[1]), row[2],
      row[4] and "：" .. row[4] or (row[3] == "" or words == chinese) and "" or ": " .. row[3])
  end
  if rows[1] then out[#out + 1] = "" end
  if entry.raises and words == english then out[#out + 1] = entry.raises .. "\n" end
  if entry.example then out[#out + 1] = ("```lua\n%s```\n"):format(entry.example) end
end

---@param entries Entry[]
---@param texts? table<string, string>  the Chinese ones
---@param sections? table<string, string>
---@param fields? table<string, string>
function writer.markdown(entries, texts, sections, fields)
  local words = texts and chinese or english
  local out, section = { words.title, "", words.about, "" }, nil
  for _, entry in ipairs(entries) do
    if entry.section ~= section then
      section = entry.section
      out[#out + 1] = ("## %s\n"):format(sections and sections[section] or section)
    end
    local text = texts and texts[entry.name] or table.concat(entry.text, "\n")
    add_entry(out, entry, words, text, fields)
  end
  return (table.concat(out, "\n"):gsub("\n+$", "") .. "\n")
end

-- Plain text, for `afrun help`. ------------------------------------------------------------------

local function plain(entry, texts, fields)
  local out = { writer.signature(entry), "", texts and texts[entry.name] }
  if texts == nil then
    for _, line in ipairs(entry.text) do out[#out + 1] = line end
    out[#out + 1] = entry.raises
  end
  local rows = rows_of(entry, texts and chinese or english, fields)
  if rows[1] then out[#out + 1] = "" end
  for _, row in ipairs(rows) do
    out[#out + 1] = ("  %s%s%s"):format(row[1] == "" and "" or row[1] .. ": ", row[2],
      row[4] and "  " .. row[4] or (row[3] == "" or texts) and "" or "  " .. row[3])
  end
  if entry.example then
    out[#out + 1] = ""
    out[#out + 1] = "  " .. entry.example:gsub("\n$", ""):gsub("\n", "\n  ")
  end
  return table.concat(out, "\n") .. "\n"
end

---As zlib's crc32().
local function crc32(text)
  local crc = 0xFFFFFFFF
  for i = 1, #text do
    crc = crc ~ text:byte(i)
    for _ = 1, 8 do crc = crc >> 1 ~ (0xEDB88320 & -(crc & 1)) end
  end
  return crc ~ 0xFFFFFFFF
end

---What `afrun help` prints: name, text and Chinese text, one after the other; behind an empty name
---the Chinese texts of commands' help, each behind the CRC-32 of the English one, which the program
---has elsewhere.
---@param entries Entry[]
---@param texts table<string, string>  the Chinese ones
---@param fields table<string, string>
---@param help string[][]
function writer.text(entries, texts, fields, help)
  local out = {}
  for _, entry in ipairs(entries) do
    out[#out + 1] = ("%s\0%s\0%s\0"):format(entry.name, plain(entry), plain(entry, texts, fields))
  end
  out[#out + 1] = "\0"
  local known = {}
  for _, pair in ipairs(help) do
    local crc = crc32(pair[1])
    assert(not known[crc], "zh_help.lua: two texts have one CRC-32: write one otherwise")
    known[crc] = true
    out[#out + 1] = ("%08x\0%s\0"):format(crc, pair[2])
  end
  return table.concat(out) .. "\0"
end

---That, packed by gzip, as a C file.
function writer.c(bytes)
  local out = { '#include "cli/reference.h"\n\nconst unsigned char af_reference_packed[] = {' }
  for i = 1, #bytes do
    out[#out + 1] = ((i % 24 == 1) and "\n    " or "") .. bytes:byte(i) .. ","
  end
  return ("%s\n};\nconst unsigned int af_reference_packed_len = %d;\n"):format(table.concat(out),
    #bytes)
end

-- Pages of man. ----------------------------------------------------------------------------------

---The first sentence of a text.
local function summary(entry)
  local text = table.concat(entry.text, " ")
  return (text:match("^(.-)[.:] ") or text:gsub("[.:]$", ""))
end

---Paragraphs in lines that are not too long.
local function fill(text)
  local out, line = {}, ""
  for word in text:gmatch("%S+") do
    if line ~= "" and #line + 1 + #word > 72 then
      out[#out + 1], line = line, word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  out[#out + 1] = line
  return table.concat(out, "\n")
end

local function troff(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("`", ""):gsub("%f[^\n%z][.']", "\\&%0"))
end

---The page that an entry is on: a class has its members on its own.
function writer.page_of(entries)
  local pages, page_of, by_name = {}, {}, {}
  for _, entry in ipairs(entries) do
    local owner = entry.name:match("^(.*):[^:]*$") or
      (not entry.name:find("^af%.") and entry.name:match("^([^.]+)%.")) or nil
    local name = entry.class or entry.name
    if owner and by_name[owner] then
      name = by_name[owner]
    elseif not name:find("^af") then
      name = "af." .. name -- of Lua's own
    end
    by_name[entry.name] = name
    if page_of[name] == nil then
      page_of[name] = { name = name, entries = {} }
      pages[#pages + 1] = page_of[name]
    end
    table.insert(page_of[name].entries, entry)
  end
  return pages
end

---@param page table
---@param version string
---@param date string
function writer.man(page, version, date)
  local first = page.entries[1]
  local out = { ('.TH "%s" "3afrun" "%s" "afrun %s" "afrun"'):format(page.name:upper(), date,
    version), ".SH NAME", troff(page.name) .. " \\- " .. troff(summary(first)), ".SH SYNOPSIS" }
  for _, entry in ipairs(page.entries) do
    out[#out + 1] = ".B " .. troff(writer.signature(entry))
    out[#out + 1] = ".br"
  end
  out[#out] = ".SH DESCRIPTION"
  for i, entry in ipairs(page.entries) do
    if i > 1 then out[#out + 1] = ".SS " .. troff(writer.signature(entry)) end
    out[#out + 1] = troff(fill(table.concat(entry.text, "\n")))
    for _, row in ipairs(rows_of(entry, english)) do
      local name = row[1] == "" and "" or ("\\fB%s\\fR "):format(troff(row[1]))
      out[#out + 1] = (".TP\n%s\\fI%s\\fR"):format(name, troff(row[2]))
      out[#out + 1] = row[3] == "" and "\\&" or troff(fill(row[3]))
    end
    if entry.raises then out[#out + 1] = ".PP\n" .. troff(fill(entry.raises)) end
    if entry.example then
      out[#out + 1] = (".PP\n.EX\n%s\n.EE"):format(troff((entry.example:gsub("\n$", ""))))
    end
  end
  out[#out + 1] = ".SH SEE ALSO\n.BR afrun (1)"
  return table.concat(out, "\n") .. "\n"
end

-- Luacheck. --------------------------------------------------------------------------------------

local function add_field(tree, path)
  local at = tree
  for name in path:gmatch("[^.]+") do
    at.fields = at.fields or {}
    at.fields[name] = at.fields[name] or {}
    at = at.fields[name]
  end
end

local function write_tree(tree, indent, out)
  local names = {}
  for name in pairs(tree.fields) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local child = tree.fields[name]
    if child.fields then
      out[#out + 1] = ("%s%s = { fields = {"):format(indent, name)
      write_tree(child, indent .. "  ", out)
      out[#out + 1] = indent .. "} },"
    else
      out[#out + 1] = ("%s%s = {},"):format(indent, name)
    end
  end
end

---What a flow may read, as luacheck takes it: `stds.afrun = dofile "luacheck.lua"`.
function writer.luacheck(entries)
  local tree = { fields = {} }
  for _, name in ipairs { "_VERSION", "assert", "error", "getmetatable", "ipairs", "pcall",
    "rawequal", "rawget", "rawlen", "rawset", "select", "setmetatable", "tonumber", "tostring",
    "type", "xpcall", "cjson.decode", "cjson.encode", "cjson.null" } do
    add_field(tree, name)
  end
  for library, names in pairs {
    coroutine = "close create isyieldable resume running status wrap yield",
    math = "abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger "
      .. "modf pi rad random sin sqrt tan tointeger type ult",
    string = "byte char find format gmatch gsub len lower match pack packsize rep reverse sub "
      .. "unpack upper",
    table = "concat insert move pack remove sort unpack",
    utf8 = "char charpattern codepoint codes len offset",
  } do
    for name in names:gmatch("%a+%d*") do add_field(tree, library .. "." .. name) end
  end
  for _, entry in ipairs(entries) do
    local name = entry.name:gsub(":", ".")
    if name == "af" or name:find("^af%.") or entry.section:find("^Lua's own") then
      add_field(tree, name)
      for _, field in ipairs(name:find("^af%.") and entry.fields or {}) do
        add_field(tree, name .. "." .. field.name)
      end
    end
  end
  local out = { "-- Made of af.lua by scripts/tool/reference.lua. In a .luacheckrc of yours:",
    '-- stds.afrun = dofile "/usr/share/afrun/lua/luacheck.lua"',
    '-- std = "afrun"',
    "return { read_globals = {" }
  write_tree(tree, "  ", out)
  out[#out + 1] = "} }\n"
  return table.concat(out, "\n")
end

return writer
