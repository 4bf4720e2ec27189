-- afrun FILE --mock: 1
-- :6: apply_sending_data: 'url' is not an option of it; it has file_url, public_key
local af = require "af"
af.mock_context({ id = "a", nodes = { "a" } }, function()
  local c = af.TaskMessageContractor("t")
  c:apply_sending_data("a", { "a" }, { url = "x", file_url = "mock://x" })
end)
