-- 2: two event types are named 'go'
local af = require "af"
local Go = af.event("go")
local Again = af.event("go", { count = af.integer })
return af.flow {
  name = "two_types_of_one_name",
  roles = { one = { start = "a", states = { a = { [Go] = "b" }, b = { [Again] = "a" } } } },
}
