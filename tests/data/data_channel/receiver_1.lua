-- Takes what comes from s, greets it meanwhile, and sends its own result, to r2 as well.
local af = require "af"

local Hello = af.event("hello", { text = af.string })
local Contractor = af.TaskMessageContractor:extend {
  event_factory = af.TaskMessageEventFactory:extend { Hello },
}

local function work(me)
  local contractor = Contractor("channel-task")
  local channel = af.data_channel(contractor)
  contractor:new_contract("s", Hello { text = "from-r1" })

  local source, bytes = channel:receive_stream { receiver = me, source = "s", timeout = 20 }
  print("got", source, #bytes, bytes:byte(1), bytes:byte(11))
  source, bytes = channel:receive_stream { receiver = me, source = "s", timeout = 20 }
  print("got", source, bytes)
  local event = contractor:contract_events { timeout = 20, types = { Hello } } ()
  print("told", event.text)
  print("to r2", channel:send_stream { source = me, target = "r2", data_stream = "from r1",
    timeout = 20 })
  print("sent", channel:send_stream { source = me, target = "s", data_stream = "result-1",
    timeout = 20 })
end

if af.mock_node_id() == nil or af.is_mock_mode() then
  af.mock_context({ id = "r1", nodes = { "s", "r1", "r2" } }, function() work("r1") end)
else
  work(af.mock_node_id())
end
