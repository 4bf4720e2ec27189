-- Takes one thing from s, then expects another source: what s sends meanwhile is refused.
local af = require "af"

local function work(me)
  local channel = af.data_channel(af.TaskMessageContractor("channel-task"))
  print("got", channel:receive_stream { receiver = me, source = "s", timeout = 20 })
  print("got", channel:receive_stream { receiver = me, source = "r1", timeout = 20 })
  print("sent", channel:send_stream { source = me, target = "s", data_stream = "result-2",
    timeout = 20 })
end

if af.mock_node_id() == nil or af.is_mock_mode() then
  af.mock_context({ id = "r2", nodes = { "s", "r1", "r2" } }, function() work("r2") end)
else
  work(af.mock_node_id())
end
