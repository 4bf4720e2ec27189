--- The events that every factory has: the platform's data channel, results and completion, and the
--- one by which a party's failure is told.

local types = require "af.types"
local predefine = require("af.event").predefine

local text = types.string

return {
  ApplyGrpcSendingData = predefine("apply_grpc_sending_data", {
    session_id = text, source = text, target = text, public_key = types.bytes,
  }),
  ApplySfSendingData = predefine("apply_sf_sending_data", {
    session_id = text, source = text, file_url = text,
    target = types.list(text, { min_length = 1 }),
    label = types.optional(text), -- ours: what the data are of, a round for one
  }),
  DenySendingData = predefine("deny_sending_data", {
    session_id = text, rejecter = text, cause = types.optional(text),
  }),
  AcceptGrpcSendingData = predefine("accept_grpc_sending_data", {
    session_id = text, public_key = types.bytes, port = types.bytes,
  }),
  AcceptSfSendingData = predefine("accept_sf_sending_data", { session_id = text, receiver = text }),
  TaskFileUpload = predefine("task_file_upload", {
    file_type = types.one_of { "report", "model" }, file_url = text,
  }),
  NoticeTaskCompletion = predefine("notice_task_completion", { result = types.boolean }),
  PartyFailed = predefine("party_failed", { peer_id = types.id, reason = text }),
}
