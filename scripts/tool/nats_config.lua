--- `afrun nats config`: what the servers of a cluster are started with, and who may do what there.

local config = {}

local NODES_MAX = 2000 --- each takes some 3 KB of nodes.conf
local misnamed = "cannot be a certificate's name and a subject's: "
  .. "letters, digits, - and _, at most 60"

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

--- The same of a front, which acts for every node, makes tasks and ends them.
local front = {
  "af.>", "afb.>", "afd.>", "aff.>", "afk.>", "aft.>", "afl.>", "afn.>", "afu.>",
  "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.DELETE.*",
  "$JS.API.STREAM.NAMES", "$JS.API.STREAM.PURGE.AFL", "$JS.API.STREAM.MSG.GET.*",
  "$JS.API.STREAM.MSG.DELETE.*", "$JS.API.DIRECT.GET.>",
  "$JS.API.CONSUMER.DELETE.*.*", "$JS.API.CONSUMER.INFO.*.*",
}

local user = [==[
  { user: "CN=%{name}", permissions: {
    publish: { allow: [
      %{sends}
    ] }
    subscribe: { allow: [%{hears}] }
  } }
]==]

local operator = '  { user: "CN=%{name}" }\n'

local server = [==[
# In this folder: nats-server -c %{name}.conf
server_name: %{name}
listen: "%{at}"
max_payload: 16MB
max_pending: 128MB
jetstream { store_dir: "%{name}"%{domain} }
tls { %{tls}, verify_and_map: true }
%{cluster}%{leaves}include "nodes.conf"
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

-- Leaf nodes come in here, each with what its own nodes may: whoever runs one has no more.
local leaves = [==[
leafnodes {
  listen: "%{leafnodes}"
  tls { %{tls}, verify_and_map: true }
}
]==]

-- Without JetStream of its own: requests go to that of the servers, by the name of its domain.
local leaf = [==[
# In a folder with ca.pem, %{name}.pem and %{name}.key: nats-server -c leaf-%{name}.conf
server_name: %{name}
listen: "%{at}"
max_payload: 16MB
max_pending: 128MB
tls { %{tls}, verify_and_map: true }
leafnodes { remotes: [
  { urls: [%{servers}], tls { %{tls} } }
] }
authorization { users: [
%{users}] }
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

--- A port above that of clients: routes go to 2000 more, as 4222 has 6222, leaf nodes to 3200.
local function above(at, by)
  local host, port = at:match "^([%w.-]+):(%d+)$"
  if host == nil then
    host, port = at:match "^(%[[%x:.]+%]):(%d+)$"
  end
  port = math.tointeger(port)
  return port and port > 0 and port + by <= 65535 and ("%s:%d"):format(host, port + by)
end

local function route_of(at)
  return above(at, 2000)
end

--- Two servers at one address: what is a client's port of one, and routes' of another.
local function refuse_collision(servers)
  local routes = {}
  for _, at in ipairs(servers) do routes[route_of(at)] = at end
  for _, at in ipairs(servers) do
    if #servers > 1 and routes[at] then
      local text = "'%s' is where '%s' hears the other servers: at its port and 2000"
      local why = text:format(at, routes[at])
      error({ refused = why, what = "--servers" })
    end
  end
end

--- A user of these names, of nodes or (rows) of one that is something else. plain: requests may
--- name no domain, domain: they may name ours.
local function user_of(name, nodes, rows, plain, domain)
  local list, hears = {}, {}
  for _, each in ipairs(nodes) do
    hears[#hears + 1] = ('"_AF.%s.>"'):format(each)
    for _, subject in ipairs(rows or sends) do
      local own = subject:gsub("NODE", each)
      for digit = 0, subject:find("+", 1, true) and 9 or 0 do
        local one = own:gsub("%+", "+" .. digit)
        local is_request = one:find("$JS.API.", 1, true) == 1
        if plain or not is_request then list[#list + 1] = one end
        if domain and is_request then list[#list + 1] = (one:gsub("^$JS", "$JS.afrun")) end
      end
    end
  end
  if rows then hears[#hears + 1] = '"af.>"' end
  return fill(user, {
    name = name, sends = '"' .. table.concat(list, '",\n      "') .. '"',
    hears = table.concat(hears, ", "),
  })
end

--- NAME[@HOST:PORT]=NODE,NODE…, divided by blanks; each of the nodes is at one of them.
local function leaves_of(request, nodes, seen)
  local list, placed = {}, {}
  local function refuse(text, why)
    error({ refused = ("'%s' %s"):format(text, why), what = "--leaf" })
  end
  for text in request.leaves:gmatch "%S+" do
    local name, at, names = text:match "^([%w_-]+)@?([^=]*)=(.+)$"
    if not name or not is_name(name) or (at ~= "" and not above(at, 0)) then
      refuse(text, "is not NAME[@HOST:PORT]=NODE,NODE…")
    end
    if seen[name] then refuse(name, "is named twice") end
    seen[name] = true
    local one = { name = name, at = at == "" and "127.0.0.1:4222" or at, nodes = {} }
    for node in names:gmatch "[^,]+" do
      if not nodes[node] then refuse(node, "is none of --nodes") end
      if placed[node] then refuse(node, "is at two leaf nodes") end
      placed[node] = true
      one.nodes[#one.nodes + 1] = node
    end
    if #one.nodes == 0 then refuse(text, "names no node") end
    list[#list + 1] = one
  end
  return list
end

--- Servers let a leaf node know of what somebody hears there only where its permissions cover all
--- of it; of streams, whose subjects are of all nodes, they do not. A mapping of a subject onto
--- itself is heard by its own name.
local function mappings_of(list)
  local rows = {}
  for _, one in ipairs(list) do
    for _, node in ipairs(one.nodes) do
      for _, subject in ipairs(sends) do
        if subject:find "^af" and subject:find "NODE" then
          local count = 0
          local function number() count = count + 1; return "$" .. count end
          local own = subject:gsub("NODE", node)
          rows[#rows + 1] = ('  "%s": "%s"\n'):format(own, (own:gsub("%*", number)))
        end
      end
    end
  end
  return #rows > 0 and "mappings {\n" .. table.concat(rows) .. "}\n" or ""
end

local function write(request)
  local seen, users, nodes = {}, {}, {}
  local has_leaves = request.leaves ~= ""
  local names = parts(request, "nodes", is_name, misnamed, seen)
  if #names > NODES_MAX then
    local why = ("names %d nodes; at most %d go into one configuration"):format(#names, NODES_MAX)
    error({ refused = why, what = "--nodes" })
  end
  for _, name in ipairs(names) do
    nodes[name] = true
    users[#users + 1] = user_of(name, { name }, nil, true, has_leaves)
  end
  for _, name in ipairs(parts(request, "fronts", is_name, misnamed, seen)) do
    users[#users + 1] = user_of(name, { "=" }, front, true, false)
  end
  for _, name in ipairs(parts(request, "operators", is_name, misnamed, seen)) do
    users[#users + 1] = fill(operator, { name = name })
  end
  local leaf_list = leaves_of(request, nodes, seen)
  for _, one in ipairs(leaf_list) do
    users[#users + 1] = user_of(one.name, one.nodes, nil, false, true)
  end
  local text = "authorization { users: [\n" .. table.concat(users) .. "] }\n"
  local files = { "nodes.conf", text .. mappings_of(leaf_list) }
  local most = has_leaves and 3200 or 2000
  local address = ("is not HOST:PORT, of a port up to %d"):format(65535 - most)
  local servers = parts(request, "servers", function(at) return above(at, most) end, address, seen)
  refuse_collision(servers)
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
    values.domain = has_leaves and ", domain: afrun" or ""
    values.leafnodes = above(at, 3200)
    values.leaves = has_leaves and fill(leaves, values) or ""
    files[#files + 1] = values.name .. ".conf"
    files[#files + 1] = fill(server, values)
  end
  for _, one in ipairs(leaf_list) do
    local urls, own = {}, {}
    for _, at in ipairs(servers) do urls[#urls + 1] = ('"tls://%s"'):format(above(at, 3200)) end
    for _, node in ipairs(one.nodes) do
      own[#own + 1] = user_of(node, { node }, nil, false, true)
    end
    files[#files + 1] = "leaf-" .. one.name .. ".conf"
    files[#files + 1] = fill(leaf, {
      name = one.name, at = one.at, servers = table.concat(urls, ", "), tls = fill(tls, one),
      users = table.concat(own),
    })
  end
  return { files = files }
end

---@class NatsConfigRequest
---@field nodes string      names, divided by commas; so are the others
---@field servers string
---@field operators string
---@field fronts string
---@field leaves string     NAME[@HOST:PORT]=NODE,NODE…
---@field secret string     of the servers' routes

---@param request NatsConfigRequest
---@return table  { files = { path, text, … } }, or { refused = why, what = option }
function config.work(request)
  local ok, answer = pcall(write, request)
  if not ok and type(answer) ~= "table" then error(answer, 0) end
  return answer
end

return config
