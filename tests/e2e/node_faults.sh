#!/usr/bin/env bash
# What befalls a node's store: cut, of a newer version, another program's, a full disk, a clock that is
# set, a kill with a thousand parties. A clear error or a clean resume, never a wrong answer.
source "$(dirname "$0")/../lib/e2e.sh"
may_mount
plan 62
source "$ROOT/tests/lib/parties.sh"

mkdir flows
cat >flows/sum.lua <<'LUA'
local af = require "af"
local Add = af.event("add", { n = af.integer, pad = af.string })
return af.flow {
  name = "sum",
  args = { count = af.optional(af.integer, 5), seconds = af.optional(af.number, 2) },
  roles = {
    counter = {
      data = function() return { sum = 0, count = 0 } end,
      start = "counting",
      states = { counting = {
        [Add] = function(party, event)
          party.data.count = party.data.count + 1
          party.data.sum = party.data.sum + event.n
          if party.data.count == party.args.count then return af.done(party.data.sum) end
        end,
      } },
    },
    source = {
      start = "giving",
      states = { giving = { enter = function(party)
        for n = 1, party.args.count do
          party:send(party:nodes("counter"), Add { n = n, pad = ("x"):rep(4000) })
        end
        return af.done()
      end } },
    },
    waiter = {
      start = "waiting",
      states = { waiting = {
        after = { function(party) return party.args.seconds end, function() return af.done "waited" end },
      } },
    },
  },
}
LUA
node() { # node NAME STATE-FOLDER ARGUMENT…
    local name=$1 folder=$2
    shift 2
    start_party "$name" node --node "$name" --bus local:bus.db --flows flows --state "$folder" "$@"
    wait_line "$name.out" "afrun node: node $name" || not_ok "node $name starts" "$(cat "$name.err")"
}
ctl() { # ctl STATE-FOLDER WORD…
    local folder=$1
    shift
    "$AFRUN" ctl "$@" --state "$folder"
}
says_status() { ctl "$1" status --json 2>/dev/null | grep -qF "$2"; }
status_has() { # status_has STATE-FOLDER TEXT NAME
    if until_true says_status "$1" "$2"; then ok "$3"; else not_ok "$3" "$(ctl "$1" status 2>&1)"; fi
}
give() { # give TASK COUNT: a source sends so many events
    "$AFRUN" flows/sum.lua --bus local:bus.db --task "$1" --node s --role source \
        --peers 'counter=i;source=s' --arg "count=$2" -q >/dev/null
}

# ---- The file. ----
node i i.state
check "a party is launched" ctl i.state launch sum --task t --role counter --peers 'counter=i;source=s'
status_has i.state '"waiting"' "it waits"
kill_party i
refused() { # refused TEXT NAME: a node on x.state does not start, and changes nothing
    local before after
    before=$(sha256sum x.state/node.db)
    expect_error "$1" 3 "$AFRUN" node --node i --bus local:bus.db --flows flows --state x.state
    after=$(sha256sum x.state/node.db)
    if [ "$before" = "$after" ]; then ok "$2: the file is as it was"; else not_ok "$2: the file is as it was" "$before $after"; fi
}
mkdir x.state
python3 - i.state/node.db whole.db <<'PY'
import sqlite3, sys
source, target = (sqlite3.connect(path) for path in sys.argv[1:3])
source.backup(target)
PY
for bytes in 1 100 4096 10000; do
    head -c $bytes whole.db >x.state/node.db
    refused x.state/node.db "a store cut to $bytes bytes"
done
cp whole.db x.state/node.db && python3 -c '
import sqlite3
db = sqlite3.connect("x.state/node.db"); db.execute("PRAGMA user_version = 99"); db.commit()'
refused "version 99" "a newer version"
python3 -c '
import os, sqlite3
os.unlink("x.state/node.db")
db = sqlite3.connect("x.state/node.db"); db.execute("CREATE TABLE x (y)"); db.commit()'
refused "another program" "another program's file"
node i i.state
give t 5
status_has i.state '"done"' "the whole one goes on"
expect_output '"result":15' ctl i.state trace t

