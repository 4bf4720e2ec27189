--- TaskContractor: one task's nodes, files and progress.

local class = require "af.class"
local files = require "af.files"

local TaskContractor = class.new {
  EVERYONE = "*",
  CHANNEL = "federated",
}

function TaskContractor:init(task_id)
  if type(task_id) ~= "string" or task_id == "" then
    error("a contractor needs a task ID, got " .. tostring(task_id), 4)
  end
  self.task_id = task_id
end

---A call with '.' for ':' is a common slip.
local function check_self(self, method)
  if type(self) ~= "table" or type(self.task_id) ~= "string" then
    error(("%s: call it with a colon, on a contractor: contractor:%s(…)"):format(method, method), 3)
  end
end

function TaskContractor:query_nodes()
  check_self(self, "query_nodes")
  return (host.call("nodes", { task = self.task_id }))
end

function TaskContractor:upload_file(source, persistent, upload_name)
  check_self(self, "upload_file")
  return (files.upload(self.task_id, source, persistent, upload_name, 2)) -- no tail call: a frame
end

function TaskContractor:report_progress(percent)
  check_self(self, "report_progress")
  if math.type(percent) ~= "integer" or percent < 0 or percent > 100 then
    error("report_progress: expected an integer from 0 to 100, got " .. tostring(percent), 2)
  end
  if host.in_handler() then
    host.progress(percent)
  else
    host.call("progress", { task = self.task_id, percent = percent })
  end
end

return TaskContractor
