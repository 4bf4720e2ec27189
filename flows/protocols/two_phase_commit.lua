--- Two-phase commit: all participants take a change, or none does.
---
---   coordinator ── prepare ──> each    can you?
---   coordinator <─ vote ────── each    yes: then it may no longer go back on its own
---   coordinator ── decision ─> each    commit, if all said yes in time; else abort
---   coordinator <─ ack ─────── each
---
--- The coordinator tells its decision again to who does not answer, `resends` times (a bound, for a
--- check has to end). A participant that has said yes waits, however long: it must not decide.
--- So losses and crashes are stood, but not a coordinator that is lost for good:
---
---   afrun check flows/protocols/two_phase_commit.lua --drop 1 --crash 1
---   afrun check flows/protocols/two_phase_commit.lua --lose 1    # draws who is left waiting

local af = require "af"

local Prepare = af.event("prepare", {})
local Vote = af.event("vote", { yes = af.boolean })
local Decision = af.event("decision", { commit = af.boolean })
local Ack = af.event("ack", {})

--- Those of whom nothing is noted in a table.
local function missing(party, noted)
  local list = {}
  for _, id in ipairs(party:nodes("participant")) do
    if not noted[id] then table.insert(list, id) end
  end
  return list
end

--- Whether something is noted of each. Most often the first few tell.
local function complete(party, noted)
  for _, id in ipairs(party:nodes("participant")) do
    if not noted[id] then return false end
  end
  return true
end

local function decide(commit)
  return function(party)
    party.data.commit = commit
    return "deciding"
  end
end

local function take(party, event, from)
  party:send(from, Ack {})
  return event.commit and "committed" or "aborted"
end

local function ack(party, _, from) party:send(from, Ack {}) end

return af.flow {
  name = "two_phase_commit",
  args = {
    refusing = af.optional(af.integer { min = 0 }, 0), -- so many participants say no
    resends = af.optional(af.integer { min = 0 }, 2),
  },
  mock = { coordinator = 1, participant = 2 },
  roles = {
    coordinator = {
      data = function() return { voted = {}, acked = {}, resends = 0 } end,
      start = "asking",
      states = {
        asking = {
          enter = function(party) party:send(party:nodes("participant"), Prepare {}) end,
          [Vote] = function(party, event, from)
            if not event.yes then return decide(false)(party) end
            party.data.voted[from] = true
            if complete(party, party.data.voted) then return decide(true)(party) end
          end,
          after = { 10, decide(false) },
        },
        deciding = {
          enter = function(party)
            party:send(missing(party, party.data.acked), Decision { commit = party.data.commit })
          end,
          [Ack] = function(party, _, from)
            party.data.acked[from] = true
            if complete(party, party.data.acked) then
              return af.done { commit = party.data.commit }
            end
          end,
          after = { 10, function(party)
            if party.data.resends == party.args.resends then return end
            party.data.resends = party.data.resends + 1
            return "deciding"
          end },
          ignore = { Vote },
        },
      },
    },
    participant = {
      start = "idle",
      states = {
        idle = {
          [Prepare] = function(party, _, from)
            local refusing = false
            for i = 1, party.args.refusing do
              refusing = refusing or party:nodes("participant")[i] == party.id
            end
            party:send(from, Vote { yes = not refusing })
            return refusing and "aborted" or "prepared"
          end,
          [Decision] = take, -- it was not asked in time
        },
        prepared = { [Decision] = take, ignore = { Prepare } },
        committed = { [Decision] = ack, ignore = { Prepare }, may_end = true },
        aborted = { [Decision] = ack, ignore = { Prepare }, may_end = true },
      },
    },
  },
  invariants = {
    ["nobody commits what another aborts"] = function(world)
      local function none(state) return world:count("participant", state) == 0 end
      return none "committed" or none "aborted"
    end,
  },
}
