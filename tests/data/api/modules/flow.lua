-- require of modules beside the flow; overriding an event's form on the wire. Expected: exit 0.
local af = require "af"
local helper = require "helper"
local inner = require "sub.inner"

local Plain = af.event("plain", { n = af.integer })
local Odd = af.event("odd", { n = af.integer })

function Odd.event_to_contract(event)
  return { type = "odd", text = "n=" .. event.n }
end

function Odd.contract_to_event(contract)
  return Odd { n = math.tointeger(tonumber(contract.text:match("%d+"))) }
end

return af.flow {
  name = "modules", mock = { node = 2 },
  roles = { node = { start = "s", states = { s = {
    enter = function(party)
      af.expect(helper.double(4) == 8 and inner.name == "sub.inner")
      af.expect(Plain.event_to_contract(Plain { n = 1 }).n == 1)
      af.expect(Plain.contract_to_event({ type = "plain", n = 2, more = 3 }).n == 2)
      af.expect(not pcall(function() Odd.contract_to_event = print end), "not in a handler")
      party:broadcast(Odd { n = 42 })
    end,
    [Odd] = function(_, event)
      af.expect(event.n == 42)
      return af.done { n = event.n }
    end,
  } } } },
}
