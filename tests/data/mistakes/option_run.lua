-- afrun FILE --mock: 2
-- :4: af.process.run: 'arg' is not an option of it; did you mean 'args'?
local af = require "af"
af.process.run("sh", { arg = { "x" } })
