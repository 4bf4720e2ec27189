--- The party object's methods: for a flow's handlers, and for sequential roles.

local TaskMessageContractor = require "af.task_message_contractor"
local event_factory = require "af.event_factory"
local files = require "af.files"

local party = { methods = {}, sequential_methods = {} }

---Methods that both kinds have; they go through the task's contractor.
local shared = {}

local function check_self(self, name)
  if type(self) ~= "table" and type(self) ~= "userdata" then
    error(("party:%s: call it with a colon"):format(name), 3)
  end
end

function shared:log(format, ...)
  check_self(self, "log")
  local text = tostring(format)
  if select("#", ...) > 0 then
    text = text:format(...)
  end
  host.log(text)
end

function shared:now()
  check_self(self, "now")
  return host.now()
end

---Keeps bytes beside the data, by their content.
function shared:keep(bytes)
  host.own_party(self, "keep")
  if type(bytes) ~= "string" then
    error("party:keep: expected a string of bytes, got a " .. type(bytes), 2)
  end
  return (host.call("keep", {}, bytes))
end

function shared:kept(ref)
  host.own_party(self, "kept")
  return files.kept("party:kept", ref, 2)
end

shared.nodes = host.party_nodes

for _, name in ipairs { "upload_file", "report_progress", "upload_task_achivement",
  "upload_task_achievement", "upload_metric_report", "upload_model", "notify_task_completion" } do
  shared[name] = function(self, ...)
    check_self(self, name)
    return self.contractor[name](self.contractor, ...)
  end
end

for _, methods in ipairs { party.methods, party.sequential_methods } do
  for name, method in pairs(shared) do
    methods[name] = method
  end
end

party.methods.send = host.party_send
party.methods.broadcast = host.party_broadcast
party.methods.deadline = host.party_deadline


function party.sequential_methods:send(targets, event)
  self.contractor:new_contract(targets, event)
end

function party.sequential_methods:broadcast(event)
  local others = {}
  for _, id in ipairs(self:nodes()) do
    if id ~= self.id then
      others[#others + 1] = id
    end
  end
  self.contractor:new_contract(others, event)
end

function party.sequential_methods:deadline()
  error("party:deadline: a sequential role has no states; give contract_events a timeout", 2)
end

local names = { id = true, role = true, state = true, data = true, task_id = true, args = true,
  contractor = true }
for _, methods in ipairs { party.methods, party.sequential_methods } do
  host.strict(methods, "party has no", names)
end

---What all parties of a task share.
---@param task_id string
---@param events? table  the flow's event types
---@param args? table
function party.set_task(task_id, events, args)
  local contractor = TaskMessageContractor(task_id)
  contractor.event_factory = host.lock(
    event_factory.TaskMessageEventFactory:extend(events or {}), "party.contractor.event_factory")
  local locked = host.lock(contractor, "party.contractor")
  for _, methods in ipairs { party.methods, party.sequential_methods } do
    methods.task_id = task_id
    methods.contractor = locked
    methods.args = host.lock(args or {}, "party.args", true)
  end
end

return party
