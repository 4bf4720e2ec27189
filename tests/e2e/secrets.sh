#!/usr/bin/env bash
# Secrets: fields of events with secret = true, and party.data.secret. Handlers, invariants and tests see their values; nothing that
# is shown or stored has them: traces, charts, replays, counterexamples, logs, status, stores, copies of stores.
source "$(dirname "$0")/../lib/e2e.sh"
plan 67
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

mkdir flows
# The needle is put together where it is used: a flow's text is kept, and shown, as it is.
cat >flows/vault.lua <<'LUA'
local af = require "af"
local Give = af.event("give", {
  key = af.bytes { secret = true, max_length = 40 }, word = af.string { secret = true },
  count = af.integer { secret = true }, more = af.any { secret = true }, sure = af.boolean { secret = true },
  parts = af.list(af.record { part = af.string { secret = true } }), by = af.map(af.number { secret = true }),
  hint = af.optional(af.string { secret = true }), plain = af.string,
})
local Open, Thanks = af.event("open", {}), af.event("thanks", { digest = af.string })
local function needle() return table.concat { "straw", "ber", "ry-", "fields" } end
local function number() return 7240391 * 1000 + 566 end
local function digest(give)
  return af.crypto.hex(af.crypto.sha256(give.key .. give.word .. give.count .. give.more.deep[1] .. give.parts[2].part .. give.by.a))
