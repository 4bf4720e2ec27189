--- Files that leave a node, and come back: af.content(), af.download(), and what uploads share.

local keys = require "af.keys"

local files = {}

local download_options = { path = true, sha256 = true, max_bytes = true, timeout = true }

local function content_mark() end -- nothing that a script could write to

---Bytes in memory, to be uploaded as a file.
function files.content(bytes)
  if type(bytes) ~= "string" then
    error("af.content: expected a string of bytes, got a " .. type(bytes), 2)
  end
  return host.lock({ bytes = bytes, mark = content_mark }, "content")
end

---Whether a text is the name of bytes that a party has kept.
local function is_kept(source)
  return #source == 69 and source:find("^kept:%x+$") ~= nil
end

---Uploads a path, af.content(bytes) or what party:keep gave; returns its URL.
function files.upload(task, source, persistent, name, level)
  local bytes
  if type(source) == "table" and source.mark == content_mark then
    bytes, source = source.bytes, nil
  elseif type(source) ~= "string" or source == "" then
    error("upload_file: expected a path or af.content(bytes), got " .. tostring(source), level + 1)
  end
  if bytes == nil and is_kept(source) then
    local _, kept = host.call("kept", { ref = source })
    bytes, source = kept, nil
  end
  if name ~= nil and type(name) ~= "string" then
    error("upload_file: upload_name must be a string", level + 1)
  end
  local reply = host.call("upload", {
    task = task, path = source, persistent = persistent and true or false, name = name,
  }, bytes)
  return reply.url
end

---Reads back what a URL names.
function files.download(url, options)
  options = options or {}
  if type(url) ~= "string" then
    error("af.download: expected a URL, got a " .. type(url), 2)
  end
  keys.check("af.download", options, download_options, 2)
  local timeout = options.timeout
  if timeout ~= nil and not (type(timeout) == "number" and timeout > 0 and timeout <= 31536000) then
    error("af.download: timeout: expected a number of seconds, got " .. tostring(timeout), 2)
  end
  local _, bytes = host.call("download", {
    url = url, path = options.path, sha256 = options.sha256, max_bytes = options.max_bytes,
    timeout = timeout,
  })
  return options.path or bytes
end

return files
