--- Writes library scripts as one C file: `lua5.4 embed.lua ROOT OUT.c FILE.lua …`.
---
--- Run by make. Each script is compiled to bytecode, which loads several times faster than source.
--- Of the library line numbers are kept, so that an error in it names its line; of what shapes
--- texts (tool.…) they are left out, as they are half of it. All is packed by gzip.

local root, out_name = arg[1], arg[2]
local out = assert(io.open(out_name, "wb"))
out:write('#include "embedded.h"\n\n')

local function pack(bytes)
  local path = out_name .. ".packing"
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  local packed = assert(io.popen("gzip -9nc <'" .. path .. "'")):read("a")
  os.remove(path)
  return packed
end

local rows = {}
for i = 3, #arg do
  local path = arg[i]
  local name = path:sub(#root + 2, -5):gsub("/", ".")
  local source = assert(io.open(path, "rb")):read("a")
  local chunk = assert(load(source, "@" .. name:gsub("%.", "/") .. ".lua", "t"))
  local bytes = pack(string.dump(chunk, name:find("^tool%.") ~= nil))
  out:write(("static const unsigned char script_%d[] = {"):format(i))
  for k = 1, #bytes do
    out:write((k % 24 == 1) and "\n    " or "", bytes:byte(k), ",")
  end
  out:write("\n};\n\n")
  rows[#rows + 1] = ('    {"%s", script_%d, %d},\n'):format(name, i, #bytes)
end
out:write("const struct af_embedded af_embedded_scripts[] = {\n", table.concat(rows), "};\n")
out:write(("const size_t af_embedded_count = %d;\n"):format(#rows))
out:close()