end
return af.flow {
  name = "vault", version = 1, args = { times = af.optional(af.integer, 2) }, mock = { giver = 1, taker = 1, opener = 1 },
  roles = {
    giver = {
      data = function() return { secret = { bytes = "\xff\xfe" .. needle(), words = { needle() }, count = number() }, raw = "\xfe\xff" } end,
      start = "giving", states = { giving = {
        enter = function(party)
          local give = Give { key = party.data.secret.bytes, word = needle(), count = party.data.secret.count, more = { deep = { needle() } },
            sure = true, parts = { { part = needle() }, { part = needle() } }, by = { a = number() + 0.5 }, plain = "open to all" }
          print(give)
          print(party.data.secret, { party.data.secret })
          party:log("%s", give)
          party:send(party:nodes("taker"), give)
        end,
        [Thanks] = function(party, event)
          if party.data.secret.bytes ~= "\xff\xfe" .. needle() or party.data.raw ~= "\xfe\xff" then error "another secret" end
          return af.done(event.digest)
        end,
        after = { 5, "giving" },
      } },
    },
    taker = {
      start = "closed", states = {
        closed = { defer = { Give }, [Open] = "open" },
        open = { [Give] = function(party, give, from)
          party.data.secret = { give = give, from = from }
          return "thanking"
        end, defer = { Open } },
        thanking = { [Open] = "over", defer = { Give } },
        over = { enter = function(party)
          party:send(party.data.secret.from, Thanks { digest = digest(party.data.secret.give) })
          return af.done(digest(party.data.secret.give))
        end },
      },
    },
    opener = { start = "opening", states = { opening = { enter = function(party)
      for _ = 1, party.args.times do party:send(party:nodes("taker"), Open {}) end
      return af.done()
    end } } },
  },
}
LUA
digest=$(python3 -c '
import hashlib
needle = b"straw" b"berry-fields"
print(hashlib.sha256(b"\xff\xfe" + needle + needle + b"7240391566" + needle + needle + b"7240391566.5").hexdigest())')
peers='giver=g;taker=t;opener=o'
# hides WHERE FILE…: nothing of the secrets stands there, in any form.
hides() {
    local where=$1 found
    shift
    found=$(python3 "$ROOT/tests/lib/needles.py" 'straw''berry-fields' '72403''91566' -- "$@") && ok "$where: nothing of them" || not_ok "$where: nothing of them" "$found"
}
word='secret of 17 bytes #[0-9a-f]\{8\}'

# ---- That the test can find a needle. ----
printf 'c3RyYXdiZXJyeS1maWVsZHM=' >seen.txt
python3 "$ROOT/tests/lib/needles.py" 'straw''berry-fields' -- seen.txt >found.txt && not_ok "base64 is found" || ok "base64 is found"

# ---- In mock. ----
run "$AFRUN" flows/vault.lua --mock --trace run.jsonl --trace-data
cat "$OUT" "$ERR" >told.txt
expect_in run.jsonl "\"result\":\"$digest\"" "the values are the flow's own"
grep -q "\"word\":\"$word\"" run.jsonl && ok "in the place of a text stand its length and a hash" || not_ok "in the place of a text stand its length and a hash"
expect_in run.jsonl '"key":"secret of 19 bytes #' "the same of bytes"
expect_in run.jsonl '"count":"secret number #' "of a number no length"
expect_in run.jsonl '"plain":"open to all"' "what is none is shown"
expect_in run.jsonl '"secret":{"bytes":"secret of 19 bytes #' "names in party.data.secret are shown"
for form in "" --mermaid; do "$AFRUN" chart run.jsonl $form >>told.txt; done
"$AFRUN" chart run.jsonl --html >chart.html
"$AFRUN" chart run.jsonl --svg >chart.svg
"$AFRUN" chart run.jsonl --json >chart.json
expect_output "all the same" "$AFRUN" replay run.jsonl
"$AFRUN" replay run.jsonl --json >>told.txt
printf 'n\nn\nn\nn\nn\nd giver-1\nd taker-1\nq taker-1\nb\nc\n' | "$AFRUN" replay run.jsonl --step >>told.txt 2>&1
expect_in told.txt 'data.secret' "a step tells that they change"
hides "a run in mock, its trace, charts and replays" run.jsonl told.txt chart.html chart.svg chart.json

shown() { "$AFRUN" flows/vault.lua --mock --trace - -q --seed "$1" 2>/dev/null | grep -o "\"word\":\"$word\""; }
[ "$(shown 1)" = "$(shown 1)" ] && ok "one seed, one hash" || not_ok "one seed, one hash" "$(shown 1)"
[ "$(shown 1)" != "$(shown 2)" ] && ok "another seed, another hash" || not_ok "another seed, another hash" "$(shown 2)"
says "what is printed has the trace's hash" "$(grep -o "\"word\":\"$word\"" run.jsonl | grep -o '#[0-9a-f]*' | head -1)" "$(grep -o "word=.\"$word" run.jsonl | grep -o '#[0-9a-f]*' | head -1)"

# ---- Runs that go wrong, and a check. ----
sed 's/after = { 5, "giving" },//' flows/vault.lua >hasty.lua
run "$AFRUN" hasty.lua --mock --drop 0.5 --runs 20 --json
cat "$OUT" "$ERR" >wrong.txt
run "$AFRUN" hasty.lua --mock --drop 0.5 --runs 20
cat "$OUT" "$ERR" >>wrong.txt
sed 's/^  name = "vault",/  invariants = { found = function(world)\n    for _, party in pairs(world.parties) do\n      local secret = party.data and party.data.secret\n      if secret and secret.give and secret.give.word == needle() then error("it is known") end\n    end\n    return true\n  end },\n&/' \
    flows/vault.lua >known.lua
run "$AFRUN" known.lua --mock --trace known.jsonl
cat "$OUT" "$ERR" >>wrong.txt
says "an invariant sees values" "it is known" "$(cat wrong.txt)"
run "$AFRUN" check known.lua --json --trace counter.jsonl
cat "$OUT" "$ERR" >>wrong.txt
run "$AFRUN" check known.lua
cat "$OUT" "$ERR" >>wrong.txt
says "so does a check's" "it is known" "$(cat "$OUT" "$ERR")"
run "$AFRUN" check hasty.lua --drop 1
cat "$OUT" "$ERR" >>wrong.txt
"$AFRUN" chart counter.jsonl >>wrong.txt
hides "runs that go wrong, a check, counterexamples" wrong.txt known.jsonl counter.jsonl
expect_output "no violation" "$AFRUN" check flows/vault.lua --crash 1 --drop 0

