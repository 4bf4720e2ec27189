--- TaskMessageContractor: sends and receives one task's contracts.

local TaskContractor = require "af.task_contractor"
local class = require "af.class"
local event_factory = require "af.event_factory"
local keys = require "af.keys"
local predefined = require "af.predefined_events"

---The platform's URL for results that are none.
local EMPTY_ACHIEVEMENT = "https://minio.ssplabs.com/playground-saas/tmp.zip"

local TaskMessageContractor = class.new({
  event_factory = event_factory.TaskMessageEventFactory,
}, TaskContractor)

---A call with '.' for ':' is a common slip.
local function check_self(self, method)
  if type(self) ~= "table" or type(self.task_id) ~= "string" or type(self.CHANNEL) ~= "string" then
    error(("%s: call it with a colon, on a contractor: contractor:%s(…)"):format(method, method), 3)
  end
end

local function target_list(targets)
  if type(targets) == "string" then
    return { targets }
  elseif type(targets) ~= "table" then
    error("new_contract: targets are a node's ID or a list of them, got a " .. type(targets), 3)
  end
  local list, seen = {}, {}
  for i, target in ipairs(targets) do
    if type(target) ~= "string" then
      error(("new_contract: target %d is no node's ID"):format(i), 3)
    elseif target == "*" then
      error("new_contract: a list of targets must not contain EVERYONE; send to EVERYONE alone", 3)
    end
    if not seen[target] then
      seen[target] = true
      list[#list + 1] = target
    end
  end
  return list
end

local function publish(self, targets, event, title)
  if host.is_event_class(event) then
    error(("new_contract: expected an event, got the event type '%s'; build one of it"):format(
      event.TYPE), 3)
  elseif host.event_class(event) == nil then
    error("new_contract: expected an event, got a " .. type(event), 3)
  end
  if host.in_handler() then
    return host.send(targets, event, title, self.task_id, self.CHANNEL)
  end
  local list = target_list(targets)
  local uuid = host.uuid()
  if #list > 0 then
    host.call("publish", {
      task = self.task_id, channel = self.CHANNEL, title = title, targets = list, uuid = uuid,
      type = event.type,
    }, host.event_write(event))
  end
  return uuid
end

---Sends an event.
function TaskMessageContractor:new_contract(targets, event)
  check_self(self, "new_contract")
  return publish(self, targets, event, "task_inside")
end

---The names of the event types that a wait is for.
local function type_names(option, types)
  if types == nil then
    return nil
  elseif type(types) ~= "table" then
    error(("contract_events: %s must be a list of event types, got a %s"):format(option,
      type(types)), 3)
  end
  local names = {}
  for i, class_of in ipairs(types) do
    if not host.is_event_class(class_of) then
      error(("contract_events: %s[%d] is no event type"):format(option, i), 3)
    end
    names[i] = class_of.TYPE
  end
  return names
end

local info_names = { from = true, uuid = true, time = true }
local event_options = { timeout = true, types = true, except = true }
local apply_options = { file_url = true, public_key = true }
local accept_options = { port = true, public_key = true, receiver = true }

local function check_options(options)
  if type(options) == "number" then
    error(("contract_events: write contract_events { timeout = %s }"):format(options), 3)
  elseif options ~= nil and type(options) ~= "table" then
    error(("contract_events: expected { timeout = … }, got a %s"):format(type(options)), 3)
  end
  keys.check("contract_events", options or {}, event_options, 3)
end

---Iterates over received events:
---`for event, info in contractor:contract_events { timeout = 30 } do`.
---timeout: seconds from now; 0 or absent: for ever. types: only events of these types, except: none
---of these; others stay where they are, for the next loop.
function TaskMessageContractor:contract_events(options)
  check_self(self, "contract_events")
  check_options(options)
  if host.in_handler() then
    error("contract_events: a handler is given its events; only a sequential script loops", 2)
  end
  local timeout = options and options.timeout
  if timeout ~= nil and (type(timeout) ~= "number" or not (timeout >= 0)) then
    error("contract_events: timeout must be a number of seconds, got " .. tostring(timeout), 2)
  end
  local until_s = timeout and timeout > 0 and host.now() + timeout or nil
  local only = type_names("types", options and options.types)
  local except = type_names("except", options and options.except)
  return function()
    while true do
      local reply, content = host.call("next_event", {
        task = self.task_id, channel = self.CHANNEL, until_s = until_s, only = only,
        except = except,
      })
      if reply.over then
        return nil
      end
      local event, why = self.event_factory:read(reply.type, content)
      if event then
        return event, host.strict({ from = reply.from, uuid = reply.uuid, time = reply.time },
          "info has no", info_names)
      end
      host.call("reject", { uuid = reply.uuid, type = reply.type, from = reply.from, why = why })
    end
  end
end

---Asks to send data: with opts.file_url through a shared file, with opts.public_key directly.
function TaskMessageContractor:apply_sending_data(source, target, opts)
  check_self(self, "apply_sending_data")
  opts = opts or {}
  keys.check("apply_sending_data", opts, apply_options, 2)
  local session_id = host.session_id()
  local event
  if opts.file_url then
    event = predefined.ApplySfSendingData {
      session_id = session_id, source = source, file_url = opts.file_url,
      target = type(target) == "string" and { target } or target,
    }
  elseif opts.public_key then
    event = predefined.ApplyGrpcSendingData {
      session_id = session_id, source = source, target = target, public_key = opts.public_key,
    }
  else
    error("apply_sending_data: needs opts.file_url or opts.public_key", 2)
  end
  publish(self, target, event, "task_inside")
  return session_id
end

function TaskMessageContractor:deny_sending_data(target, session_id, rejecter, cause)
  check_self(self, "deny_sending_data")
  publish(self, target, predefined.DenySendingData {
    session_id = session_id, rejecter = rejecter, cause = cause,
  }, "task_inside")
end

function TaskMessageContractor:accept_sending_data(target, session_id, opts)
  check_self(self, "accept_sending_data")
  opts = opts or {}
  keys.check("accept_sending_data", opts, accept_options, 2)
  local event
  if opts.port then
    event = predefined.AcceptGrpcSendingData {
      session_id = session_id, public_key = opts.public_key, port = opts.port,
    }
  else
    local receiver = opts.receiver or host.call("whoami", {}).id
    event = predefined.AcceptSfSendingData { session_id = session_id, receiver = receiver }
  end
  publish(self, target, event, "task_inside")
end

local function upload_result(self, receivers, file, file_type)
  local url = EMPTY_ACHIEVEMENT
  if file ~= nil then
    url = self:upload_file(file, true)
  end
  publish(self, receivers, predefined.TaskFileUpload { file_type = file_type, file_url = url },
    "task_file_upload")
end

---Uploads a report and tells the receivers. A missing file is an error; nil: there is none.
function TaskMessageContractor:upload_metric_report(receivers, file)
  check_self(self, "upload_metric_report")
  upload_result(self, receivers, file, "report")
end

---The same for a model.
function TaskMessageContractor:upload_model(receivers, file)
  check_self(self, "upload_model")
  upload_result(self, receivers, file, "model")
end

---The older call for both.
function TaskMessageContractor:upload_task_achivement(aggregator, model_file, report_file)
  check_self(self, "upload_task_achivement")
  self:upload_model(aggregator, model_file)
  self:upload_metric_report(aggregator, report_file)
end

TaskMessageContractor.upload_task_achievement = TaskMessageContractor.upload_task_achivement

---Tells all parties, this one included, that the task is over.
function TaskMessageContractor:notify_task_completion(result)
  check_self(self, "notify_task_completion")
  publish(self, "*", predefined.NoticeTaskCompletion { result = result }, "task_finish")
end

return TaskMessageContractor