# ---- Rows that are not as they should be: their party is broken, and the others go on. ----
node r r.state
sed 's/name = "sum"/name = "other"/' flows/sum.lua >flows/other.lua
counter() { # counter TASK FLOW: is launched
    ctl r.state launch "$2" --task "$1" --role counter --peers 'counter=r;source=s' >/dev/null || not_ok "$1 is launched"
}
rows=("about = x'00'" "about = '{'" "about = 7" "timers = x'01'" "timers = '[[1]]'"
    "timers = '[[null,-9223372036854775808,1]]'" "state = x'61'" "state = 'nowhere'" "data = '{'" "data = x'ff'" "data = CAST(replace(CAST(data AS TEXT), '0', '1') AS BLOB)" "seq = seq + 1" "seq = 1 << 62"
    "status = 77" "code = x'00'" "code = 'none'")
harmless="since = -9223372036854775808, made = 9223372036854775807, progress = 1 << 40"
for ((k = 0; k < ${#rows[@]}; k++)); do counter "r$k" sum; done
for task in fine harmless nobody; do counter $task sum; done
counter code other
has_waiting() { [ "$(ctl r.state status | grep -c '  waiting  ')" -eq $((${#rows[@]} + 4)) ]; }
until_true has_waiting && ok "all wait" || not_ok "all wait" "$(ctl r.state status)"
kill_party r TERM
check "their rows are spoiled" python3 -c '
import sqlite3, sys
with sqlite3.connect("r.state/node.db") as db:
    for number, change in enumerate(sys.argv[2:]):
        db.execute("UPDATE party SET " + change + " WHERE task = ?", ("r%d" % number,))
    db.execute("UPDATE party SET " + sys.argv[1] + " WHERE task = ?", ("harmless",))
    db.execute("UPDATE party SET task = ? WHERE task = ?", (b"x", "nobody"))
    db.execute("UPDATE journal SET kind = ?, sender = 7, time = -9223372036854775808 WHERE party = (SELECT id FROM party WHERE task = ?)", (b"x", "fine"))
    db.execute("UPDATE code_file SET path = ? WHERE hash = (SELECT code FROM party WHERE task = ?)", (b"x", "code"))
' "$harmless" "${rows[@]}"
node r r.state
status_of() { ctl r.state status --json 2>/dev/null | python3 -c '
import json, sys
print(next((p["status"] + ": " + str(p.get("error")) for p in json.load(sys.stdin)["parties"] if p["task"] == sys.argv[1]), "none"))' "$1"; }
is_status() { [[ $(status_of "$1") == "$2"* ]]; }
status_is() { # status_is TASK STATUS NAME
    if until_true is_status "$1" "$2"; then ok "$3"; else not_ok "$3" "$(status_of "$1")"; fi
}
for ((k = 0; k < ${#rows[@]}; k++)); do status_is "r$k" broken "${rows[k]}: its party is broken"; done
status_is code broken "code without a name: its party is broken"
status_is harmless waiting "$harmless: it does no harm"
status_is nobody none "a party whose task is no text is passed over"
expect_in r.err "is passed over: its task or node is no text" "which is told"
check "status can be told" ctl r.state status
give_r() { "$AFRUN" flows/sum.lua --bus local:bus.db --task fine --node s --role source --peers 'counter=r;source=s' -q; }
check "the journal of one is spoiled: what it is sent" give_r
status_is fine "done" "it goes on"
expect_output '"result":15' ctl r.state trace fine
kill_party r

# ---- A full disk: of a node, and of a party's own process. ----
if may_mount; then
    mkdir small
    mount -t tmpfs -o size=1m,mode=700 tmpfs small || not_ok "a small file system" ""
    node j small
    check "a party is launched on a small disk" ctl small launch sum --task f --role counter \
        --peers 'counter=j;source=s' --arg count=400
    "$AFRUN" flows/sum.lua --bus local:bus.db --task f --node s --role source \
        --peers 'counter=j;source=s' --arg count=400 -q >/dev/null
    status_has small '"store":"' "status says that what happens cannot be kept"
    expect_output "cannot be kept" ctl small status
    mount -o remount,size=64m small
    status_has small '"status":"done"' "with room it goes on, and ends"
    expect_output '"result":80200' ctl small trace f # 1 + … + 400
    kill_party j TERM

    mount -o remount,size=1m small 2>/dev/null || { rm -rf small/*; mount -o remount,size=1m small; }
    rm -rf small/*
    start_party own flows/sum.lua --bus local:bus.db --task o --node i --role counter \
        --peers 'counter=i;source=s' --arg count=400 --state small/own.db
    give o 400
    wait_line own.err "is full; nothing is lost" && ok "a party's own process says so" || not_ok "a party's own process says so" "$(cat own.err)"
    mount -o remount,size=64m small
    expect_ended own 0 "and ends well with room"
    expect_in own.out "i done" "it is done"
else
    skip 8 "no file system can be mounted"
fi

# ---- A clock that is set. ----
library=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
if [ -n "$library" ] && [[ $AFRUN != *sanitize* ]]; then
    real=$AFRUN
    echo "+0" >offset
    printf '#!/bin/sh\nLD_PRELOAD=%s FAKETIME_TIMESTAMP_FILE=%s FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 exec "%s" "$@"\n' \
        "$library" "$PWD/offset" "$real" >faked
    chmod +x faked
    AFRUN=$PWD/faked
    node k k.state
    check "a party with a timer of 3 s" ctl k.state launch sum --task back --role waiter --peers waiter=k --arg seconds=3
    begin=$(date +%s%3N)
    echo "-3600" >offset
    status_has k.state '"task":"back","flow":"sum","file":"sum.lua","version":1,"role":"waiter","status":"done"' "the clock is set back an hour under it: it fires"
    took=$(($(date +%s%3N) - begin))
    [ $took -ge 2500 ] && [ $took -lt 15000 ] && ok "in its time" || not_ok "in its time" "$took ms"
    check "a timer of an hour" ctl k.state launch sum --task hour --role waiter --peers waiter=k --arg seconds=3600
    kill_party k
    echo "-90000" >offset # a day back while the node is away: no more than the whole hour is left
    node k k.state
    status_has k.state '"task":"hour","flow":"sum","file":"sum.lua","version":1,"role":"waiter","status":"waiting"' "set back while it was away: it waits"
    run ctl k.state status hour
    if grep -qE 'its time is over in (59|60) min' "$OUT"; then ok "for an hour at most"; else not_ok "for an hour at most" "$(cat "$OUT")"; fi
    kill_party k
    echo "+90000" >offset
    node k k.state
    status_has k.state '"task":"hour","flow":"sum","file":"sum.lua","version":1,"role":"waiter","status":"done"' "set forward while it was away: what is overdue fires"
    kill_party k TERM
    AFRUN=$real
else
    skip 7 "no libfaketime, or a sanitizer"
fi

# ---- A thousand parties, and a kill. ----
count=100
is_short || count=1000
for ((n = 1; n <= count; n++)); do
    ctl i.state launch sum --task "m$n" --role counter --peers 'counter=i;source=s' >/dev/null
done
all_wait() { [ "$(ctl i.state status --json | grep -o '"status":"waiting"' | wc -l)" -eq $count ]; }
until_true all_wait && ok "$count parties wait" || not_ok "$count parties wait" "$(ctl i.state status | head)"
kill_party i
node i i.state
until_true all_wait && ok "after a kill all of them wait again" || not_ok "after a kill all of them wait again" "$(ctl i.state status | head)"
give m1 5
give "m$count" 5
both_done() { [ "$(ctl i.state status --json | grep -o '"status":"done"' | wc -l)" -eq 3 ]; }
until_true both_done && ok "the first and the last end" || not_ok "the first and the last end" "$(ctl i.state status | grep -v waiting | head)"
expect_output '"result":15' ctl i.state trace "m$count"
stop_all
! may_mount || umount small
