#!/usr/bin/env bash
# party:keep and party:kept: bytes beside a party's data, kept with its steps and sealed on the disk; the same in mock, in a check
# and for real, whatever is killed; nowhere to be read; gone when nothing names them, and with the party.
source "$(dirname "$0")/../lib/e2e.sh"
plan 104
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
    'party:kept("kept:0")|party:kept: expected what party:keep gave ("kept:" and 64 hex digits), got a string of 6 bytes' \
    'party:kept("kept:" .. ("A"):rep(64))|party:kept: expected what party:keep gave' 'party:kept()|party:kept: expected what party:keep gave ("kept:" and 64 hex digits), got a nil' \
    'party:kept("kept:" .. ("0"):rep(64))|party:kept: nothing is kept under this' 'for n = 1, 1001 do party:keep("x" .. n) end|party:keep: a party keeps at most 1000' \
    'for n = 1, 210 do party:keep(("x"):rep(1000000) .. n) end|party:keep: a party keeps at most 192 MiB'; do
    printf 'local af = require "af"\nreturn af.flow { name = "w", mock = { one = 1 }, roles = { one = { start = "a", states = { a = { enter = function(party)\n  %s\nend } } } } }\n' \
        "${wrong%%|*}" >wrong.lua
    expect_error "wrong.lua:3: ${wrong#*|}" 1 "$AFRUN" wrong.lua --mock
