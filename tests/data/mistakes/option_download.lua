-- afrun FILE --mock: 2
-- :4: af.download: 'timout' is not an option of it; did you mean 'timeout'?
local af = require "af"
af.download("mock://x", { timout = 1 })
