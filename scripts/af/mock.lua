--- A mock context: which node a script is, and which others there are.

local keys = require "af.keys"

local mock = {}

local context_options = { id = true, nodes = true, clean = true }

local function check_nodes(options)
  if type(options) ~= "table" then
    error("mock_context: expected { id =, nodes =, clean = } and a function, or a function", 3)
  end
  keys.check("mock_context", options, context_options, 3)
  local id, nodes = options.id, options.nodes
  if id ~= nil and (type(id) ~= "string" or id == "" or id == "*") then
    error("mock_context: id must be a node's ID, got " .. tostring(id), 3)
  elseif nodes ~= nil and type(nodes) ~= "table" then
    error("mock_context: nodes must be a list of IDs", 3)
  end
  for i, node in ipairs(nodes or {}) do
    if type(node) ~= "string" or node == "" or node == "*" then
      error(("mock_context: nodes[%d] is no node's ID"):format(i), 3)
    end
  end
end

---Runs fn in a mock context; the options may be left out.
function mock.mock_context(options, fn)
  if type(options) == "function" and fn == nil then options, fn = {}, options end
  check_nodes(options)
  if type(fn) ~= "function" then
    error("mock_context: expected a function to run", 2)
  end
  host.call("mock_enter", {
    id = options.id, nodes = options.nodes, clean = options.clean and true or false,
  })
  local function leave(...)
    host.call("mock_leave", {})
    return ...
  end
  return leave(fn())
end

function mock.is_mock_mode()
  return host.call("whoami", {}).mock
end

function mock.mock_node_id()
  return host.call("whoami", {}).id
end

function mock.mock_nodes()
  return host.call("whoami", {}).nodes
end

return mock
