-- afrun FILE --mock --allow-fail --trace - --trace-data
-- Two scripts: what the calls of contractors and of the data channel do without their options.
local af = require "af"
local Hello, Bye = af.event("hello", { n = af.integer }), af.event("bye", {})
local Factory = af.TaskMessageEventFactory:extend { Hello, Bye }
local Mine = af.TaskMessageContractor:extend { event_factory = Factory }
local function show(party, ...) for _, value in ipairs { ... } do party:log("%s", tostring(value)) end end
return af.flow { name = "sequential", mock = { first = 1, second = 1, third = 1 }, roles = {
  first = function(party)
    local contractor = Mine(party.task_id)
    local channel = af.data_channel(contractor)
    contractor:new_contract("second-1", Hello { n = 0 })
    for event in contractor:contract_events({ types = { Hello } --[[af.ContractEventsOptions.timeout]] }) do
      show(party, "heard", event, af.now())
      break
    end
    show(party, channel:send_stream { target = "second-1", --[[af.SendOptions.timeout]] --[[af.SendOptions.source]]
      data_stream = "late", --[[af.SendOptions.complementary_handler]] })
    local ok, got = pcall(channel.batch_send_stream, channel, { target = { "second-1" }, data_stream = "bytes",
      timeout = 5, --[[af.SendOptions.ensure_all_succ]] })
    show(party, ok, type(got) == "table" and #got or got, af.now())
    contractor:deny_sending_data("second-1", "session", "first-1"--[[af.TaskMessageContractor:deny_sending_data(cause)]])
    contractor:accept_sending_data("second-1", "session", {
      --[[af.TaskMessageContractor:accept_sending_data(opts).receiver]] })
    contractor:upload_file(af.content("a file")--[[af.TaskContractor:upload_file(persistent)]])
    contractor:upload_file(af.content("another"), false--[[af.TaskContractor:upload_file(upload_name)]])
    contractor:new_contract("second-1", Bye {})
    show(party, channel:send_stream { target = "third-1", data_stream = "bytes", timeout = 1 })
    contractor:new_contract("third-1", Bye {})
  end,
  second = function(party)
    local contractor = Mine(party.task_id)
    local channel = af.data_channel(contractor)
    af.sleep(100)
    contractor:new_contract("first-1", Hello { n = 1 })
    af.sleep(50)
    contractor:new_contract("first-1", Hello { n = 2 })
    local source, bytes = channel:receive_stream { source = "first-1", --[[af.ReceiveOptions.receiver]]
      --[[af.ReceiveOptions.complementary_handler]] --[[af.ReceiveOptions.path]] }
    show(party, source, bytes, af.now())
    local ok, got = pcall(channel.batch_receive_stream, channel, { source_list = { "none" }, timeout = 1,
      --[[af.ReceiveOptions.ensure_all_succ]] })
    show(party, ok, type(got) == "table" and next(got) or got)
    for event in contractor:contract_events { timeout = 60,
      --[[af.ContractEventsOptions.types]] --[[af.ContractEventsOptions.except]] } do
      show(party, event)
      if Bye:is(event) then break end
    end
  end,
  third = function(party)
    local contractor = Mine(party.task_id)
    show(party, af.data_channel(contractor):receive_stream { source = "first-1", --[[af.ReceiveOptions.timeout]] })
    for event in contractor:contract_events(--[[af.TaskMessageContractor:contract_events(options)]]) do
      show(party, event)
      break
    end
  end,
} }
