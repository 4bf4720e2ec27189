-- Prints what comes, in order, until each of the four senders has sent its last.
local af = require "af"

local COUNT = 200
local Numbered = af.event("numbered", { number = af.integer })
local Contractor = af.TaskMessageContractor:extend {
  event_factory = af.TaskMessageEventFactory:extend { Numbered },
}

local contractor = Contractor("t")
local over = 0
for event, info in contractor:contract_events() do
  print("got", info.from, event.number)
  over = over + (event.number == COUNT and 1 or 0)
  if over == 4 then
    break
  end
end
