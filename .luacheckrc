-- What luacheck may assume of our Lua, and of what flows see in the sandbox.
std = "lua54"
max_line_length = 100
unused_args = false
self = false
exclude_files = { "tests/data/mistakes" } -- what they are there for
ignore = { "581" } -- `not (x >= 0)` is not `x < 0`: it takes NaN too

-- The sandbox: no io, os, debug, package, load, dofile, collectgarbage.
stds.sandbox = {
  read_globals = {
    "_VERSION", "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "print",
    "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "tonumber",
    "tostring", "type", "xpcall",
    coroutine = {
      fields = { "close", "create", "isyieldable", "resume", "running", "status", "wrap", "yield" },
    },
    math = {
      fields = { "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge",
        "log", "max", "maxinteger", "min", "mininteger", "modf", "pi", "rad", "random", "sin",
        "sqrt", "tan", "tointeger", "type", "ult" },
    },
    string = {
      fields = { "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "pack",
        "packsize", "rep", "reverse", "sub", "unpack", "upper" },
    },
    table = { fields = { "concat", "insert", "move", "pack", "remove", "sort", "unpack" } },
    utf8 = { fields = { "char", "charpattern", "codepoint", "codes", "len", "offset" } },
    cjson = { fields = { "decode", "encode", "null" } },
    af = {
      fields = {
        -- types and events
        "string", "id", "integer", "number", "boolean", "bytes", "any", "list", "map", "record",
        "one_of", "optional", "event", "null",
        -- predefined events
        "ApplyGrpcSendingData", "ApplySfSendingData", "DenySendingData", "AcceptGrpcSendingData",
        "AcceptSfSendingData", "TaskFileUpload", "NoticeTaskCompletion", "PartyFailed",
        -- contractors
        "TaskMessageEventFactory", "TaskMessageContractor", "TaskContractor", "BassProxy",
        "AutoTaskMessageContractor", "AutoTaskContractor", "EVERYONE", "content", "download",
        "mock_context", "is_mock_mode", "mock_node_id", "mock_nodes",
        -- flows
        "flow", "done", "fail", "expect", "now", "sleep", "uuid", "version",
        "part", "array",
        process = { fields = { "run" } },
        patterns = { fields = { "gather", "ask", "suspect" } },
        vector = { other_fields = true }, crypto = { other_fields = true },
        data_channel = {
          fields = { "send_stream", "batch_send_stream", "receive_stream", "batch_receive_stream",
            "sending", "receiving" },
        },
      },
    },
  },
}

files["scripts/af"].read_globals = { "host" } -- what C gives; see scripts/af/_meta/host.lua
files["scripts/af/_meta"] = { globals = { "host" } }
files["flows"].std = "sandbox"
