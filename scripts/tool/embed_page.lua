--- Writes the files of scripts/page/ as one C file: `lua5.4 embed_page.lua OUT.c FILE …`.
---
--- Run by make. They are packed as a whole by the command in PACK, without indentation and lines of
--- comment (runtime/http/pages.h).

local out_name = arg[1]
local all, rows, at = {}, {}, 0
for i = 2, #arg do
  local text = assert(io.open(arg[i], "rb")):read("a")
  text = ("\n" .. text):gsub("\n +", "\n"):gsub("\n//[^\n]*", ""):sub(2)
  all[#all + 1] = text
  rows[#rows + 1] = ('    {"%s", %d, %d},\n'):format(arg[i]:match("[^/]+$"), at, #text)
  at = at + #text
end
local whole = assert(io.open(out_name .. ".packing", "wb"))
whole:write(table.concat(all))
whole:close()
local packed = assert(io.popen(os.getenv("PACK") .. " '" .. out_name .. ".packing'")):read("a")
os.remove(out_name .. ".packing")

local out = assert(io.open(out_name, "wb"))
out:write('#include "http/pages.h"\n\nconst unsigned char af_pages_packed[] = {')
for k = 1, #packed do
  out:write((k % 24 == 1) and "\n    " or "", packed:byte(k), ",")
end
out:write("\n};\n", ("const size_t af_pages_packed_len = %d;\n"):format(#packed))
out:write("const struct af_page af_pages[] = {\n", table.concat(rows), "};\n")
out:write(("const size_t af_page_count = %d;\n"):format(#rows))
out:close()
