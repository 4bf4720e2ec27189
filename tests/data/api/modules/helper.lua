-- A module beside its flow: each party has its own.
local helper = { calls = 0 }

function helper.double(x)
  return 2 * x
end

function helper.impure()
  helper.calls = helper.calls + 1
end

return helper
