--- The tutorial's first mistake: the collaborator does not expect the copy of its own query.

local af = require "af"
local sync = require "sync_contractor"

local MY_ID = "2d7514b7-f2fc-4f6c-8d88-849339bd268a"
local TASK_ID = "79ce0d22-22f8-4f5d-8d0f-35ad0b26db7b"
local NODES = {
  MY_ID,
  "8983ba98-74ac-41eb-9588-2c2d57ecf8cb",
  "4c6db456-3ece-4e2f-a165-585d0a6f175c",
  "d54a3af2-83e2-4da6-bc8d-2dc03634612c",
}

af.mock_context({ id = MY_ID, nodes = NODES }, function()
  local contractor = sync.SyncContractor(TASK_ID)

  print("发送状态查询请求")
  contractor:query_state(MY_ID)

  print("等待状态同步消息 ...")
  for event in contractor:contract_events() do -- luacheck: ignore 512
    assert(sync.events.Sync:is(event), "expected the state, got " .. tostring(event))
    print("收到状态同步消息")
    contractor:sync_response(event.aggregator, MY_ID)
    print(("与 %s 同步状态完成."):format(event.aggregator))
    break
  end
end)
