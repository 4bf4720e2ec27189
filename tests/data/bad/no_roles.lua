-- 2: the flow has no roles
local af = require "af"
return af.flow { name = "no_roles" }