# ---- What does not fit is told without it. ----
sed 's/party.data.secret.bytes, word/party.data.secret.bytes:rep(9), word/' flows/vault.lua >long.lua
expect_error "event 'give': field 'key': expected bytes of at most 40 bytes, got a string of 171 bytes" 1 "$AFRUN" long.lua --mock
sed 's/count = party.data.secret.count, more/count = needle(), more/' flows/vault.lua >kind.lua
expect_error "field 'count': expected an integer, got a string of 17 bytes" 1 "$AFRUN" kind.lua --mock
sed 's/parts = { { part = needle() }/parts = { needle()/' flows/vault.lua >list.lua
expect_error "got a string of 17 bytes" 1 "$AFRUN" list.lua --mock
sed 's/party.data.secret = { give = give, from = from }/party.data.give = give/' flows/vault.lua >bare.lua
expect_error "data.give: an event with secrets would be shown; keep it in party.data.secret" 1 "$AFRUN" bare.lua --mock
sed 's/return "thanking"/return af.done(give)/' flows/vault.lua >result.lua
expect_error "result: an event with secrets would be shown" 1 "$AFRUN" result.lua --mock
for where in zzz all; do # what stands behind `secret` in the data, and before it
    printf 'local af = require "af"\nreturn af.flow { name = "twice", mock = { one = 1 }, roles = { one = { start = "s", states = { s = {
  enter = function(party)
    party.data.secret = { word = "needle" }
    party.data.%s = { party.data.secret }
    return "t"
  end }, t = { may_end = true } } } } }\n' $where >twice.lua
    expect_error "data.$where[1]: the party's secrets would be shown here, too; leave them out" 1 "$AFRUN" twice.lua --mock
done
sed 's/return af.done(event.digest)/return af.done { all = { secret = party.data.secret } }/' flows/vault.lua >all.lua
expect_error "result.all.secret: the party's secrets would be shown; leave them out" 1 "$AFRUN" all.lua --mock
sed 's/return af.done(event.digest)/return af.fail(party.data.secret)/' flows/vault.lua >fails.lua
run "$AFRUN" fails.lua --mock --trace fails.jsonl
cat "$OUT" "$ERR" >fails.txt
hides "what is refused, or fails" fails.txt fails.jsonl
sed 's/args = {/& pin = af.string { secret = true },/' flows/vault.lua >args.lua
expect_error "'args' cannot be secrets" 2 "$AFRUN" args.lua --mock
printf 'local af = require "af"\nlocal A = af.event("a", { key = af.string { secret = true } })\nprint(af.now())\n' >script.lua
expect_error "a field with secret = true is for flows" 2 "$AFRUN" script.lua --mock
printf 'local af = require "af"\nlocal A = af.event("a", { key = af.string { secret = 1 } })\n' >option.lua
expect_error "af.string: option 'secret' must be a boolean" 2 "$AFRUN" option.lua --mock

