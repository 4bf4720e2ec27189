--- `afrun nats config`: what the servers of a cluster are started with, and who may do what there.

local config = {}

--- What a node may send: NODE stands for it, and + for + and the digit of its consumer
--- (runtime/bus/nats/hold.c). What names the node is its own alone.
local sends = {
  "af.*.*.*.NODE", "afb.*.*.NODE", "afd.*.*.NODE", "aff.>", "afk.>",
  "aft.*", "afl.*.*.NODE", "afn.*.NODE.*",
  "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.MSG.GET.*",
  "$JS.API.DIRECT.GET.>",
  "$JS.API.CONSUMER.CREATE.*.NODE+.af.*.*.NODE.*", "$JS.API.CONSUMER.DELETE.*.NODE+",
  "$JS.API.CONSUMER.MSG.NEXT.*.NODE+", "$JS.ACK.*.NODE+.>",
}

local node = [==[
  { user: "CN=%{name}", permissions: {
    publish: { allow: [
      %{sends}
    ] }
    subscribe: { allow: ["_AF.%{name}.>"] }
  } }
]==]

local operator = '  { user: "CN=%{name}" }\n'

local server = [==[
# In this folder: nats-server -c %{name}.conf
server_name: %{name}
listen: "%{at}"
max_payload: 16MB
max_pending: 128MB
jetstream { store_dir: "%{name}" }
tls { %{tls}, verify_and_map: true }
%{cluster}include "nodes.conf"
]==]

-- Whoever has a certificate of the same authority could pose as a server: they have a secret, too.
local cluster = [==[
cluster {
  name: afrun
  listen: "%{route}"
  authorization { user: server, password: "%{secret}" }
  tls { %{tls}, verify: true }
  routes: [%{routes}]
}
]==]

local tls = 'cert_file: "%{name}.pem", key_file: "%{name}.key", ca_file: "ca.pem"'

local function fill(text, values)
  return (text:gsub("%%{(%w+)}", values))
end

--- The parts of a list; each fits, and stands there once. A list of none is refused: a server that
--- is told of no user lets everybody do everything.
local function parts(request, field, fits, as, seen)
  local list = {}
  for part in request[field]:gmatch "[^,]+" do
    if not fits(part) or seen[part] then
      local why = ("'%s' %s"):format(part, seen[part] and "is named twice" or as)
      error({ refused = why, what = "--" .. field })
    end
    seen[part] = true
    list[#list + 1] = part
  end
  if #list == 0 and request[field] ~= "" then
    error({ refused = ("'%s' names none"):format(request[field]), what = "--" .. field })
  end
  return list
end

local function is_name(name)
  return #name <= 60 and name:find "^[%w_-]+$"
end

--- Where routes go: the port of clients and 2000, as 4222 has 6222.
local function route_of(at)
  local host, port = at:match "^([%w.-]+):(%d+)$"
  if host == nil then
    host, port = at:match "^(%[[%x:.]+%]):(%d+)$"
  end
  port = math.tointeger(port)
  return port and port > 0 and port <= 63535 and ("%s:%d"):format(host, port + 2000)
end

local function subjects(name)
  local list = {}
  for _, subject in ipairs(sends) do
    local own = subject:gsub("NODE", name)
    for digit = 0, subject:find("+", 1, true) and 9 or 0 do
      list[#list + 1] = '"' .. own:gsub("%+", "+" .. digit) .. '"'
    end
  end
  return table.concat(list, ",\n      ")
end

local function write(request)
  local seen, users = {}, {}
  local plain = "cannot be a certificate's name and a subject's: "
    .. "letters, digits, - and _, at most 60"
  for _, name in ipairs(parts(request, "nodes", is_name, plain, seen)) do
    users[#users + 1] = fill(node, { name = name, sends = subjects(name) })
  end
  for _, name in ipairs(parts(request, "operators", is_name, plain, seen)) do
    users[#users + 1] = fill(operator, { name = name })
  end
  local files = { "nodes.conf", "authorization { users: [\n" .. table.concat(users) .. "] }\n" }
  local address = "is not HOST:PORT, of a port up to 63535"
  local servers = parts(request, "servers", route_of, address, seen)
  for i, at in ipairs(servers) do
    local routes = {}
    for j, other in ipairs(servers) do
      local route = ('"nats-route://server:%s@%s"'):format(request.secret, route_of(other))
      routes[#routes + 1] = j ~= i and route or nil
    end
    local values = {
      name = "server-" .. i, at = at, route = route_of(at), secret = request.secret,
      routes = table.concat(routes, ", "),
    }
    values.tls = fill(tls, values)
    values.cluster = #servers > 1 and fill(cluster, values) or ""
    files[#files + 1] = values.name .. ".conf"
    files[#files + 1] = fill(server, values)
  end
  return { files = files }
end

---@param request { nodes: string, servers: string, operators: string, secret: string }
---@return table  { files = { path, text, … } }, or { refused = why, what = option }
function config.work(request)
  local ok, answer = pcall(write, request)
  if not ok and type(answer) ~= "table" then error(answer, 0) end
  return answer
end

return config
