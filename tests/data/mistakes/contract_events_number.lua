-- afrun FILE --mock: 1
-- :5: contract_events: write contract_events { timeout = 30 }
local af = require "af"
af.mock_context(function()
  for event in af.TaskMessageContractor("t"):contract_events(30) do print(event) end
end)