# ---- Tests see values. ----
cat >flows/vault_test.lua <<'LUA'
local t = require "af.test"
t.test("a party by itself", function()
  local giver = t.party("vault.lua", "giver", { id = "g", nodes = { giver = { "g" }, taker = { "t" }, opener = { "o" } } })
  t.equal(giver.data.raw, "\xfe\xff")
  t.equal(giver.data.secret.bytes, giver.sent[1].event.key)
  t.equal(#giver.data.secret.bytes, 19)
  t.equal(giver.sent[1].event.word, giver.data.secret.words[1])
end)
LUA
expect_output "1 passed, 0 failed" "$AFRUN" test flows/vault_test.lua
cat "$OUT" "$ERR" >test.txt
hides "a test that passes" test.txt

# ---- For real, killed at each place in turn. ----
run_one() { # run_one ROLE NODE OPTION…
    "$AFRUN" flows/vault.lua --role "$1" --node "$2" --task t --bus local:bus.db --peers "$peers" --state "$2.db" "${@:3}"
}
for point in commit-before:1 commit-after:1 send:1; do
    AFRUN_KILL_AT=$point run_one giver g >>real.txt 2>&1
    hides "killed at $point" g.db* real.txt
done
start_party opener flows/vault.lua --role opener --node o --task t --bus local:bus.db --peers "$peers"
for point in commit-before:1 commit-after:1 ack:1 commit-after:2; do
    { AFRUN_KILL_AT=$point run_one taker t & } >>real.txt 2>&1
    taker=$!
    { AFRUN_KILL_AT=ack:9 timeout 2 "$AFRUN" flows/vault.lua --role giver --node g --task t --bus local:bus.db --peers "$peers" --state g.db; } >>real.txt 2>&1
    kill "$taker" 2>/dev/null
    wait "$taker" 2>/dev/null
done
start_party taker flows/vault.lua --role taker --node t --task t --bus local:bus.db --peers "$peers" --state t.db
run run_one giver g --json
cat "$OUT" "$ERR" >>real.txt
says "its result is right all the same" "$digest" "$(cat "$OUT")"
wait_party taker
wait_party opener
hides "what is told and kept for real" g.db* t.db* real.txt taker.out taker.err
says "the key is its owner's alone" 600 "$(stat -c %a g.db.key)"
expect_output "all the same" "$AFRUN" replay g.db
expect_output "all the same" "$AFRUN" replay t.db
# A flow that does otherwise: the difference is told without secrets.
sed 's/word = needle(), count/word = needle():rep(2), count/' flows/vault.lua >other.lua
run "$AFRUN" replay g.db other.lua
says "what differs is told" "what it sends" "$(cat "$OUT" "$ERR")"
cat "$OUT" "$ERR" >differs.txt
sed 's/words = { needle() }/words = needle()/' flows/vault.lua >data.lua
run "$AFRUN" replay g.db data.lua --json
says "so are data" "its data" "$(cat "$OUT" "$ERR")"
cat "$OUT" "$ERR" >>differs.txt
hides "a replay that differs" differs.txt
mv g.db.key away.key
expect_error "g.db.key: is missing, and what parties have kept is sealed by it: put it back" 3 "$AFRUN" replay g.db
expect_output "all the same" "$AFRUN" replay g.db --key away.key
head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >g.db.key; echo >>g.db.key
expect_error "g.db.key: does not open what a party has kept: it is another key" 3 "$AFRUN" replay g.db
expect_error "g.db.key: does not open what a party has kept: it is another key" 3 run_one giver g

# ---- On a node: deferred, killed, reloaded, copied, without its key. ----
node() {
    start_party node node --node t --bus local:n.db --flows flows --state n --no-watch --audit audit.log "$@"
    wait_line node.out "afrun node: node t" || not_ok "the node starts" "$(cat node.err)"
}
ctl() { "$AFRUN" ctl "$@" --state n; }
rm flows/vault_test.lua
node
ctl launch vault --task t --role taker --peers "$peers" >/dev/null
start_party giver flows/vault.lua --role giver --node g --task t --bus local:n.db --peers "$peers" --state g2.db
has_deferred() { ctl status t --json | grep -q '"deferred":[1-9]'; }
until_true has_deferred && ok "it has deferred what it was given" || not_ok "it has deferred what it was given" "$(ctl status)"
hides "what is deferred" n/node.db*
kill_party node KILL
node
until_true has_deferred && ok "it has it still when it is killed" || not_ok "it has it still when it is killed" "$(ctl status)"
sed -i 's/version = 1/version = 2/' flows/vault.lua
ctl reload vault --dry-run >reload.txt 2>&1
ctl reload vault >>reload.txt 2>&1
says "it is reloaded" "version 2" "$(ctl status; cat reload.txt)"
open_it() { "$AFRUN" flows/vault.lua --role opener --node o --task t --bus local:n.db --peers "$peers" -q --arg times=1; }
check "it is opened" open_it
is_thanking() { ctl status t | grep -q thanking; }
until_true is_thanking && ok "it takes what it had deferred" || not_ok "it takes what it had deferred" "$(ctl status; ctl trace t)"
sed -i 's/version = 2/version = 3/; s/^  roles = {/  migrate = function(old) if old.role == "taker" then old.data.secret.migrated = needle() end return old end, &/' flows/vault.lua
ctl reload vault --dry-run --json >>reload.txt 2>&1
ctl reload vault --dry-run >>reload.txt 2>&1
says "a reload that is tried shows data without them" 'secret' "$(cat reload.txt)"
needle=straw'berry-fields'
# by hand: ÿþ and the needle, in base64; what does not fit is told without it
given() { echo '{"key":"//5zdHJhd2JlcnJ5LWZpZWxkcw==","word":"'$needle'","count":'"$1"',"more":"'$needle'","sure":true,"parts":[],"by":{},"plain":"p"}'; }
expect_output "its state defers it" ctl send t give "$(given 7)"
expect_error "field 'count': expected an integer, got a string of 17 bytes" 2 ctl send t give "$(given "\"$needle\"")"
cat "$ERR" >status.txt
{ ctl status; ctl status t --data; ctl status --json --data; ctl trace t; } >>status.txt 2>&1
ctl trace t --json >>status.txt 2>&1
ctl trace t >journal.jsonl
"$AFRUN" chart journal.jsonl >>status.txt
ctl backup copy.db >/dev/null
ctl support support.json >/dev/null
hides "store, copy, logs, status, trace, support, reloads" n/node.db* n/logs/* copy.db support.json status.txt journal.jsonl audit.log reload.txt node.out node.err
kill_party node KILL
# A copy is known to be of the same party, whatever is sealed anew.
mkdir -m 700 m && cp n/node.db n/node.db-wal m/ 2>/dev/null
run "$AFRUN" restore copy.db m
never_says "a copy that is as far as the store is put back" "goes back" "$(cat "$OUT" "$ERR")"
mv n/node.db.key away.key
node
is_told() { ctl status | grep -q "n/node.db.key: is missing, and what parties have kept is sealed by it: put it back"; }
until_true is_told && ok "without the key it is said what is missing" || not_ok "without the key it is said what is missing" "$(ctl status)"
ctl launch vault --task t2 --role taker --peers "$peers" >launch.txt 2>&1
says "nor is another party's secret sealed by another" "n/node.db.key: is missing" "$(cat launch.txt)"
[ ! -e n/node.db.key ] && ok "and no other key is made" || not_ok "and no other key is made"
kill_party node TERM
cp g.db.key n/node.db.key
node
is_other() { ctl status | grep -q "n/node.db.key: does not open what a party has kept: it is another key"; }
until_true is_other && ok "nor does another key open it" || not_ok "nor does another key open it" "$(ctl status)"
ctl launch vault --task t2 --role taker --peers "$peers" >launch.txt 2>&1
says "nothing is sealed by that" "does not open what a party has kept" "$(cat launch.txt)"
kill_party node TERM
node --key away.key
ctl reload vault >/dev/null
open_it
has_ended() { ctl status | grep -q done; }
until_true has_ended && ok "with its key it goes on" || not_ok "with its key it goes on" "$(ctl status)"
says "and all was as it was given" "$digest" "$(ctl trace t | grep '"kind":"done"')"
kill_party node TERM
hides "the store in the end" n/node.db* n/logs/* giver.out giver.err g2.db*
expect_output "goes on with 1 part" sed -n 1,20p node.out
stop_all
