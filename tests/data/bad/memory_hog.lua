-- 1: memory
local af = require "af"
return af.flow {
  name = "memory_hog",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            local hog = {}
            while true do hog[#hog + 1] = ("x"):rep(100000) .. #hog end -- HERE
          end,
        },
      },
    },
  },
}
