--- training.learner: what a flow's party does with a model and its own data, as its arguments say:
--- `train` is a Python program (*.py, see program.py), a Lua module ("training.logistic"), or ""
--- for arithmetic that needs neither data nor programs. Models are packed vectors (f64).

local af = require "af"

local vector = af.vector
local learner = {}

---The arguments that say how is trained, and the flow's own.
function learner.args(own)
  local args = {
    train = af.optional(af.string, ""),
    data = af.optional(af.string, ""), -- a CSV file; "{id}" in it is the party's name
    options = af.optional(af.list(af.string), {}), -- of the program
    steps = af.optional(af.integer { min = 1 }, 1), -- of gradient descent, in a round
    rate = af.optional(af.number { min = 0 }, 0.3), -- how far a step goes
    mu = af.optional(af.number { min = 0 }, 0), -- how strongly a round's model is held on to
  }
  for name, kind in pairs(own) do args[name] = kind end
  return args
end

local function data_of(party)
  return (party.args.data:gsub("{id}", (party.id:gsub("%%", "%%%%"))))
end

local function is_program(party) return party.args.train:find("%.py$") ~= nil end

---Runs the program for one purpose; a status other than 0 is an error with what it said.
local function run(party, what, more, input)
  local args = { party.args.train, what }
  for _, word in ipairs(party.args.options) do table.insert(args, word) end
  for _, word in ipairs(more) do table.insert(args, word) end
  local result = af.process.run("python3", { args = args, input = input })
  if result.status ~= 0 then
    error(("%s %s: %s"):format(party.args.train, what,
      result.errors:match("([^\n]*)%s*$") or result.status))
  end
  return result.output
end

local function read(party) return require("training.csv").read(data_of(party)) end

---How many rows the party's data have; nil where it trains on none.
function learner.rows(party)
  if party.args.train == "" then return nil end
  if is_program(party) then return tonumber(run(party, "rows", { "--data", data_of(party) })) end
  return #(read(party))
end

---The parameters that a program begins with; nil where there is none.
function learner.first(party)
  return is_program(party) and run(party, "first", {}) or nil
end

---A step towards what the party's own place among its role says: no data, no programs.
local function step_by_place(party, model)
  local place = 1
  for i, id in ipairs(party:nodes(party.role)) do
    if id == party.id then place = i end
  end
  local count = vector.count(model)
  local own = vector.slice(vector.pack { place, place * place, 1 / place }, 1, math.min(count, 3))
    .. vector.pack({ place }):rep(count - 3)
  local start, mu = model, party.args.mu
  for _ = 1, party.args.steps do
    local way = vector.sub(own, model)
    if mu ~= 0 then way = vector.axpy(-mu, vector.sub(model, start), way) end
    model = vector.axpy(party.args.rate, way, model)
  end
  return model
end

---The model after a round of the party's own training.
function learner.train(party, model)
  local args = party.args
  if args.train == "" then return step_by_place(party, model) end
  if is_program(party) then
    return run(party, "train", { "--data", data_of(party), "--steps", ("%d"):format(args.steps),
      "--rate", ("%.17g"):format(args.rate), "--mu", ("%.17g"):format(args.mu) }, model)
  end
  local rows, labels = read(party)
  return vector.pack(require(args.train).train(vector.unpack(model), rows, labels, args))
end

---How good a model is on the party's data, or on those of a file: { rows =, loss =, accuracy = };
---nil where nothing trains on data.
function learner.test(party, model, path)
  path = path or data_of(party)
  if party.args.train == "" then return nil end
  if is_program(party) then return cjson.decode(run(party, "test", { "--data", path }, model)) end
  return require(party.args.train).test(vector.unpack(model), require("training.csv").read(path))
end

return learner
