-- afrun FILE --mock: 1
-- :5: accept_sending_data: 'reciever' is not an option of it; did you mean 'receiver'?
local af = require "af"
af.mock_context({ id = "a", nodes = { "a" } }, function()
  af.TaskMessageContractor("t"):accept_sending_data("a", "session", { reciever = "b" })
end)
