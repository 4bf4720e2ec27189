-- Who may include whom: layers.lua includes | symbols BUILD. Prints what breaks the table of
-- runtime/README.md, a line each.
--
-- The table's last column says which folders a folder's files may include, besides its own and
-- base; `*` is all of them. An object may need what an object of such a folder defines, or of a
-- folder that one of those may include.
--
-- Within a folder of runtime/ files do not need each other, but those of a machine (below), whose
-- README.md says what it is. Within bindings/ the rows of its README.md are layers: an object may
-- need what an object of its own row, or of one above, defines.

-- Which header includes what from outside of the table, and which symbols may be defined above.
local exceptions = {
  -- The table of buses has a row for each of them.
  ["bus/bus.c"] = {
    ["bus/local"] = true, ["bus/http"] = true, ["bus/nats"] = true, ["bus/sidecar"] = true,
  },
  -- The program is put together in one place.
  ["cli/main.c"] = { bindings = true },
}
-- Files that are one machine, each of which may need each: by folder.
local machines = {
  ["bus/http"] = "bass bus queue task",
  ["bus/local"] = "bus files",
  ["bus/nats"] = "ask bus cluster files front hear hold keep publish queue status tasks",
  ["bus/sidecar"] = "bus outbox pops store",
  http = "body exchange peers server",
  live = "flow live party reload scripts state wait",
  party = "commit take wait",
  worker = "host host_files host_hear host_queue",
}
-- What these headers declare, bindings/ may define.
local for_bindings = {
  "runtime/script/script.h", "runtime/script/tool.h", "runtime/script/driver.h",
}

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  pipe:close()
  return text:gmatch "[^\n]+"
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

