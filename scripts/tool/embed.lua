--- Writes library scripts as one C file: `lua5.4 embed.lua ROOT OUT.c FILE.lua …`.
---
--- Run by make. The library (af.…), which every start needs, is bytecode, which loads several times
--- faster than source. What shapes texts (tool.…) is source without its comments, which is packed
--- to two thirds of its bytecode. Either group is packed as a whole, by the command
--- in PACK.

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

local groups = { { of = "^af%." }, { of = "^tool%." } }
for i = 3, #arg do
  local path = arg[i]
  local name = path:sub(#root + 2, -5):gsub("/", ".")
  local source = assert(io.open(path, "rb")):read("a")
  local chunk_name = "@" .. name:gsub("%.", "/") .. ".lua"
  local group = groups[name:find(groups[1].of) and 1 or 2]
  local bytes = group == groups[1] and string.dump(assert(load(source, chunk_name, "t")))
    or shorten(source, chunk_name)
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
  local packed = pack(table.concat(all))
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
