-- Sends numbered events to the node "r": afrun sender.lua --node s1 --bus URL. How many is in
-- COUNT, which the test writes into this file.
local af = require "af"

local COUNT = 200
local Numbered = af.event("numbered", { number = af.integer })
local Contractor = af.TaskMessageContractor:extend {
  event_factory = af.TaskMessageEventFactory:extend { Numbered },
}

local contractor = Contractor("t")
for number = 1, COUNT do
  contractor:new_contract("r", Numbered { number = number })
end
print("sent", COUNT)
