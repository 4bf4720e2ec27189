--- secure_aggregation.events: what the server and the clients say; and how they read each other's
--- lists, the items of which are JSON.

local af = require "af"

local crypto = af.crypto

local MOST_CLIENTS <const> = 255 -- of af.crypto.shamir

local round = af.integer { min = 1 }
local key = af.bytes { min_length = 32, max_length = 32 }
local signature = af.bytes { min_length = 64, max_length = 64 }
local items = af.list(af.string)
-- who uploads is an optional field of ours: the platform's service does not always tell a sender
local uploaded = { round = round, list_data = items, uploader = af.optional(af.id) }

local events = {
  MOST_CLIENTS = MOST_CLIENTS,
  round = round, key = key,

  -- threshold, neighbours: optional fields of ours; shares of two thresholds would give a wrong sum
  AdvertiseKeys = af.event("advertise_keys", { round = round, calculators = af.list(af.id),
    threshold = af.optional(af.integer), neighbours = af.optional(af.integer) }),
  -- signature: an optional field of ours, as `consistency` and the signatures of an unmasking are
  AdvertiseKeysResponse = af.event("advertise_keys_response",
    { round = round, peer_id = af.id, c_pk = key, s_pk = key,
      signature = af.optional(signature) }),
  UserOneList = af.event("distribute_user_1_list", { round = round, list_data = items }),
  ShareKeys = af.event("share_keys", { round = round, list_data = items, peer_id = af.id }),
  UserTwoList = af.event("distribute_user_2_list", { round = round, list_data = items }),
  Unmasking = af.event("unmasking", { round = round, list_data = items,
    signatures = af.optional(af.map(signature)) }),
  Consistency = af.event("consistency", { round = round, peer_id = af.id, signature = signature }),
  UploadSkShares = af.event("upload_sk_shares", uploaded),
  UploadSeedShares = af.event("upload_seed_shares", uploaded),
  AggregationClosed = af.event("aggregation_closed", { round = round }),
}

-- A flow that plays it ignores these in its other states, where copies of them come late.
events.to_client = { events.AdvertiseKeys, events.UserOneList, events.UserTwoList,
  events.Unmasking, events.AggregationClosed }
events.to_server = { events.AdvertiseKeysResponse, events.ShareKeys, events.Consistency,
  events.UploadSkShares, events.UploadSeedShares }

---An item of a list: JSON, the values of which are strings. Nil where it is none.
function events.item_of(text, fields)
  local ok, item = pcall(cjson.decode, text)
  if not ok or type(item) ~= "table" then return nil end
  for _, field in ipairs(fields) do
    if type(item[field]) ~= "string" then return nil end
  end
  return item
end

---Bytes of base64; nil where they are none, or not so many.
function events.bytes_of(text, size)
  local ok, bytes = pcall(crypto.unbase64, text)
  return ok and bytes and (size == nil or #bytes == size) and bytes or nil
end

---The pieces of a list by their owners; nil where one is none, or comes twice.
function events.by_owner(list, field)
  local pieces = {}
  for _, text in ipairs(list) do
    local item = events.item_of(text, { "peer_id", field })
    local bytes = item and events.bytes_of(item[field])
    if not bytes or pieces[item.peer_id] then return nil end
    pieces[item.peer_id] = bytes
  end
  return pieces
end

return events
