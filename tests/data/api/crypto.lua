-- The standards' own test vectors, and what is refused. Expected: exit 0.
local af = require "af"
local c = af.crypto

local function bytes(hex) return assert(c.unhex((hex:gsub("%s", "")))) end
local function is(got, hex, what) af.expect(got == bytes(hex), what .. ": " .. c.hex(got or "")) end
local function refused(text, f, ...)
  local ok, why = pcall(f, ...)
  af.expect(not ok and tostring(why):find(text, 1, true), tostring(why))
end

local function check_hashes()
  is(c.sha256 "abc",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "FIPS 180-4")
  is(c.sha512 "abc", [[ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
    2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f]], "FIPS 180-4")
  is(c.hmac(("\x0b"):rep(20), "Hi There"),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "RFC 4231, 1")
  is(c.hmac("Jefe", "what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "RFC 4231, 2")
  is(c.hmac(("\xaa"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "RFC 4231, 6")
  is(c.hkdf(("\x0b"):rep(22), { salt = bytes "000102030405060708090a0b0c",
    info = bytes "f0f1f2f3f4f5f6f7f8f9", size = 42 }), [[3cb25f25faacd57a90434f64d0362f2a
    2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865]], "RFC 5869, 1")
  is(c.hkdf(("\x0b"):rep(22), { size = 42 }), [[8da4e775a563c18f715f802a063c5a31
    b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8]], "RFC 5869, 3")
  refused("size must be 1 to", c.hkdf, "k", { size = 0 })
  refused("size must be 1 to", c.hkdf, "k", { size = 8161 })
  refused("size must be 1 to", c.hkdf, "k", { size = "x" })
  refused("option 'salt' is a number, and must be a string", c.hkdf, "k", { salt = 4 })
  refused("option 'ad' is a table, and must be a string", c.encrypt,
    ("k"):rep(32), "b", { ad = {} })
  refused("the key pair's public key is a nil", c.unseal, {}, "b")
  refused("the key pair's secret key is a number", c.unseal, { public = "x", secret = 4 }, "b")
  refused("item 2 of the list is a table", c.ristretto.hash_all, { "a", {} })
  refused("item 1 of the list is a number", c.ristretto.mul_all, ("\1"):rep(32), { 1 })
  refused("expected a list, got a table without a first item", c.ristretto.hash_all, { a = "x" })
  af.expect(#c.hkdf("k", { size = 8160 }) == 8160 and #c.hkdf "k" == 32)
end

local function check_texts()
  af.expect(c.hex "\0\xff" == "00ff" and c.unhex "00fF" == "\0\xff" and c.unhex "0" == nil)
  af.expect(c.unhex "0g" == nil and c.unhex "" == "" and c.base64 "foob" == "Zm9vYg==")
  af.expect(c.unbase64 "Zm9vYmFy" == "foobar" and c.unbase64 "Zm9vYg" == nil)
  af.expect(c.unbase64 "*" == nil and c.equal("ab", "ab") and not c.equal("ab", "ac"))
  af.expect(not c.equal("a", "ab"))
end

local function check_keys()
  local alice = ("a"):rep(32)
  is(c.x25519(bytes "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
    bytes "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552", "RFC 7748, 1")
  is(c.x25519(bytes "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
    bytes "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"),
    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957", "RFC 7748, 2")
  af.expect(c.x25519(alice, ("\0"):rep(32)) == nil, "of small order")
  local a, b = c.x25519_keypair(), c.x25519_keypair()
  af.expect(a.secret ~= b.secret and c.x25519(a.secret, b.public) == c.x25519(b.secret, a.public))
  local public = bytes "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
  local secret = bytes "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60" .. public
  local signature = bytes [[e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
    5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b]]
  af.expect(c.sign(secret, "") == signature and c.verify(public, "", signature), "RFC 8032, 1")
  af.expect(not c.verify(public, "x", signature))
  local pair = c.sign_keypair()
  af.expect(c.verify(pair.public, "m", c.sign(pair.secret, "m")))
  refused("a secret key has 32 bytes, this one 3", c.x25519, "abc", public)
  refused("a signature has 64 bytes, this one 1", c.verify, public, "m", "x")
end

local function check_secrets()
  local key, text = ("k"):rep(32), "a secret"
  local one, two = c.encrypt(key, text), c.encrypt(key, text)
  af.expect(one ~= two and #one == 24 + #text + 16 and c.decrypt(key, one) == text)
  local tagged = c.encrypt(key, text, { ad = "round 1" })
  af.expect(c.decrypt(key, tagged, { ad = "round 1" }) == text)
  af.expect(c.decrypt(key, tagged) == nil and c.decrypt(key, tagged, { ad = "round 2" }) == nil)
  af.expect(c.decrypt(("l"):rep(32), one) == nil and c.decrypt(key, "") == nil)
  for i = 1, #one do
    local changed = one:sub(1, i - 1) .. string.char(one:byte(i) ~ 1) .. one:sub(i + 1)
    af.expect(c.decrypt(key, changed) == nil)
  end
  -- draft-irtf-cfrg-xchacha, A.3.1
  is(bytes(c.hex(c.decrypt(bytes "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    bytes [[404142434445464748494a4b4c4d4e4f5051525354555657
    bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
    731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
    2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
    21f9664c97637da9768812f615c68b13b52e
    c0875924c1c7987947deafd8780acf49]], { ad = bytes "50515253c0c1c2c3c4c5c6c7" }))),
    c.hex "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the " ..
    c.hex "future, sunscreen would be it.", "XChaCha20-Poly1305")
  local pair = c.x25519_keypair()
  local sealed = c.seal(pair.public, text)
  af.expect(c.unseal(pair, sealed) == text and c.unseal(c.x25519_keypair(), sealed) == nil)
  af.expect(c.unseal(pair, sealed .. "x") == nil and c.unseal(pair, "") == nil)
end

local function check_points()
  local r = c.ristretto
  local function scalar(n) return string.char(n) .. ("\0"):rep(31) end
  is(r.base(scalar(1)),
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76", "RFC 9496")
  is(r.base(scalar(2)),
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919", "RFC 9496")
  is(r.add(r.base(scalar(1)), r.base(scalar(2))),
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259", "RFC 9496")
  is(r.hash "Ristretto is traditionally a short shot of espresso coffee",
    "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46", "RFC 9496")
  af.expect(r.base(scalar(0)) == nil and r.sub(r.base(scalar(3)), r.base(scalar(1)))
    == r.base(scalar(2)))
  local bad = bytes "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
  af.expect(not r.valid(bad) and not r.valid "x" and r.valid(r.hash "x"))
  af.expect(r.mul(scalar(2), bad) == nil and r.add(bad, bad) == nil)
  local s = r.random_scalar()
  af.expect(r.scalar_mul(s, r.scalar_invert(s)) == scalar(1) and r.scalar_invert(scalar(0)) == nil)
  af.expect(r.scalar_sub(r.scalar_add(s, scalar(5)), s) == scalar(5))
  af.expect(r.mul(s, r.mul(r.scalar_invert(s), r.hash "x")) == r.hash "x")
  af.expect(r.reduce(scalar(7) .. ("\0"):rep(32)) == scalar(7))
  local items = {}
  for i = 1, 100 do items[i] = "item " .. i end
  local points = r.hash_all(items)
  local products = r.mul_all(s, points)
  for i = 1, 100 do
    af.expect(points[i] == r.hash(items[i]) and products[i] == r.mul(s, points[i]))
  end
  points[70] = bad
  local none, place = r.mul_all(s, points)
  af.expect(none == nil and place == 70 and #r.hash_all {} == 0)
end

local function check_shares()
  local s = c.shamir
  for _, of in ipairs { { 5, 3 }, { 1, 1 }, { 2, 2 }, { 255, 20 } } do
    local secret = c.random(33)
    local shares = s.split(secret, { shares = of[1], threshold = of[2] })
    local some = {}
    for i = 1, of[2] do some[i] = shares[of[1] - i + 1] end
    af.expect(#shares == of[1] and s.combine(some, of[2]) == secret)
    if of[2] > 1 then
      af.expect(s.combine(some, of[2] - 1) ~= secret)
      some[2] = some[1]
      af.expect(s.combine(some, of[2]) == nil, "one share twice")
      af.expect(s.combine({ some[1] }, of[2]) == nil, "too few")
      af.expect(s.combine({ some[1], "x" }, 2) == nil, "of another form")
    end
  end
  local hidden, ways = {}, 0 -- by a byte that is drawn each time
  for _ = 1, 100 do
    local one = s.split("x", { shares = 2, threshold = 2 })[1]
    if not hidden[one] then hidden[one], ways = true, ways + 1 end
  end
  af.expect(ways > 60, ways .. " ways")
  -- f(x) = 0x53 + 0xca x: the field of AES, in which these two are inverse
  local shares = { "\1" .. string.char(0x53 ~ 0xca), "\2" .. string.char(0x53 ~ 0x8f) }
  af.expect(s.combine(shares, 2) == "\x53")
  refused("a threshold of 3 among 2 shares", s.split, "x", { shares = 2, threshold = 3 })
  refused("shares must be 1 to 255", s.split, "x", { shares = 256, threshold = 3 })
  refused("threshold must be 1 to 255", s.split, "x", { shares = 3, threshold = 1.5 })
  refused("threshold must be 1 to 255", s.split, "x", { shares = 3 })
  refused("shares must be 1 to 255", s.split, "x", { shares = "x", threshold = 2 })
  refused("share 2 is a number", s.combine, { "\1a", 2 }, 2)
end

local Go = af.event("go", {})

return af.flow {
  name = "crypto", mock = { a = 1 },
  roles = { a = { start = "s", states = { s = {
    enter = function(party) party:send(party.id, Go {}) end,
    [Go] = function()
      check_hashes()
      check_texts()
      check_keys()
      check_secrets()
      check_points()
      check_shares()
      return af.done { drawn = c.hex(c.random(16)) }
    end,
  } } } },
}