done
# A sequential role keeps them for as long as it runs; the bounds are the same.
cat >sequential.lua <<'LUA'
local af = require "af"
return af.flow { name = "s", mock = { one = 1, two = 1 }, roles = {
  one = function(party)
    local ref, none = party:keep("hush111;"), party:keep("")
    af.expect(ref == party:keep("hush111;") and party:kept(ref) == "hush111;" and party:kept(none) == "")
    af.sleep(10)
    print(pcall(party.kept, party, "kept:" .. ("0"):rep(64)))
    print(pcall(function() for n = 1, 210 do party:keep(("x"):rep(1000000) .. n) end end))
    print(pcall(function() for n = 1, 1001 do party:keep("x" .. n) end end))
    return af.done(#party:kept(ref))
  end,
  two = function(party) return af.done((pcall(party.kept, party, "kept:" .. af.crypto.hex(af.crypto.sha256("hush111;"))))) end,
} }
LUA
check "a sequential role keeps, too" "$AFRUN" sequential.lua --mock --trace sequential.jsonl
expect_in sequential.jsonl '"result":8' "as long as it runs"
expect_in sequential.jsonl '"result":false' "and no other party has it"
for wrong in "party:kept: nothing is kept under this" "party:keep: a party keeps at most 1000 texts" "party:keep: a party keeps at most 192 MiB"; do
    says "a sequential role: $wrong" "$wrong" "$(cat "$OUT" "$ERR")"
done
is_nowhere "its trace" sequential.jsonl

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
cat >flows/refs.lua <<'LUA'
local af = require "af"
return af.flow { name = "refs", mock = { giver = 1, taker = 1 }, roles = {
  giver = { start = "giving", states = {
    giving = { enter = function(party)
      party.data.ref = party:keep("kept bytes")
      party.data.url = party:upload_file(party.data.ref)
      return "sending"
    end },
    sending = af.data_channel.sending { target = function(party) return party:nodes("taker") end,
      ref = function(party) return party.data.ref end, timeout = 20,
      done = function(party) return af.done(af.download(party.data.url)) end },
  } },
  taker = { start = "taking", states = { taking = af.data_channel.receiving {
    source = function(party) return party:nodes("giver") end,
    received = function(party, _, bytes) party.data.got = bytes end,
    done = function(party) return af.done(party.data.got) end } } },
} }
LUA
run "$AFRUN" flows/refs.lua --mock --json
says "what is kept goes out as a file does, by its name" 2 "$(grep -o '"result":"kept bytes"' "$OUT" | wc -l)"
expect_output "exhaustive: no violation" "$AFRUN" check flows/refs.lua
expect_output "exhaustive: no violation" "$AFRUN" check flows/refs.lua --crash 1

# Wherever af.content(bytes) is taken.
cat >everywhere.lua <<'LUA'
local af = require "af"
return af.flow { name = "everywhere", mock = { giver = 1, taker = 1 }, roles = {
  giver = { start = "giving", states = { giving = { enter = function(party)
    local ref, to = party:keep("kept bytes"), party:nodes("taker")
    for _, of in ipairs { party, party.contractor } do
      af.expect(af.download(of:upload_file(ref, true, "named.bin")) == "kept bytes")
      of:upload_metric_report(to, ref)
      of:upload_model(to, ref)
      of:upload_task_achivement(to[1], ref, ref)
      of:upload_task_achievement(to[1], ref, ref)
    end
    party.data.ref = party:keep("")
    af.expect(af.download(party:upload_file(party.data.ref)) == "")
    return af.done()
  end } } },
  taker = { data = function() return { files = {} } end, start = "taking", states = { taking = {
    [af.TaskFileUpload] = function(party, event)
      table.insert(party.data.files, event.file_type .. " " .. af.download(event.file_url))
      if #party.data.files == 12 then
        table.sort(party.data.files)
        return af.done { first = party.data.files[1], last = party.data.files[12] }
      end
    end } } },
} }
LUA
expect_output '"result":{"first":"model kept bytes","last":"report kept bytes"}' "$AFRUN" everywhere.lua --mock --json
expect_output "exhaustive: no violation" "$AFRUN" check everywhere.lua
check "wherever content is taken, for real" "$ROOT/tests/lib/for_real.py" "$PROGRAM" everywhere.lua

# By the calls of a sequential role.
cat >calls.lua <<'LUA'
local af = require "af"
return af.flow { name = "calls", mock = { giver = 1, taker = 2 }, roles = {
  giver = function(party)
    local channel = af.data_channel(party.contractor)
    local to = party:nodes("taker")
    local who = channel:send_stream { target = to[1], ref = party:keep("kept bytes"), timeout = 30 }
    local all = channel:batch_send_stream { target = to, ref = party:keep("for all"), timeout = 30 }
    return af.done { who == to[1], #all, af.download(party:upload_file(party:keep("kept bytes"))) }
  end,
  taker = function(party)
    local channel, from = af.data_channel(party.contractor), party:nodes("giver")[1]
    local got = ""
    for _ = 1, party.id == party:nodes("taker")[1] and 2 or 1 do
      local _, bytes = channel:receive_stream { source = from, timeout = 30 }
      got = got .. bytes .. ";"
    end
    return af.done(got)
  end,
} }
LUA
expect_output "3 parties done, 0 failed" "$AFRUN" calls.lua --mock --trace calls.jsonl
for result in '[true,2,"kept bytes"]' '"kept bytes;for all;"' '"for all;"'; do expect_in calls.jsonl "\"result\":$result" "a sequential role sends it: $result"; done

# For real: by both kinds of roles, over a file and over a service.
start_serve --open-tasks --prefix-nodes
for bus in "local:files.db" "$URL/node/"; do
    for flow in calls refs; do
        nodes="a b" peers_of='giver=a;taker=b'
        [ $flow = refs ] || { nodes="a b c" && peers_of='giver=a;taker=b,c'; }
        for node in $nodes; do
            role=taker
            [ $node != a ] || role=giver
            [ -f $flow.lua ] || cp flows/$flow.lua .
            at=$bus
            [[ $bus == local:* ]] || at=$bus$node
            start_party $node $flow.lua --role $role --node $node --task $flow --bus "$at" --peers "$peers_of" --json
        done
        for node in $nodes; do expect_ended $node 0 "${bus%%:*}: $node of $flow ends well"; done
        expect_in b.out '"result":"kept bytes' "${bus%%:*}: the bytes of $flow are there"
    done
done
stop_serve

# What is none: told at its key.
wrong_state() { # OPTION… MESSAGE: of `sending` in a flow
    sed "s|ref = function(party) return party.data.ref end|$1|" flows/refs.lua >wrong.lua
    expect_error "wrong.lua:9: data_channel.sending: $2" "${3:-1}" "$AFRUN" wrong.lua --mock
}
gave='expected what party:keep gave ("kept:" and 64 hex digits), got'
wrong_state 'ref = "model.bin"' "ref: $gave a string of 9 bytes"
wrong_state 'ref = function() end' "ref: $gave a nil"
wrong_state 'ref = function() return { } end' "ref: $gave a table"
wrong_state 'ref = "kept:" .. ("0"):rep(64)' "ref: nothing is kept under this"
wrong_state 'path = function(party) return party.data.ref end' "path: this is what party:keep gave, and no file; write ref = "
wrong_state 'path = function() end' "path: expected a file's path, got a nil"
wrong_state 'path = function() return af.content("x") end' "path: expected a file's path, got a"
wrong_state 'data = function() end' "data: expected a string of bytes, got a nil"
wrong_state 'ref = 4' "'ref': expected a function, string, got a number" 2
wrong_state 'ref = "x", data = "y"' "'data' and 'ref': one of data, path and ref is sent" 2
wrong_state 'path = "x", ref = "y"' "'path' and 'ref': one of data, path and ref is sent" 2
wrong_state 'path = "x", data = "y"' "'data' and 'path': one of data, path and ref is sent" 2
sed 's/party.data.ref = party:keep("kept bytes")/party.data.ref = "kept:" .. ("0"):rep(64)/' flows/refs.lua >unkept.lua
expect_error "unkept.lua:6: upload_file: nothing is kept under this; what neither party.data nor a deferred event names is forgotten" 1 \
    "$AFRUN" unkept.lua --mock
run "$AFRUN" check unkept.lua
says "and a check says so" "unkept.lua:6: upload_file: nothing is kept under this" "$(cat "$OUT")"
wrong_call() { # CALL MESSAGE: of a sequential role's channel
    printf 'local af = require "af"\nreturn af.flow { name = "w", mock = { one = 1 }, roles = { one = function(party)\n  %s\nend } }\n' "${1/channel/af.data_channel(party.contractor)}" >wrong.lua
    expect_error "wrong.lua:3: $2" 1 "$AFRUN" wrong.lua --mock
}
wrong_call 'channel:send_stream { target = "b" }' "send_stream: one of data_stream, path and ref must be given"
wrong_call 'channel:send_stream { target = "b", ref = "x", path = "y" }' "send_stream: 'path' and 'ref': one of data_stream, path and ref is sent"
wrong_call 'channel:batch_send_stream { target = "b", ref = "x", data_stream = "y" }' "batch_send_stream: 'data_stream' and 'ref': one of"
wrong_call 'channel:batch_send_stream { target = "b", ref = "model.bin" }' "batch_send_stream: ref: $gave a string of 9 bytes"
wrong_call 'channel:send_stream { target = "b", ref = "kept:" .. ("0"):rep(64) }' "send_stream: ref: nothing is kept under this"
wrong_call 'channel:send_stream { target = "b", path = party:keep("x") }' "send_stream: path: this is what party:keep gave, and no file; write ref = "
printf 'local af = require "af"\nprint(pcall(function()\n  af.TaskMessageContractor("t"):upload_file("kept:" .. ("0"):rep(64))\nend))\n' >script.lua
expect_output "script.lua:3: upload_file: nothing is kept under this" "$AFRUN" script.lua --mock
# A file may be called so; then its path says that it is one.
name=kept:$(printf 'x' | sha256sum | cut -c1-64)
printf 'of a file' >"$name"
printf 'local af = require "af"\nprint(af.download(af.TaskMessageContractor("t"):upload_file("./%s")))\n' "$name" >file.lua
expect_output "of a file" "$AFRUN" file.lua --mock

# ---- For real, killed at each place in turn. ----
run_vault() { "$AFRUN" flows/vault.lua --role vault --node v --task t --bus local:bus.db --peers "$peers" --state "$@"; }
check "what is sent" "$AFRUN" flows/vault.lua --role giver --node g --task t --bus local:bus.db --peers "$peers"
for point in commit-before:1 commit-after:1 commit-before:2 commit-after:2 ack:1 commit-after:2; do
    AFRUN_KILL_AT=$point run_vault v.db >/dev/null 2>&1
    last=$?
    [ "$last" -eq 137 ] && ok "killed at $point" || ok "over before $point ($last)"
    is_nowhere "at $point, on the disk" v.db* # whether or not its key was made before
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
ctl launch refs --task r --role giver --peers 'giver=v;taker=g' >/dev/null
check "what a node's party keeps goes out as a file" "$AFRUN" flows/refs.lua --role taker --node g --task r --bus local:n.db --peers 'giver=v;taker=g' --json
says "the same bytes" '"result":"kept bytes"' "$(cat "$OUT")"
given() { ctl status r --data | grep -q 'kept bytes'; }
until_true given && ok "and the node's party has them, too" || not_ok "and the node's party has them, too" "$(ctl status r)"
kill_party node TERM
says "with the parties all are gone" =0= "=$(kept_rows n/node.db)="
stop_all
