#!/usr/bin/env bash
# Large tables of party.data, of which each step changes a little, are kept as they would be if they were written as a whole:
# maps and lists that grow, shrink, are replaced, and hold whatever can be kept.
source "$(dirname "$0")/../lib/e2e.sh"
plan 2
seeds=${AF_TEST_COUNT:-$(is_short && echo 4 || echo 60)}

cat >edits.lua <<'LUA'
--- Edits its data by chance, and prints them, whole, as they are when the handler ends.
local af = require "af"
local cjson = require "cjson"

local Turn = af.event("turn", {})
local words = { "plain", "", 'a "quoted" word', "back\\slash", "new\nline", "größe", "\1", "x/y" }

local function value()
  local kind = math.random(8)
  if kind == 1 then return math.random(3) == 1 end
  if kind == 2 then return math.random(-5, 5) end
  if kind == 3 then return math.random(-5, 5) / 2 end
  if kind == 4 then return math.random(0, 1) * 1.0 end
  if kind == 5 then return af.null end
  return words[math.random(#words)] .. (kind == 6 and tostring(math.random(3)) or "")
end

--- A key, at times a long one, of which Lua makes two strings that are equal.
local function key() return ("k%03d"):format(math.random(300)):rep(math.random(5) == 1 and 11 or 1) end

local function copy(map)
  local made = {}
  for k, v in pairs(map) do made[k] = v end
  return made
end

local function seldom(edit)
  return function(data)
    if math.random(20) == 1 then edit(data) end
  end
end

local function put(data) data.map[key()] = value() end

local edits = {
  put, put, put,
  function(data) data.map[key()] = nil end,
  function(data) data.list[#data.list + 1] = value() end,
  function(data) data.list[#data.list] = nil end,
  function(data)
    if #data.list > 0 then data.list[math.random(#data.list)] = value() end
  end,
  seldom(function(data) data.map = copy(data.map) end),
  seldom(function(data) data.list = copy(data.list) end),
  seldom(function(data) table.insert(data.list, 1, value()) end),
  seldom(function(data)
    for _ = 1, 50 do put(data) end
  end),
  seldom(function(data)
    for _ = 1, 80 do data.map[key()] = nil end
  end),
  seldom(function(data)
    for i = 1, 70 do data.list[i] = i end
  end),
  seldom(function(data) data.map.deep = { list = copy(data.list) } end),
  seldom(function(data) data.map['an "odd" key'] = value() end),
  seldom(function(data) data.twice = { data.list } end),
  seldom(function(data) data.twice = nil end),
  seldom(function(data) data.map, data.list = copy(data.map), {} end),
  function(data) data.numbers.word = math.random(2) == 1 and "one" or "two" end,
  function(data) data.map.deep = nil end,
  function(data) data.map['an "odd" key'] = nil end,
}

return af.flow {
  name = "edits",
  args = { turns = af.integer { min = 1 } },
  mock = { editor = 1 },
  roles = { editor = {
    data = function()
      local data = { map = {}, list = {}, numbers = { word = "one" }, turn = 0 }
      for i = 1, 100 do data.numbers["n" .. i] = i end
      for _ = 1, 150 do put(data) end
      for i = 1, 90 do data.list[i] = value() end
      return data
    end,
    start = "editing",
    states = { editing = {
      enter = function(party) party:send(party.id, Turn {}) end,
      [Turn] = function(party)
        local data = party.data
        data.turn = data.turn + 1
        for _ = 1, math.random(0, 4) do edits[math.random(#edits)](data) end
        print(cjson.encode(data))
        if data.turn == party.args.turns then return af.done() end
        party:send(party.id, Turn {})
      end,
    } },
  } },
}
LUA

cat >names.lua <<'LUA'
--- Gives a key of a large map back, and puts another where it may stand in memory.
local af = require "af"
local cjson = require "cjson"

local Turn = af.event("turn", {})

local function key(n) return ("%08d"):format(n):rep(25) end

return af.flow {
  name = "names",
  args = { turns = af.integer { min = 1 } },
  mock = { editor = 1 },
  roles = { editor = {
    data = function()
      local data = { map = {}, made = 0 }
      for i = 1, 100 do data.map[key(i)] = true end
      data.made = 100
      return data
    end,
    start = "editing",
    states = { editing = {
      enter = function(party) party:send(party.id, Turn {}) end,
      [Turn] = function(party)
        local data = party.data
        local old
        local left = math.random(100)
        for k in pairs(data.map) do
          old, left = k, left - 1
          if left == 0 then break end
        end
        data.map[old], old = nil, nil
        for _ = 1, 60000 do local _ = {} end -- the key is collected
        data.made = data.made + 1
        data.map[key(data.made)] = true
        print(cjson.encode(data))
        if data.made == party.args.turns + 100 then return af.done() end
        party:send(party.id, Turn {})
      end,
    } },
  } },
}
LUA

cat >compare.py <<'PY'
import json, sys
said, compared = None, 0
for line in open(sys.argv[1], encoding="utf-8"):
    row = json.loads(line)
    if row.get("kind") == "log":
        said = row["text"]
    elif row.get("kind") == "state":
        kept = line[line.index('"data":') + len('"data":'):line.rindex("}")]
        if kept != said:
            at = next((i for i, (a, b) in enumerate(zip(kept, said)) if a != b), min(len(kept), len(said)))
            sys.exit(f"step {compared}: kept … {kept[at - 40:at + 40]} …, is … {said[at - 40:at + 40]} …")
        compared += 1
if compared != int(sys.argv[2]):
    sys.exit(f"{compared} steps were compared")
PY

wrong=
for seed in $(seq "$seeds"); do
    run "$AFRUN" edits.lua --mock -q --seed "$seed" --arg turns=1500 --trace run.jsonl --trace-data
    [ "$status" -eq 0 ] || wrong+=$(explain "seed $seed: exit status $status" edits.lua)
    said=$(python3 compare.py run.jsonl 1500 2>&1) || wrong+="seed $seed: $said"$'\n'
done
if [ -z "$wrong" ]; then
    ok "what is kept is what a handler leaves, $seeds times 1500 steps"
else
    not_ok "what is kept is what a handler leaves" "$wrong"
fi

run "$AFRUN" names.lua --mock -q --arg turns=200 --trace run.jsonl --trace-data
said=$(python3 compare.py run.jsonl 200 2>&1)
if [ "$status" -eq 0 ] && [ -z "$said" ]; then
    ok "a key is not taken for one that was collected, and stood where it stands"
else
    not_ok "a key is not taken for one that was collected, and stood where it stands" "$said" "exit status $status"
fi
