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

---Whether it is what party:keep gives.
function files.is_ref(source)
  return type(source) == "string" and #source == 69 and source:find("^kept:[0-9a-f]+$") ~= nil
end

local function check_ref(what, ref, level)
  if not files.is_ref(ref) then
    error(("%s: expected what party:keep gave (\"kept:\" and 64 hex digits), got a %s"):format(what,
      type(ref) == "string" and ("string of %d bytes"):format(#ref) or type(ref)), level + 1)
  end
end

local function nothing_kept(what, level)
  error(what .. ": nothing is kept under this; what neither party.data nor a deferred event "
    .. "names is forgotten", level + 1)
end

---The bytes that the running party has kept. what: of whose argument a message tells.
function files.kept(what, ref, level)
  check_ref(what, ref, level + 1)
  local found, bytes = host.call("kept", { ref = ref })
  if not found then nothing_kept(what, level + 1) end
  return bytes
end

---What the running party has kept, to be uploaded as a file: its bytes need not come here for that.
function files.kept_content(what, ref, level)
  check_ref(what, ref, level + 1)
  return host.lock({ ref = ref, what = what, mark = content_mark }, "content")
end

---Uploads a path, af.content(bytes) or what party:keep gave; returns its URL.
function files.upload(task, source, persistent, name, level)
  local bytes, ref, what = nil, nil, "upload_file"
  if type(source) == "table" and source.mark == content_mark then
    bytes, ref, what, source = source.bytes, source.ref, source.what, nil
  elseif type(source) ~= "string" or source == "" then
    error("upload_file: expected a path or af.content(bytes), got " .. tostring(source), level + 1)
  end
  if files.is_ref(source) then
    ref, source = source, nil
  end
  if name ~= nil and type(name) ~= "string" then
    error("upload_file: upload_name must be a string", level + 1)
  end
  local reply = host.call("upload", {
    task = task, path = source, ref = ref, persistent = persistent and true or false, name = name,
  }, bytes)
  if not reply then nothing_kept(what, level + 1) end
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
