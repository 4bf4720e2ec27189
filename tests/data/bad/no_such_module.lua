-- 2: no_such_module_here
local missing = require "no_such_module_here" -- HERE
return missing
