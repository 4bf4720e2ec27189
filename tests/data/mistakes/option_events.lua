-- afrun FILE --mock: 1
-- :5: contract_events: 'type' is not an option of it; did you mean 'types'?
local af = require "af"
af.mock_context({ id = "a", nodes = { "a" } }, function()
  for _ in af.TaskMessageContractor("t"):contract_events { type = { af.PartyFailed } } do break end
end)
