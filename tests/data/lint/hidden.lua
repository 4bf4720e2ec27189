-- Fields that are secrets: kept where they are shown, logged, returned; and what is none of these.
local af = require "af"
local Give = af.event("give", {
  word = af.string { secret = true }, parts = af.list(af.bytes { secret = true }),
  plain = af.string,
})

return af.flow {
  name = "hidden", mock = { node = 2 },
  roles = { node = {
    data = function() return { count = 0 } end,
    start = "giving",
    states = { giving = {
      enter = function(party)
        party:broadcast(Give { word = "w", parts = { "p" }, plain = "open" })
      end,
      [Give] = function(party, event, from)
        party.data.secret = { word = event.word }
        party.data.secret.parts = event.parts
        party.data.word = event.word -- expect: secret
        party.data.plain = event.plain
        party.data.count = party.data.count + #event.word
        party:log("%s says %s", from, event.word) -- expect: secret
        party:log("%s says %d bytes, %s", from, #event.word, event.plain)
        print(event.parts, event) -- expect: secret
        party:send(from, Give { word = event.word, parts = {}, plain = "" }) -- expect: secret
        if event.word == party.data.word then
          return af.done { word = event.word } -- expect: secret
        end
        return af.done { word = af.crypto.sha256(event.word) == "", count = party.data.count,
          plain = party.data.plain }
      end,
      after = { 5, "giving" },
    } },
  } },
}
