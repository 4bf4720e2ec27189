#!/usr/bin/env bash
# party:keep and party:kept: bytes beside a party's data, kept with its steps and sealed on the disk; the same in mock, in a check
# and for real, whatever is killed; nowhere to be read; gone when nothing names them, and with the party.
source "$(dirname "$0")/../lib/e2e.sh"
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

mkdir flows
cat >flows/vault.lua <<'LUA'
local af = require "af"
local Put = af.event("put", { n = af.integer })
local Open = af.event("open", {})
return af.flow { name = "vault", mock = { vault = 1, giver = 1 }, roles = {
  vault = { data = function() return { got = 0 } end, start = "open", states = { open = {
    [Put] = function(party, event)
      local had = party.data.ref and party:kept(party.data.ref) or ""
      party.data.ref = party:keep(had .. ("hush%d;"):format(event.n * 111))
      party.data.got = party.data.got + 1
    end,
    [Open] = function(party)
      if party.data.got < 3 then return end
      local all = party:kept(party.data.ref)
      return af.done { length = #all, first = all:sub(1, 1) }
    end,
  } } },
  giver = { start = "giving", states = { giving = { enter = function(party)
    for n = 1, 3 do party:send(party:nodes("vault"), Put { n = n }) end
    party:send(party:nodes("vault"), Open {})
    return af.done()
  end } } },
} }
LUA
result='"result":{"first":"h","length":24}'
peers='vault=v;giver=g'
# is_nowhere WHERE FILE…: none of the bytes can be read there.
is_nowhere() {
    local where=$1
    shift
    if grep -d skip -D skip -qaE 'hush(111|222|333)|aHVzaDExM' "$@"; then not_ok "$where: nothing of it" "$(grep -aolE 'hush(111|222|333)' "$@")"; else ok "$where: nothing of it"; fi
}
kept_rows() { python3 -c '
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM kept").fetchone()[0])' "$1"; }

# ---- In mock, and in a check. ----
check "in mock, over crashes" "$AFRUN" flows/vault.lua --mock --fifo --crash vault:0.5 --seed 3 --trace run.jsonl
expect_in run.jsonl "$result" "it is given back after them"
expect_in run.jsonl '"kind":"crash"' "and there were some"
is_nowhere "a trace" run.jsonl
expect_output "all the same" "$AFRUN" replay run.jsonl
sed 's/if party.data.got < 3 then return end/if party.data.got < 3 then return af.done() end/' flows/vault.lua >any.lua
expect_output "exhaustive: no violation" "$AFRUN" check any.lua --crash 1
sed 's/party.data.ref = party:keep/local ref = party.data.ref; party.data.ref = party:keep/; s/party.data.got = party.data.got + 1/if ref then party:kept(ref) end; &/' any.lua >two.lua
expect_output "exhaustive: no violation" "$AFRUN" check two.lua --crash 1
cat >gone.lua <<'LUA'
local af = require "af"
local Next = af.event("next", { ref = af.string })
return af.flow { name = "gone", mock = { one = 1 }, roles = { one = { start = "a", states = {
  a = { enter = function(party) party:send(party.id, Next { ref = party:keep("text") }) end,
    [Next] = function(party, event) party:kept(event.ref) end },
} } } }
LUA
expect_error "gone.lua:5: party:kept: nothing is kept under this; what neither party.data nor a deferred event names is forgotten" 1 \
    "$AFRUN" gone.lua --mock
run "$AFRUN" check gone.lua
says "and a check says so" "gone.lua:5: party:kept: nothing is kept" "$(cat "$OUT")"

# A deferred event names it, too; what raises keeps nothing; a result is what an ended party keeps.
cat >deferred.lua <<'LUA'
local af = require "af"
local Next = af.event("next", { ref = af.string })
return af.flow { name = "deferred", mock = { one = 1 }, roles = { one = { start = "a", states = {
  a = { enter = function(party) party.data.ref = party:keep("text"); party:send(party.id, Next { ref = party.data.ref }) end,
    defer = { Next }, after = { 1, "b" } },
  b = { enter = function(party) party.data.ref = nil end, after = { 1, "c" }, defer = { Next } },
  c = { [Next] = function(party, event) return af.done(party:kept(event.ref)) end },
} } } }
LUA
check "what a deferred event names stays" "$AFRUN" deferred.lua --mock
expect_output "exhaustive: no violation" "$AFRUN" check deferred.lua --crash 1

for wrong in 'party.keep("x")|party:keep: call it with a colon' 'party:keep(4)|party:keep: expected a string of bytes, got a number' \
    'party:kept("kept:0")|party:kept: nothing is kept under this' 'for n = 1, 1001 do party:keep("x" .. n) end|party:keep: a party keeps at most 1000' \
    'for n = 1, 70 do party:keep(("x"):rep(1000000) .. n) end|party:keep: a party keeps at most 64 MiB'; do
    printf 'local af = require "af"\nreturn af.flow { name = "w", mock = { one = 1 }, roles = { one = { start = "a", states = { a = { enter = function(party)\n  %s\nend } } } } }\n' \
        "${wrong%%|*}" >wrong.lua
    expect_error "wrong.lua:3: ${wrong#*|}" 1 "$AFRUN" wrong.lua --mock
done
printf 'local af = require "af"\nreturn af.flow { name = "s", mock = { one = 1 }, roles = { one = function(party)\n  party:keep("x")\nend } }\n' >sequential.lua
expect_error "sequential.lua:3: party:keep: a sequential role has no data that are kept" 1 "$AFRUN" sequential.lua --mock

cat >vault_test.lua <<'LUA'
local t = require "af.test"
t.test("a party by itself keeps, too", function()
  local vault = t.party("flows/vault.lua", "vault", { id = "v", nodes = { vault = { "v" }, giver = { "g" } } })
  for n = 1, 3 do vault:receive(vault.events.put { n = n }, "g") end
  vault:receive(vault.events.open {}, "g")
  t.equal(vault.result, { length = 24, first = "h" })
end)
LUA
expect_output "1 passed, 0 failed" "$AFRUN" test vault_test.lua

# ---- As a file. ----
cat >refs.lua <<'LUA'
local af = require "af"
return af.flow { name = "refs", mock = { giver = 1, taker = 1 }, roles = {
  giver = { start = "giving", states = {
    giving = { enter = function(party)
      party.data.ref = party:keep("kept bytes")
      party.data.url = party:upload_file(party.data.ref)
      return "sending"
    end },
    sending = af.data_channel.sending { target = function(party) return party:nodes("taker") end,
      path = function(party) return party.data.ref end, timeout = 20,
      done = function(party) return af.done(af.download(party.data.url)) end },
  } },
  taker = { start = "taking", states = { taking = af.data_channel.receiving {
    source = function(party) return party:nodes("giver") end,
    received = function(party, _, bytes) party.data.got = bytes end,
    done = function(party) return af.done(party.data.got) end } } },
} }
LUA
run "$AFRUN" refs.lua --mock --json
says "what is kept goes out as a file does, by its name" 2 "$(grep -o '"result":"kept bytes"' "$OUT" | wc -l)"
expect_output "exhaustive: no violation" "$AFRUN" check refs.lua
check "for real, too" "$ROOT/tests/lib/for_real.py" "$PROGRAM" refs.lua
sed 's/party.data.ref = party:keep("kept bytes")/party.data.ref = "kept:" .. ("0"):rep(64)/' refs.lua >unkept.lua
expect_error "unkept.lua:6: party:kept: nothing is kept under this" 1 "$AFRUN" unkept.lua --mock

# ---- For real, killed at each place in turn. ----
run_vault() { "$AFRUN" flows/vault.lua --role vault --node v --task t --bus local:bus.db --peers "$peers" --state "$@"; }
check "what is sent" "$AFRUN" flows/vault.lua --role giver --node g --task t --bus local:bus.db --peers "$peers"
for point in commit-before:1 commit-after:1 commit-before:2 commit-after:2 ack:1 commit-after:2; do
    AFRUN_KILL_AT=$point run_vault v.db >/dev/null 2>&1
    last=$?
    [ "$last" -eq 137 ] && ok "killed at $point" || ok "over before $point ($last)"
    [ ! -f v.db.key ] || is_nowhere "at $point, on the disk" v.db*
done
says "the key is its owner's alone" 600 "$(stat -c %a v.db.key)"
expect_output '"first":"h","length":24' run_vault v.db --json
says "with the party they are gone" =0= "=$(kept_rows v.db)="
expect_output "all the same" "$AFRUN" replay v.db

# ---- On a node: in a worker, killed, copied, and without its key. ----
sed 's/giver = {/giver = { data = function() return {} end,/; s/party:send(party:nodes("vault"), Open {})/if party.args.last then & end/; s/name = "vault",/name = "vault", args = { last = af.optional(af.boolean, false) },/' \
    flows/vault.lua >flows/vault.new && mv flows/vault.new flows/vault.lua
node() { # node OPTION…
    start_party node node --node v --bus local:n.db --flows flows --state n --no-watch "$@"
    wait_line node.out "afrun node: node v" || not_ok "the node starts" "$(cat node.err)"
}
ctl() { "$AFRUN" ctl "$@" --state n; }
node --key keys/node.key
give() { "$AFRUN" flows/vault.lua --role giver --node g --task "$@" --bus local:n.db --peers "$peers" -q >/dev/null; }
ctl launch vault --task t --role vault --peers "$peers" >/dev/null
is_held() { ctl status | grep -q "keys/node.key: the key of what parties keep cannot be made: No such file"; }
give t
until_true is_held && ok "where no key can be made, the party is held" || not_ok "where no key can be made, the party is held" "$(ctl status)"
mkdir -m 700 keys
ctl retry t >/dev/null
has_three() { [ "$(ctl trace t | grep -c '"kind":"deliver"')" -ge 3 ]; }
until_true has_three && ok "it takes all three then" || not_ok "it takes all three then" "$(ctl status; ctl trace t)"
ctl backup copy.db >/dev/null
ctl support support.json >/dev/null
ctl status t >status.txt; ctl trace t >trace.txt; ctl status --json >>status.txt
kill_party node KILL
says "one text of bytes is kept, the newest" =1= "=$(kept_rows n/node.db)="
is_nowhere "store, logs, copy, status, trace, support file" n/node.db* n/logs/* copy.db support.json status.txt trace.txt
node # with no key where it looks
is_told() { ctl status | grep -q "n/node.db.key: is missing, and what parties have kept is sealed by it: put it back"; }
until_true is_told && ok "without the key it is said what is missing" || not_ok "without the key it is said what is missing" "$(ctl status)"
[ ! -e n/node.db.key ] && ok "and no other key is made" || not_ok "and no other key is made"
kill_party node TERM
head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >n/node.db.key; echo >>n/node.db.key
node
is_other() { ctl status | grep -q "n/node.db.key: does not open what a party has kept: it is another key"; }
until_true is_other && ok "nor does another key open it" || not_ok "nor does another key open it" "$(ctl status)"
kill_party node TERM
node --key keys/node.key
"$AFRUN" flows/vault.lua --role giver --node g --task t --bus local:n.db --peers "$peers" --arg last=true -q --state g.db >/dev/null
has_ended() { ctl status | grep -q done; }
until_true has_ended && ok "with its key it goes on" || not_ok "with its key it goes on" "$(ctl status)"
says "and gives them back" '"length":' "$(ctl trace t | grep '"result"')"
kill_party node TERM
says "with the party they are gone, too" =0= "=$(kept_rows n/node.db)="
stop_all