-- folder -> set of the folders that it may include
local function read_table()
  local may, order = {}, {}
  for name, list in read "runtime/README.md":gmatch "\n| %[([%w/]+)%]%b() |[^|\n]*|([^|\n]*)|" do
    may[name] = { [name] = true, base = true }
    order[#order + 1] = name
    for other in list:gmatch "[%w/*]+" do may[name][other] = true end
  end
  assert(#order > 0, "runtime/README.md has no table of folders")
  for _, name in ipairs(order) do
    if may[name]["*"] then
      for _, other in ipairs(order) do may[name][other] = true end
    end
  end
  return may
end

local function folder_of(path) -- below runtime/ or bindings/
  return path:match "^runtime/(.+)/[^/]+$" or path:match "^(bindings)/"
end

local function exempt(path, folder)
  local row = exceptions[path:match "^runtime/(.+)$" or ""]
  return row ~= nil and row[folder] == true
end

local function check_includes(may)
  for path in lines_of "find runtime -name '*.[ch]' | LC_ALL=C sort" do
    local folder = folder_of(path)
    if folder == nil or may[folder] == nil then
      print(path .. ": stands in no folder of the table")
    else
      local number = 0
      for line in (read(path) .. "\n"):gmatch "([^\n]*)\n" do
        number = number + 1
        local header = line:match '^#%s*include%s+"([^"]+)"'
        local from = header and (header:match "^(.+)/[^/]+$" or "bindings")
        if header and not may[folder][from] and not exempt(path, from) then
          print(("%s:%d: %s may not include %s"):format(path, number, folder, header))
        end
      end
    end
  end
end

-- All that a folder may include, directly or by what it includes.
local function reach(may, folder, seen)
  seen = seen or {}
  for other in pairs(may[folder] or {}) do
    if not seen[other] then
      seen[other] = true
      reach(may, other, seen)
    end
  end
  return seen
end

-- file of bindings/ without its ending -> the number of its row
local function read_rows()
  local rows, number = {}, 0
  for cell in read "bindings/README.md":gmatch "\n| (`lua_[^|]*)|" do
    number = number + 1
    for name in cell:gmatch "`([%w_]+)`" do rows["bindings/" .. name] = number end
  end
  assert(number > 0, "bindings/README.md has no table of files")
  return rows
end

local function check_rows(needed, defined_by)
  local rows = read_rows()
  for path in lines_of "find bindings -name '*.c' | LC_ALL=C sort" do
    if rows[path:match "^(.+)%.c$"] == nil then
      print(path .. ": stands in no row of bindings/README.md")
    end
  end
  for _, need in ipairs(needed) do
    local by = defined_by[need.name] or ""
    local source, from = need.path:match "^(.+)%.o$", by:match "^(.+)%.o$"
    if rows[source] and rows[from] and rows[from] > rows[source] then
      print(("%s.c: needs %s of %s.c, a layer above"):format(source, need.name, from))
    end
  end
end

-- The files that can be come by from one, of its folder, by what they need.
local function come_by(needs, path, met)
  for other in pairs(needs[path] or {}) do
    if not met[other] then
      met[other] = true
      come_by(needs, other, met)
    end
  end
  return met
end

local function check_circles(needed, defined_by)
  local needs, circles, seen = {}, {}, {}
  for _, need in ipairs(needed) do
    local by, folder = defined_by[need.name], folder_of(need.path)
    if by and by ~= need.path and folder ~= "bindings" and folder_of(by) == folder then
      needs[need.path] = needs[need.path] or {}
      needs[need.path][by] = true
    end
  end
  for path in pairs(needs) do
    local names = {}
    for other in pairs(come_by(needs, path, {})) do
      if come_by(needs, other, {})[path] then names[#names + 1] = other:match "([^/]+)%.o$" end
    end
    table.sort(names)
    circles[folder_of(path) .. ": " .. table.concat(names, " ")] = #names > 0 or nil
  end
  for folder, names in pairs(machines) do
    local circle = folder .. ": " .. names
    if not circles[circle] then seen[#seen + 1] = circle .. ": are no circle any more" end
    circles[circle] = nil
  end
  for circle in pairs(circles) do
    seen[#seen + 1] = circle .. ": need each other, and are no machine"
  end
  table.sort(seen)
  for _, line in ipairs(seen) do print("runtime/" .. line) end
end

local function check_symbols(may, build)
  local declared = ""
  for _, header in ipairs(for_bindings) do declared = declared .. read(header) end
  local defined, defined_by, needed = {}, {}, {}
  local find = ("find %s/runtime %s/bindings -name '*.o' | LC_ALL=C sort"):format(build, build)
  local objects = {}
  for object in lines_of(find) do
    -- An object may be left of a file that is gone.
    local source = io.open((object:sub(#build + 2):gsub("%.o$", ".c")))
    if source then
      source:close()
      objects[#objects + 1] = object
    end
  end
  for line in lines_of("nm -g -A " .. table.concat(objects, " ")) do
    local object, kind, name = line:match "^([^:]+):.*(%u) (%S+)$"
    local path = object and object:sub(#build + 2)
    if kind == "U" then
      needed[#needed + 1] = { path = path, name = name }
    elseif kind then
      defined[name] = folder_of(path)
      defined_by[name] = path
      if not name:find "^af_" and name ~= "main" then
        print(("%s: exports %s, which does not begin with af_"):format(path, name))
      end
    end
  end
  for _, need in ipairs(needed) do
    local from, folder = defined[need.name], folder_of(need.path)
    local source = need.path:gsub("%.o$", ".c")
    local allowed = from == nil or folder == "bindings" or from == folder or exempt(source, from) or
      reach(may, folder)[from] or
      (from == "bindings" and declared:find("%f[%w_]" .. need.name .. "%("))
    if not allowed then
      print(("%s: %s needs %s, which %s defines"):format(source, folder, need.name, from))
    end
  end
  check_rows(needed, defined_by)
  check_circles(needed, defined_by)
end

local what, build = arg[1], arg[2]
if what == "includes" then
  check_includes(read_table())
else
  check_symbols(read_table(), build)
end
