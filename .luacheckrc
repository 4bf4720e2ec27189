-- What luacheck may assume of our Lua, and of what flows see in the sandbox.
std = "lua54"
max_line_length = 100
unused_args = false
self = false
-- Mistakes are what those are there for; a text of the reference is a line, and zh.lua is one of texts.
exclude_files = { "tests/data/mistakes", "tests/data/defaults", "scripts/af/_meta/af.lua", "scripts/af/_meta/test.lua",
  "scripts/af/_meta/zh.lua", "scripts/af/_meta/zh_fields.lua", "scripts/af/_meta/zh_help.lua" }
ignore = { "581" } -- `not (x >= 0)` is not `x < 0`: it takes NaN too

-- The sandbox: no io, os, debug, package, load, dofile, collectgarbage.
stds.sandbox = dofile("scripts/af/_meta/luacheck.lua")

files["scripts/af"].read_globals = { "host" } -- what C gives; see scripts/af/_meta/host.lua
files["scripts/af/_meta"] = { globals = { "host" } }
files["flows"].std = "sandbox"
files["tests/data/check"].std = "sandbox"
