--- Secure aggregation: a server learns the sum of its clients' vectors and none of them, whoever of
--- the clients drops out on the way. After Bonawitz et al., "Practical Secure Aggregation for
--- Privacy-Preserving Machine Learning" (CCS 2017), and for `neighbours` Bell et al., "Secure
--- Single-Server Aggregation with (Poly)Logarithmic Overhead" (CCS 2020).
---
---   client  ◄──────── advertise_keys ── server   who takes part?
---   client  ── advertise_keys_response ► server   here are two public keys of mine
---   client  ◄── distribute_user_1_list ─ server   the keys of all
---   client  ── share_keys ─────────────► server   shares of my seed and my key, sealed for each
---   client  ◄── distribute_user_2_list ─ server   what the others have sealed for you
---   client  ═══════════════════════════► server   the masked vector, by the data channel
---   client  ◄──────────────── unmasking ─ server   these have sent theirs
---   client  ── consistency ────────────► server   `active` alone: I have signed this set
---   client  ◄──────────────── unmasking ─ server   … who else has
---   client  ── upload_sk_shares ───────► server   shares of the others' keys
---   client  ── upload_seed_shares ─────► server   shares of their seeds
---   client  ◄─────── aggregation_closed ─ server   that is all
---
--- A vector is masked twice: by a stream of the client's own seed, and by one for each other
--- client, of a key that both agree on, which one adds and the other subtracts. Of who has sent its
--- vector the server is given the seed; of who has shared but not sent, the key, so that it takes
--- away what the others have added for it; of nobody both.
---
--- Holds: if `threshold` answer at each step, the server has the exact sum, mod 2^64, of those who
--- have sent their vectors; else it fails, and has learnt no vector. Who drops out before it has
--- shared is in nobody's masks. A client answers one unmasking in a round: two that differ would
--- give away a seed and a key; and it masks one vector, whatever `vector` gives when it is asked
--- again. All vectors have the size of the one that comes first; others are left out.
---
--- By itself it is against a server that keeps to the protocol and looks at all that it gets.
--- `active` is against one that lies, too, together with less than a third of the clients: each
--- client signs its keys, and the set that it unmasks, by a key that the others know by their own
--- configuration, and gives nothing before `threshold` have signed the same set; that is more than
--- two thirds of the clients. `neighbours = k` (even) is for many clients, of a server that keeps
--- to the protocol: they stand in a ring, in an order that is drawn anew each round, and each masks
--- for, and shares with, the k that stand next to it alone. Of these `threshold`, more than half,
--- have to answer, for each client; who has too few before anyone has masked is left out.
---
--- A signing key is the 64 bytes of Ed25519 in hex, of which the last 32 are the public one:
---   openssl genpkey -algorithm ed25519 -outform DER >k && (tail -c 32 k;
---   openssl pkey -inform DER -in k -pubout -outform DER | tail -c 32) |
---   od -An -v -tx1 | tr -d ' \n' >c1.key
---
--- Checked in every interleaving with 3 clients, threshold 2: one contract dropped, one client
--- lost, one crash; with 5, threshold 3, one lost; active with 4, threshold 3, one lost; 4 in a
--- ring of 2 neighbours, one dropped or lost. Mistakes that a check finds: a dead list with those
--- who never shared; seeds of the dropped; two unmaskings that are answered; signatures that nobody
--- looks at. Oracle: the sum of integers.
---
--- It is a part: `Secure.server { … }` and `Secure.client { … }` stand among a flow's states. The
--- client's `vector` is packed u64 numbers (af.vector.quantise makes them of floats).

local af = require "af"
local events = require "secure_aggregation.events"
local ids_of = require("secure_aggregation.shared").ids_of

return af.part {
  name = "secure_aggregation",
  mock = { server = 1, client = 4 },
  params = {
    -- of those who have shares of a secret: more than half, of `active` more than two thirds
    threshold = af.optional(af.integer { min = 1, max = events.MOST_CLIENTS }, 3),
    round = af.optional(events.round, 1),
    vector = af.optional(af.bytes), -- packed u64 numbers, of a client; absent: an example
    size = af.optional(af.integer { min = 1, max = 1000000 }, 3), -- numbers of that
    every = af.optional(af.number { min = 0.01 }, 10), -- seconds until who is silent is asked again
    tries = af.optional(af.integer { min = 1 }, 9), -- then it is left out
    clients = af.optional(af.list(af.id)), -- of the server: who is asked; absent: all of the role
    neighbours = af.optional(af.integer { min = 2 }), -- who have shares of a client's; absent: all
    active = af.optional(af.boolean, false), -- against a server that lies
    -- for that, in hex: the public keys that clients sign with, by their names; …
    keys = af.optional(af.map(af.string { min_length = 64, max_length = 64 })),
    signing_key = af.optional(af.string), -- … of a client a file with its own; "{id}" is its name
  },
  roles = { server = require "secure_aggregation.server",
    client = require "secure_aggregation.client" },
  invariants = {
    ["whose key is asked for has shared it"] = function(world, at)
      for _, one in ipairs(world:with_role(at.role "server")) do
        local data = at.data(one)
        for _, id in ipairs(data.gone or {}) do if not data.shared[id] then return false end end
      end
      return true
    end,
    ["nobody gives of one a share of the seed and one of the key"] = function(world, at)
      for _, one in ipairs(world:with_role(at.role "client")) do
        for _, what in pairs(at.data(one).given or {}) do
          if what == "both" then return false end
        end
      end
      return true
    end,
    ["where sets are signed all unmask the same"] = function(world, at)
      local given, active = {}, false
      for _, one in ipairs(world:with_role(at.role "server")) do
        active = active or at.data(one).active
      end
      for _, one in ipairs(active and world:with_role(at.role "client") or {}) do
        for id, what in pairs(at.data(one).given or {}) do
          given[id] = given[id] or what
          if given[id] ~= what then return false end
        end
      end
      return true
    end,
    ["of nobody both a seed and a key are known"] = function(world, at)
      for _, one in ipairs(world:with_role(at.role "server")) do
        local data = at.data(one)
        local function is_known(shares) return shares and #ids_of(shares) >= data.threshold end
        for id, shares in pairs(data.seeds or {}) do
          if is_known(shares) and is_known(data.secrets[id]) then return false end
        end
      end
      return true
    end,
    ["the sum is that of the clients that are named"] = function(world, at)
      local examples = {}
      for _, one in ipairs(world:with_role(at.role "client")) do
        examples[one.id] = at.data(one).example
      end
      for _, one in ipairs(world:with_role(at.role "server")) do
        local data, sum = at.data(one), 0
        for _, id in ipairs(data.numbers and data.masked or {}) do
          sum = sum + (examples[id] or 0)
        end
        if sum > 0 and data.numbers[1] ~= sum then return false end
      end
      return true
    end,
  },
}
