-- afrun FILE --mock
local af = require "af"
af.mock_context({ --[[af.mock_context(options).id]] --[[af.mock_context(options).nodes]] --[[af.mock_context(options).clean]] },
  function()
    local contractor = af.TaskMessageContractor("t")
    print(af.mock_node_id(), table.concat(af.mock_nodes(), " "), table.concat(contractor:query_nodes(), " "))
  end)
