-- afrun FILE --mock: 2
-- part 'p' has no role 'clients'; did you mean 'client'?
local af = require "af"
return af.part { name = "p", roles = { client = function(at)
  return { start = at.role "clients", states = { s = { enter = function(party) return at.done(party) end } } }
end } }
