--- Writes library scripts as one C file: `lua5.4 embed.lua ROOT OUT.c FILE.lua …`.
---
--- Run by make. The library (af.…), which every start needs, is bytecode, which loads several
--- times faster than source. The rest (tool.…, and of the library what is seldom asked for) is
--- source without its comments, which is packed to two thirds of its bytecode. The rest is packed
--- as a whole, by the command in PACK; so is the library where PACK_ALL is set, for a program that
--- is to be small: to unpack it is a sixth of what a short run takes.

local root, out_name = arg[1], arg[2]
local out = assert(io.open(out_name, "wb"))

local function pack(bytes)
  local path = out_name .. ".packing"
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  local packed = assert(io.popen(os.getenv("PACK") .. " '" .. path .. "'")):read("a")
  os.remove(path)
  return packed
end

--- The source without comments and indentation, each line where it was. It is as it was where a
--- long string would change by that.
local function shorten(source, chunk_name)
  local short = ("\n" .. source):gsub("\n[ ]*%-%-[^\n]*", "\n"):gsub("\n[ ]+", "\n"):sub(2)
  local was, is = load(source, chunk_name, "t"), load(short, chunk_name, "t")
  return string.dump(assert(is)) == string.dump(assert(was)) and short or source
end

--- Bytecode without the names of local variables, a fifth of it: messages about mistakes of the
--- library's own would tell them, and nothing else. As Lua's ldump.c writes it: a number is groups
--- of 7 bits, of which the last has 128 as well; a string is its length and 1, then its bytes.
local function drop_locals(chunk)
  local parts, from, at = {}, 1, 1
  local function skip(bytes) at = at + bytes end
  local function byte()
    skip(1)
    return chunk:byte(at - 1)
  end
  local function number()
    local value, group = 0, 0
    while group < 128 do
      group = byte()
      value = value << 7 | group & 127
    end
    return value
  end
  local function pass_string() skip(math.max(0, number() - 1)) end
  local function pass_each(pass)
    for _ = 1, number() do pass() end
  end
  local function pass_number() skip(8) end
  local constants = { [3] = pass_number, [19] = pass_number, [4] = pass_string,
    [20] = pass_string }
  local function pass_constant()
    local pass = constants[byte()]
    if pass then pass() end
  end
  local function pass_function()
    pass_string() -- the source
    number() -- its first line, and its last
    number()
    skip(3) -- parameters, whether there are more, registers
    skip(4 * number()) -- instructions
    pass_each(pass_constant)
    skip(3 * number()) -- upvalues
    pass_each(pass_function)
    skip(number()) -- lines
    pass_each(function() number() number() end)
    parts[#parts + 1] = chunk:sub(from, at - 1)
    pass_each(function() pass_string() number() number() end) -- these
    parts[#parts + 1] = "\128"
    from = at
    pass_each(pass_string) -- upvalues' names
  end
  skip(4 + 1 + 1 + 6 + 3 + 8 + 8 + 1) -- what the format is
  pass_function()
  assert(at == #chunk + 1, "its bytecode is another")
  return table.concat(parts) .. chunk:sub(from)
end

local SELDOM = { ["af.test"] = true }
local groups = { {}, {} } -- the library, and the rest
for i = 3, #arg do
  local path = arg[i]
  local name = path:sub(#root + 2, -5):gsub("/", ".")
  local source = assert(io.open(path, "rb")):read("a")
  local chunk_name = "@" .. name:gsub("%.", "/") .. ".lua"
  local group = groups[name:find("^af%.") and not SELDOM[name] and 1 or 2]
  local bytes = group == groups[2] and shorten(source, chunk_name)
    or drop_locals(string.dump(assert(load(source, chunk_name, "t"))))
  group.len = group.len or 0
  group[#group + 1] = { name = name, start = group.len, bytes = bytes }
  group.len = group.len + #bytes
end

out:write('#include "embedded.h"\n\n')
local rows, packs = {}, {}
for number, group in ipairs(groups) do
  local all = {}
  for i, script in ipairs(group) do
    all[i] = script.bytes
    rows[#rows + 1] = ('    {"%s", %d, %d, %d},\n')
      :format(script.name, number - 1, script.start, #script.bytes)
  end
  local packed = table.concat(all)
  if number == 2 or os.getenv("PACK_ALL") then packed = pack(packed) end
  out:write(("static const unsigned char group_%d[] = {"):format(number))
  for k = 1, #packed do
    out:write((k % 24 == 1) and "\n    " or "", packed:byte(k), ",")
  end
  out:write("\n};\n\n")
  packs[number] = ("    {group_%d, %d},\n"):format(number, #packed)
end
out:write("const struct af_embedded_group af_embedded_groups[] = {\n", table.concat(packs), "};\n")
out:write("const struct af_embedded af_embedded_scripts[] = {\n", table.concat(rows), "};\n")
out:write(("const size_t af_embedded_count = %d;\n"):format(#rows))
out:close()
