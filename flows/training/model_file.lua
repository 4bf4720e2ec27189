--- training.model_file: models that go from party to party as files, of which events have the URL
--- and the digest. Models are packed vectors, f64 where nothing else is said.

local af = require "af"

local model_file = {}

---What an event says of a model.
model_file.fields = { url = af.string, sha256 = af.string }

---Makes a file of a model: { url =, sha256 = }.
function model_file.publish(party, model)
  return { url = party:upload_file(af.content(model)),
    sha256 = af.crypto.hex(af.crypto.sha256(model)) }
end

---The bytes that an event tells of; or nil, and why they cannot be had.
function model_file.fetch_bytes(event)
  -- what a flow may read of its machine is not a peer's to name
  if event.url:find "^%s*[Ff][Ii][Ll][Ee]:" then
    return nil, "a file of the receiver's own machine is offered"
  end
  local ok, bytes = pcall(af.download, event.url, { sha256 = event.sha256 })
  if not ok then return nil, tostring(bytes) end
  return bytes
end

---The model that an event tells of; or nil, and why it cannot be had. count: how many numbers it
---must have, nil: some; kind: their type.
function model_file.fetch(event, count, kind)
  local bytes, why = model_file.fetch_bytes(event)
  if bytes == nil then return nil, why end
  local read, numbers = pcall(af.vector.unpack, bytes, kind)
  if not read or #numbers == 0 then return nil, "it is no vector of numbers" end
  if count ~= nil and #numbers ~= count then
    return nil, ("it has %d numbers, expected %d"):format(#numbers, count)
  end
  return bytes
end

return model_file
