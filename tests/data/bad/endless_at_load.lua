-- 2: instructions
local n = 0
while true do n = n + 1 end -- HERE
