#!/usr/bin/env bash
# `afrun run --state`: a party that is killed anywhere goes on, and each effect happens once.
source "$(dirname "$0")/../lib/e2e.sh"
plan 63 164
source "$ROOT/tests/lib/parties.sh"
flow=$ROOT/flows/fed_avg.lua
sync=$ROOT/flows/sync_state.lua
peers='initiator=i;participant=p'

# kill_runs CASE ARGUMENT…: a run with kills, whose results are those of the undisturbed one.
undisturbed=
kill_runs() {
    local name=$1
    shift
    rm -rf runs && mkdir runs
    run python3 "$ROOT/tests/lib/kill_runs.py" "$PROGRAM" "$flow" runs "$@"
    if [ "$status" -ne 0 ]; then
        not_ok "$name" "$(explain "exit status $status" kill_runs "$@")"
    elif [ -z "$undisturbed" ]; then
        undisturbed=$(sed 's/ [0-9]*$//' "$OUT")
        ok "$name"
    elif [ "$(sed 's/ [0-9]*$//' "$OUT")" = "$undisturbed" ]; then
        ok "$name ($(sed 's/.* //' "$OUT") kills)"
    else
        not_ok "$name" "another result: $(cat "$OUT")
undisturbed: $undisturbed"
    fi
}

# ---- At every place in turn. ----
kill_runs "an undisturbed run with two participants" --participants 2
counts='1 3'
is_short || counts='1 2 3 4 5 6 7 8 9 10 12 14'
for point in commit-before commit-after send ack confirmed; do
    for victim in a p1; do
        for count in $counts; do
            kill_runs "$victim is killed at $point $count" --participants 2 --point $point:$count \
                --victim $victim --least $((count <= 3))
        done
    done
done

# ---- At random moments. ----
undisturbed=
kill_runs "an undisturbed run with four participants"
kills=30 seeds='1'
is_short || kills=200 seeds='1 2'
for seed in $seeds; do
    kill_runs "kills at random moments, seed $seed" --random $kills --seed "$seed" --rounds 2
done

# ---- Ctrl-C sends nothing; the same command goes on. ----
start_party i "$sync" --bus local:bus.db --task t --node i --role initiator --peers "$peers" \
    --state i.db
listens() { # NODE: it has asked the bus for contracts
    python3 -c 'import sqlite3, sys
found = sqlite3.connect("bus.db").execute("SELECT 1 FROM queues WHERE node = ?", sys.argv[1:]).fetchone()
sys.exit(found is None)' "$1" 2>/dev/null
}
until_true listens i
kill_party i INT
if [ "$status" -eq 130 ]; then ok "an interrupted party ends with 130"; else not_ok "an interrupted party ends with 130" "$status"; fi
start_party p "$sync" --bus local:bus.db --task t --node p --role participant --peers "$peers" \
    --state p.db
start_party i "$sync" --bus local:bus.db --task t --node i --role initiator --state i.db
expect_ended i 0 "the initiator goes on, and ends well"
expect_ended p 0 "the participant was told of no failure"
expect_output "i done" "$AFRUN" "$sync" --bus local:bus.db --task t --node i --role initiator \
    --state i.db
modes=$(stat -c %a i.db p.db | sort -u)
if [ "$modes" = 600 ]; then ok "state files are their owner's alone"; else not_ok "state files are their owner's alone" "$modes"; fi

# ---- A handler that raises is run again at the next start. ----
sed 's/party.data.synced.event.querier. = true/error "a bug"/' "$sync" >broken.lua
cp "$sync" mended.lua
start_party p "$sync" --bus local:b2.db --task t --node p --role participant --peers "$peers" \
    --state p2.db
expect_error "a bug" 1 "$AFRUN" broken.lua --bus local:b2.db --task t --node i --role initiator \
    --peers "$peers" --state i2.db
