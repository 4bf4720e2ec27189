-- 2: io
local file = io.open("/etc/hostname") -- HERE
return file
