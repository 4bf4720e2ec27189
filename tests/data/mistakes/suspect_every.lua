-- afrun FILE --mock: 2
-- :4: af.patterns.suspect: 'every' must be a number of seconds above 0, got 0
local af = require "af"
local watch = af.patterns.suspect { every = 0, after = 5, suspected = function() end }
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", always = watch, states = { s = {} } } } }
