-- 1: count
local af = require "af"
local count = 0
local words = setmetatable({}, { __index = function()
  count = count + 1
  return count
end })
return af.flow {
  name = "impure_metatable",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function()
            return af.done(words.first)
          end,
        },
      },
    },
  },
}
