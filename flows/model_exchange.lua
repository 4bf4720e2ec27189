--- Rounds of training whose models go through files: the aggregator sends the global model to all
--- clients, each client trains it and sends its own back, the aggregator takes their mean.
---
---   aggregator ── apply_sf_sending_data (file_url) ──► client     fetches and checks the file
---   aggregator ◄───── accept_sf_sending_data ───────── client     … and trains
---   aggregator ◄── apply_sf_sending_data (file_url) ── client
---   aggregator ────── accept_sf_sending_data ────────► client
---   aggregator ────── notice_task_completion ────────► all        after the last round
---   a party that fails ────── party_failed ──────────► all
---
--- The handshake is the platform's, so a client may be a Python program that knows only that.

local af = require "af"

local Model = { encode = function(values) return cjson.encode(values) end }

function Model.decode(bytes)
  local values = cjson.decode(bytes)
  af.expect(type(values) == "table" and #values > 0, "a model is a list of numbers")
  return values
end

---A client goes no further than its aggregator, and the aggregator needs all clients.
local function peer_failed(party, event)
  if party.role == "aggregator" or event.peer_id == party:nodes("aggregator")[1] then
    return af.fail(("'%s' failed: %s"):format(event.peer_id, event.reason))
  end
end

---What a client's training does to a model: here it moves it towards the client's own number.
local function train(model, number)
  local trained = {}
  for i, value in ipairs(model) do
    trained[i] = value + (number - value) / 2
  end
  return trained
end

local function mean(models)
  local sum, count = {}, 0
  for _, model in pairs(models) do
    count = count + 1
    for i, value in ipairs(model) do
      sum[i] = (sum[i] or 0.0) + value
    end
  end
  for i, value in ipairs(sum) do
    sum[i] = value / count
  end
  return sum
end

return af.flow {
  name = "model_exchange",
  version = 1,
  args = { rounds = af.optional(af.integer { min = 1 }, 3) },
  mock = { aggregator = 1, client = 3 },
  roles = {
    aggregator = {
      data = function() return { round = 1, model = { 0.0, 0.0 }, updates = {} } end,
      start = "send_model",
      states = {
        send_model = af.data_channel.sending {
          target = function(party) return party:nodes("client") end,
          data = function(party) return Model.encode(party.data.model) end,
          done = "collect",
          -- a client may be done with its training before the last one has its model
          state = { defer = { af.ApplySfSendingData }, [af.PartyFailed] = peer_failed },
        },
        collect = af.data_channel.receiving {
          source = function(party) return party:nodes("client") end,
          received = function(party, source, bytes)
            party.data.updates[source] = Model.decode(bytes)
          end,
          timeout = 3600,
          state = { [af.PartyFailed] = peer_failed },
          done = function(party)
            local data = party.data
            data.model, data.updates = mean(data.updates), {}
            party:report_progress(math.floor(100 * data.round / party.args.rounds))
            if data.round < party.args.rounds then
              data.round = data.round + 1
              return "send_model"
            end
            party:notify_task_completion(true)
            return af.done { rounds = data.round, model = data.model }
          end,
        },
      },
    },
    client = {
      data = function(party)
        local number = 0
        for i, id in ipairs(party:nodes("client")) do
          number = id == party.id and i or number
        end
        return { number = number, rounds = 0 }
      end,
      start = "get_model",
      states = {
        get_model = af.data_channel.receiving {
          source = function(party) return party:nodes("aggregator") end,
          received = function(party, _, bytes)
            party.data.model = train(Model.decode(bytes), party.data.number)
          end,
          done = "send_update",
          state = {
            [af.NoticeTaskCompletion] = function(party)
              return af.done { rounds = party.data.rounds }
            end,
            [af.PartyFailed] = peer_failed,
          },
        },
        send_update = af.data_channel.sending {
          target = function(party) return party:nodes("aggregator") end,
          data = function(party) return Model.encode(party.data.model) end,
          done = function(party)
            party.data.rounds = party.data.rounds + 1
            return "get_model"
          end,
          -- what comes next may overtake the aggregator's word that it has our update
          state = {
            defer = { af.ApplySfSendingData, af.NoticeTaskCompletion },
            [af.PartyFailed] = peer_failed,
          },
        },
      },
    },
  },
  invariants = {
    ["nobody is rounds ahead"] = function(world)
      local aggregator = world:with_role("aggregator")[1]
      for _, client in ipairs(world:with_role("client")) do
        if client.data.rounds and client.data.rounds > aggregator.data.round then
          return false
        end
      end
      return true
    end,
  },
}
