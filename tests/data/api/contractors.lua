-- Contractors within handlers, predefined events, files. Expected: exit 0.
local af = require "af"

local Ask = af.event("ask", {})
local Factory = af.TaskMessageEventFactory:extend { Ask }
local Contractor = af.TaskMessageContractor:extend { event_factory = Factory }

function Contractor:ask(target)
  return self:new_contract(target, Ask {})
end

return af.flow {
  name = "contractors", mock = { a = 1, b = 2 },
  roles = {
    a = { start = "s", states = { s = {
      enter = function(party)
        local c = Contractor(party.task_id)
        af.expect(#c:ask("b-1") == 36 and #c:ask(c.EVERYONE) == 36)
        af.expect(not pcall(c.contract_events, c, {}))
        af.expect(#party.contractor:query_nodes() == 3 and af.EVERYONE == "*")
        party:report_progress(50)
        af.expect(not pcall(party.report_progress, party, 50.5))
        local url = party:upload_file(af.content("bytes"), true, "name")
        af.expect(url == "mock://file/" ..
          "bf81c4d44a2db52e48543bb2b1b7b4ba2ed2bf60a1c2d61c2d5fd97b9c5e8b4a" or #url == 76, url)
        af.expect(af.download(url) == "bytes")
        af.expect(not pcall(af.download, url, { max_bytes = 2 }))
        af.expect(not pcall(af.download, url, { sha256 = ("0"):rep(64) }))
        af.expect(not pcall(af.download, "http://nowhere/"))
        party:upload_task_achivement("b-1", af.content("model"), af.content("report"))
        party:notify_task_completion(true)
        party.contractor:apply_sending_data(party.id, "b-1", { file_url = url })
        party.contractor:apply_sending_data(party.id, "b-1", { public_key = "key\0" })
        party.contractor:accept_sending_data("b-1", "s", { port = "1", public_key = "k" })
        party.contractor:accept_sending_data("b-1", "s")
        party.contractor:deny_sending_data("b-1", "s", party.id)
        af.BassProxy():notify_dataset_state(party.task_id, false, "why")
        af.expect(af.BassProxy():launch_task(party.task_id, "key") == true)
        return "told"
      end,
    }, told = {
      may_end = true, ignore = { Ask },
      [af.NoticeTaskCompletion] = function(_, event) af.expect(event.result == true) end,
    } } },
    b = { data = function() return { asked = 0 } end, start = "s", states = { s = {
      may_end = true,
      [Ask] = function(party) party.data.asked = party.data.asked + 1 end,
      [af.TaskFileUpload] = function(_, event)
        af.expect(af.download(event.file_url) == event.file_type)
      end,
      [af.ApplyGrpcSendingData] = function(_, event) af.expect(event.public_key == "key\0") end,
      [af.ApplySfSendingData] = function(_, event) af.expect(event.target[1] == "b-1") end,
      [af.AcceptSfSendingData] = function(_, event) af.expect(event.receiver == "a-1") end,
      [af.DenySendingData] = function(_, event) af.expect(event.cause == nil) end,
    } } },
  },
}
