-- party:nodes() gives a list of the caller's own, though it is made once. Expected: exit 0.
local af = require "af"

local Said = af.event("said", { nodes = af.list(af.id), more = af.any })

local function check_list(party)
  local list = party:nodes("member")
  af.expect(#list == 3 and list[1] == "member-1" and list[4] == nil and list.x == nil)
  af.expect(table.concat(list, " ") == "member-1 member-2 member-3")
  af.expect(select("#", table.unpack(list)) == 3)
  local seen = {}
  for i, id in ipairs(list) do seen[i] = id end
  for i, id in pairs(party:nodes("member")) do af.expect(seen[i] == id) end
  af.expect(rawlen(party:nodes("member")) == 3 and rawget(party:nodes("member"), 2) == "member-2")
  af.expect(next(party:nodes("member")) == 1 and getmetatable(party:nodes("member")) == nil)
  local named = setmetatable(party:nodes("member"), { __call = function(t) return t[3] end })
  af.expect(named() == "member-3")
end

-- What one caller does with its list is nothing to the next.
local function check_copies(party)
  local list = party:nodes("member")
  table.sort(list, function(a, b) return a > b end)
  af.expect(list[1] == "member-3" and #list == 3)
  local one = party:nodes("member")
  af.expect(table.remove(one, 1) == "member-1" and #one == 2 and one[1] == "member-2")
  local more = party:nodes("member")
  table.insert(more, "x")
  more[1], more.name = "y", "z"
  rawset(party:nodes("member"), 1, "w")
  af.expect(#more == 4 and more[2] == "member-2" and #party:nodes("member") == 3)
  af.expect(party:nodes("member")[1] == "member-1" and #party:nodes() == 4)
end

return af.flow {
  name = "nodes", mock = { member = 3, asker = 1 },
  roles = {
    asker = { start = "ask", states = { ask = { enter = function(party)
      party:send(party:nodes("member"), Said { nodes = party:nodes(), more = { party:nodes() } })
      return af.done(party:nodes("member"))
    end } } },
    member = { start = "listen", states = { listen = { [Said] = function(party, event)
      check_list(party)
      check_copies(party)
      af.expect(#event.nodes == 4 and event.more[1][1] == "asker-1")
      party.data.kept = party:nodes("member")
      party.data.again = { party:nodes("asker") }
      return "after"
    end }, after = { enter = function(party)
      af.expect(party.data.kept[3] == "member-3" and party.data.again[1][1] == "asker-1")
      af.expect(#party.data.kept == 3 and getmetatable(party.data.kept) == nil)
      return af.done(party.data.kept)
    end } } },
  },
}
