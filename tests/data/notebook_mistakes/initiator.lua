--- The tutorial's second mistake: the loop that waits for the response never breaks.

local af = require "af"
local sync = require "sync_contractor"

local MY_ID = "d54a3af2-83e2-4da6-bc8d-2dc03634612c"
local TASK_ID = "79ce0d22-22f8-4f5d-8d0f-35ad0b26db7b"
local PARTICIPANTS = {
  MY_ID, "8983ba98-74ac-41eb-9588-2c2d57ecf8cb", "4c6db456-3ece-4e2f-a165-585d0a6f175c",
}
local NODES = {
  "2d7514b7-f2fc-4f6c-8d88-849339bd268a", PARTICIPANTS[2], PARTICIPANTS[3], MY_ID,
}

af.mock_context({ id = MY_ID, nodes = NODES }, function()
  local contractor = sync.SyncContractor(TASK_ID)
  local querier

  print("等待状态同步请求中 ...")
  for event in contractor:contract_events() do
    if sync.events.Query:is(event) then
      querier = event.querier
      print("收到状态查询消息，查询者为: " .. querier)
      contractor:sync_state(querier, MY_ID, 11, PARTICIPANTS)
      break
    end
  end

  print("等待状态同步响应中 ...")
  for event in contractor:contract_events() do
    if sync.events.SyncResp:is(event) and event.querier == querier then
      print(("与 %s 同步状态完成."):format(querier))
    end
  end
end)
