-- Secrets that are sent as they are, and keys that are drawn from a run's seed.
local af = require "af"
local Hello = af.event("hello", { public = af.bytes, key = af.bytes, nonce = af.string })

return af.flow {
  name = "secrets", mock = { node = 2 },
  roles = { node = {
    data = function()
      local pair = af.crypto.x25519_keypair()
      return { public = pair.public, secret = { key = pair.secret }, seen = {} }
    end,
    start = "greeting",
    states = { greeting = {
      enter = function(party)
        local wait = math.random(10)
        party:log("waits %d", wait)
        local my_key = tostring(math.random(0, 255)) -- expect: random-key
        local monkey = math.random()
        party.data.nonce = ("%x"):format(math.random(0)) -- expect: random-key
        party.data.mac = af.crypto.hmac(my_key, tostring(math.random())) -- expect: random-key
        party:broadcast(Hello {
          public = party.data.public, nonce = tostring(monkey),
          key = party.data.secret.key, -- expect: secret
        })
        party:broadcast(Hello { public = party.data.public, nonce = party.data.nonce,
          key = af.crypto.seal(party.data.public, party.data.secret.key) })
      end,
      [Hello] = function(party, event, from)
        local pair = af.crypto.sign_keypair()
        party:send(from, Hello { public = "", nonce = event.nonce,
          key = pair.secret }) -- expect: secret
        party.data.seen[from] = af.crypto.x25519(party.data.secret.key, event.public)
        return af.done(party.data.mac)
      end,
      after = { 5, "greeting" },
    } },
  } },
}
