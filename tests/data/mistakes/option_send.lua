-- afrun FILE --mock: 1
-- :6: send_stream: 'targets' is not an option of it; did you mean 'target'?
local af = require "af"
af.mock_context({ id = "a", nodes = { "a" } }, function()
  local channel = af.data_channel(af.TaskMessageContractor("t"))
  channel:send_stream { targets = "a", data_stream = "x" }
end)
