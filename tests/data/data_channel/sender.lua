-- Sends to one receiver, then to both; events that are not the channel's stay queued.
local af = require "af"

local Hello = af.event("hello", { text = af.string })
local Contractor = af.TaskMessageContractor:extend {
  event_factory = af.TaskMessageEventFactory:extend { Hello },
}

local function work(me)
  local contractor = Contractor("channel-task")
  local channel = af.data_channel(contractor)
  local bytes = "\0\1\2 bytes \255" .. ("x"):rep(1000)

  print("one", channel:send_stream {
    source = me, target = "r1", data_stream = bytes, timeout = 20,
  })

  local others = {}
  local both = channel:batch_send_stream {
    source = me, target = { "r1", "r2" }, data_stream = "to both", timeout = 20,
    ensure_all_succ = true,
    complementary_handler = function(event) others[#others + 1] = event.type end,
  }
  table.sort(both)
  print("both", table.concat(both, " "))

  local who, why = channel:send_stream { source = me, target = "r2", data_stream = "unwanted",
    timeout = 20 }
  print("unwanted", who, why)
  contractor:new_contract("r1", Hello { text = "go on" })

  local results = channel:batch_receive_stream { receiver = me, source_list = { "r1", "r2" },
    timeout = 20, ensure_all_succ = true }
  print("results", results.r1, results.r2)

  for event in contractor:contract_events { timeout = 5 } do
    if Hello:is(event) then
      others[#others + 1] = event.text
      break
    end
  end
  print("others", table.concat(others, " "))
end

if af.mock_node_id() == nil or af.is_mock_mode() then
  af.mock_context({ id = "s", nodes = { "s", "r1", "r2" } }, function() work("s") end)
else
  work(af.mock_node_id())
end
