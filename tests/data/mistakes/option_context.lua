-- afrun FILE --mock: 2
-- :4: mock_context: 'node' is not an option of it; did you mean 'nodes'? It has clean, id, nodes
local af = require "af"
af.mock_context({ id = "a", node = { "a", "b" } }, function() print(#af.mock_nodes()) end)
