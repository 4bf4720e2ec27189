--- BassProxy: the platform's task manager.

local class = require "af.class"

local BassProxy = class.new {}

local function need_task(task_id)
  if type(task_id) ~= "string" or task_id == "" then
    error("BassProxy: expected a task ID, got " .. tostring(task_id), 3)
  end
end

---Tells whether local data passed validation. No effect in mock.
function BassProxy:notify_dataset_state(task_id, verified, cause)
  need_task(task_id)
  if type(verified) ~= "boolean" then
    error("notify_dataset_state: verified must be a boolean, got " .. tostring(verified), 2)
  elseif cause ~= nil and type(cause) ~= "string" then
    error("notify_dataset_state: cause must be a string, got a " .. type(cause), 2)
  end
  host.call("dataset", { task = task_id, verified = verified, cause = cause })
end

---Asks to start a task from an uploaded bundle. No effect in mock, and true.
function BassProxy:launch_task(task_id, file_key)
  need_task(task_id)
  if type(file_key) ~= "string" then
    error("launch_task: file_key must be a string, got a " .. type(file_key), 2)
  end
  host.call("launch", { task = task_id, file_key = file_key })
  return true
end

return BassProxy
