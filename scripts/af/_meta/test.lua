---@meta af.test
--- For editors (LuaLS): what `require "af.test"` gives is told in af.lua, as `t`.

---@type af.test
local t
return t