expect_error "a bug" 1 "$AFRUN" broken.lua --bus local:b2.db --task t --node i --role initiator \
    --state i2.db
expect_output "i done" "$AFRUN" mended.lua --bus local:b2.db --task t --node i --role initiator \
    --state i2.db
expect_ended p 0 "the other party noticed nothing"

# ---- What is wrong is told. ----
expect_error "has the role 'initiator'" 2 "$AFRUN" "$sync" --bus local:bus.db --task t --node i \
    --role participant --state i.db
expect_error "--peers" 2 "$AFRUN" "$sync" --bus local:bus.db --task t --node i --role initiator \
    --peers 'initiator=i;participant=q' --state i.db
expect_error "of the flow 'sync_state'" 2 "$AFRUN" "$flow" --bus local:bus.db --task t --node i \
    --role aggregator --state i.db
expect_error "sequential script cannot go on" 2 "$AFRUN" "$ROOT/flows/notebook/initiator.lua" \
    --bus local:bus.db --node i --state s.db
expect_error "--bus" 2 "$AFRUN" "$sync" --state i.db
expect_error "another program" 3 "$AFRUN" "$sync" --bus local:b9.db --task t --node i \
    --role initiator --state bus.db
again=(--bus local:bus.db --task t --node i --role initiator --state)
cp i.db newer.db && python3 -c '
import sqlite3
db = sqlite3.connect("newer.db"); db.execute("PRAGMA user_version = 99"); db.commit()'
expect_error "version 99" 3 "$AFRUN" "$sync" "${again[@]}" newer.db
for bytes in 1 100 4096 9000 20000; do
    head -c $bytes i.db >cut.db
    run "$AFRUN" "$sync" "${again[@]}" cut.db
    if [ "$status" -eq 3 ] && grep -q cut.db "$ERR"; then
        ok "a state file cut to $bytes bytes is refused"
    else
        not_ok "a state file cut to $bytes bytes is refused" "$(explain "exit status $status" afrun)"
    fi
done
for kept in 'timers=[[1]]' 'timers=[[null,1]]' 'timers=[[null,-1,5]]' 'timers=[' 'timers={}' 'timers=[]x' \
    'sends=[{}]' 'sends=[1]' 'sends=[' 'sends={}' 'sends=[]x'; do
    cp i.db bad.db && python3 -c '
import sqlite3, sys
db = sqlite3.connect("bad.db")
column, value = sys.argv[1].split("=", 1)
if column == "timers":
    db.execute("UPDATE party SET timers = ?", [value])
else: # none of them is known to have gone out
    db.execute("UPDATE journal SET sends = ?", [value])
    db.execute("UPDATE party SET sent = 0")
db.commit()' "$kept"
    expect_error "damaged" 3 "$AFRUN" "$sync" "${again[@]}" bad.db
done
for kept in 'members={}' 'members=[]' 'members={"i":1}' 'args={"n":1}' 'hash=null' 'role=1'; do
    cp i.db bad.db && python3 -c '
import json, sqlite3, sys
db = sqlite3.connect("bad.db")
key, value = sys.argv[1].split("=", 1)
about = json.loads(db.execute("SELECT about FROM party").fetchone()[0])
about[key] = json.loads(value)
db.execute("UPDATE party SET about = ?", [json.dumps(about)])
db.commit()' "$kept"
    expect_error "what is kept of a party's flow is damaged" 3 "$AFRUN" "$sync" "${again[@]}" bad.db
done
start_party i "$sync" --bus local:b3.db --task t --node i --role initiator --peers "$peers" \
    --state busy.db
is_held() { # FILE: a process has a lock on it
    [ -s "$1" ] && grep -q ":$(stat -c %i "$1") " /proc/locks
}
until_true is_held busy.db
expect_error "in use by another process" 3 "$AFRUN" "$sync" --bus local:b3.db --task t --node i \
    --role initiator --peers "$peers" --state busy.db
stop_all
