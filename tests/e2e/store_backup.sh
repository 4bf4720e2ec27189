#!/usr/bin/env bash
# Copies of stores, made while they are used: they are whole, say what is in them, and are put back; one that is older than
# what is there only if that is wished for, and then it is said what must be asked for again.
source "$(dirname "$0")/../lib/e2e.sh"
plan 63
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

# ---- A service. ----
secret admin admin-token-0123456789
mkdir copies hub
hub() {
    start_serve --bus local:hub/afrun.db --prefix-nodes --open-tasks --admin-token admin "$@" ||
        not_ok "the service starts" "$(cat serve.err)"
}
push() { ask a push "$(message t '["b"]' "{\"type\":\"$1\"}" | sed "s/\"task_id\"/\"message_uuid\":\"$1\",\"task_id\"/")" >/dev/null; }
backup() { call POST /admin/backup "{\"name\":\"$1\"}" -H 'Authorization: Bearer admin-token-0123456789'; }
uuids() { ask b pop '{"task_id":"t","channel":"federated","max":100,"lease_seconds":60,"holder":"h","again":true}' |
    grep -oE '"message_uuid":"[^"]*"' | cut -d'"' -f4 | tr '\n' ' '; }
hub
says "without a folder for them there are no copies" '"code":404' "$(backup one.db)"
stop_serve
hub --backups copies
push one
echo words >words.txt
curl -sS -F files=@words.txt "$URL/node/a/fed-service/api/v2/file/upload?task_id=t" >/dev/null
says "a copy is written" '"file":"copies/one.db","files":1' "$(backup one.db)"
says "with a list of the files that are kept elsewhere" "$(sha256sum <words.txt | cut -d' ' -f1) 6" "$(cat copies/one.db.files)"
says "a copy is never written over" '"code":400' "$(backup one.db)"
says "nor anywhere else" '"code":400' "$(backup ../one.db)"
says "only who has the admin's token is given one" '"code":401' "$(call POST /admin/backup '{"name":"x.db"}')"
push two
push_for_ever() { while push "more$((k = ${k:-0} + 1))"; do :; done; }
push_for_ever & pusher=$!
for i in 1 2 3 4 5; do
    says "while it is used ($i)" '"code":0' "$(backup busy$i.db)"
    expect_output "a message store of version" "$AFRUN" store check copies/busy$i.db
done
kill $pusher
{ wait $pusher; } 2>/dev/null
expect_error "is in use by a running process" 3 "$AFRUN" restore copies/one.db hub --force
stop_serve
expect_error "contracts that were confirmed later are not in it" 1 "$AFRUN" restore copies/one.db hub
expect_error "is older than what is there" 1 "$AFRUN" restore copies/one.db hub
cp hub/afrun.db copies/last.db
hub
says "what is only acknowledged changes no contract" '"code":0' "$(ask b pop '{"task_id":"t","channel":"federated","max":1}')"
stop_serve
expect_error "of its answers that changed anything are not in it" 1 "$AFRUN" restore copies/last.db hub
expect_output "hub/afrun.db: put back; what was there is hub/afrun.db.before" "$AFRUN" restore copies/one.db hub --force
expect_error "hub/afrun.db.before: is there already, from an earlier restore; move it away first" 2 "$AFRUN" restore copies/one.db hub --force
hub
says "it goes on from the copy" "one " "$(uuids)"
stop_serve
rm -rf hub/afrun.db*
expect_output "hub/afrun.db: put back" "$AFRUN" restore copies/busy5.db hub
hub
says "a lost store is put back" "one two more1 " "$(uuids)"
stop_serve

mkfifo pipe
expect_error "pipe: is no file" 2 timeout 10 "$AFRUN" store check pipe
expect_error "pipe: is no file" 2 timeout 10 "$AFRUN" restore pipe hub
expect_error "nowhere: No such file or directory" 2 "$AFRUN" serve --listen 127.0.0.1:0 --bus local:new.db --backups nowhere
# ---- A node. ----
mkdir flows
cat >flows/sum.lua <<'LUA'
local af = require "af"
local Add = af.event("add", { n = af.integer })
return af.flow { name = "sum", args = { n = af.optional(af.integer, 0) }, roles = {
  counter = { data = function() return { sum = 0 } end, start = "counting", states = { counting = { [Add] = function(party, event)
    party.data.sum = party.data.sum + event.n
    if event.n == 3 then return af.done { sum = party.data.sum } end
  end } } },
  source = { start = "giving", states = { giving = { enter = function(party)
    party:send("i", Add { n = party.args.n })
    return af.done()
  end } } },
} }
LUA
peers='counter=i;source=s1,s2,s3'
node() {
    start_party node node --node i --bus local:bus.db --flows flows --state i.state --no-watch
    wait_line node.out "afrun node: node i" || not_ok "the node starts" "$(cat node.err)"
}
give() { "$AFRUN" flows/sum.lua --role source --node "s$1" --task t --bus local:bus.db --peers "$peers" --arg "n=$1" -q; }
left() { python3 -c '
import sqlite3
print(sqlite3.connect("bus.db").execute("SELECT count(*) FROM deliveries").fetchone()[0])'; }
has_settled() { [ "$(left)" = 0 ]; }
node
ctl launch sum --task t --role counter --peers "$peers" >/dev/null
give 1
until_true has_settled
echo mine >copy.db.new
expect_output "copy.db: written" ctl backup copy.db
says "a file of another beside it stays" mine "$(cat copy.db.new)"
expect_error "none/copy.db: cannot be written: No such file" 3 ctl backup none/copy.db
expect_output "parties" "$AFRUN" store check copy.db --json
give 2
until_true has_settled
expect_error "in use by" 3 "$AFRUN" restore copy.db i.state
kill_party node TERM
expect_error "task 't' goes back from step 3 to 2" 1 "$AFRUN" restore copy.db i.state
expect_output "ask s2 for this again, in task 't': add" "$AFRUN" restore copy.db i.state --force
node
is_older() { ctl status | grep -q "is older than what it had"; }
until_true is_older && ok "the bus knows that it is older" || not_ok "the bus knows that it is older" "$(ctl status)"
ctl again t >/dev/null && ctl retry t >/dev/null # it was meant so
give 2 >/dev/null # as was said
give 3
has_ended() { ctl status | grep -q done; }
until_true has_ended
says "it goes on from the copy" '"result":{"sum":' "$(ctl trace t)"
kill_party node TERM

# ---- Logs. A file that was copied by hand from under a node that was killed has one, and where it is put may stand another's. ----
node
ctl launch sum --task last --role counter --peers "$peers" >/dev/null
kill_party node
mkdir -m 700 by.hand empty stale alone
cp i.state/node.db i.state/node.db-wal by.hand/
says_tasks() { python3 -c '
import sqlite3, sys
print(*[row[0] for row in sqlite3.connect(sys.argv[1]).execute("SELECT task FROM party ORDER BY id")])' "$1"; }
expect_output "empty/node.db: put back" "$AFRUN" restore by.hand/node.db empty
rm -f empty/node.db-*
says "what stands in a copy's log is put back, too" "t last" "$(says_tasks empty/node.db)"
cp by.hand/node.db-wal stale/
expect_error "stale/node.db-wal: is the log of a store that was here, and would be read as the copy's; move it away first" 2 \
    "$AFRUN" restore copy.db stale --force
says "and nothing is changed" "node.db-wal" "$(ls stale)"
cp by.hand/node.db-wal alone/
expect_error "'node.db' is not there, and its log 'node.db-wal' is: put back" 3 \
    timeout 10 "$AFRUN" node --node i --bus local:bus.db --flows flows --state alone
cmp -s by.hand/node.db-wal alone/node.db-wal && ok "a log without its store is left as it is" || not_ok "a log without its store is left as it is" "$(ls -l alone)"

mkdir -m 700 broken.off
cp copy.db broken.off/node.db
run env AFRUN_KILL_AT=restore:1 "$PROGRAM" restore copy.db broken.off
says "a restore is killed" 137 "$status"
cmp -s copy.db broken.off/node.db && ok "what was there is there" || not_ok "what was there is there" "$(ls broken.off)"
expect_error "node.db.before: is there already, from an earlier restore" 2 "$AFRUN" restore copy.db broken.off

# ---- All have gone over to another version, and their rows have not followed. ----
node
expect_output "moved.db: written" ctl backup moved.db
kill_party node TERM
sed -i 's/name = "sum",/name = "sum", version = 2, migrate = function(old) return { state = old.state, data = old.data } end,/' flows/sum.lua
AFRUN_KILL_AT=bring:1 start_party node node --node i --bus local:bus.db --flows flows --state i.state --no-watch
wait_line node.out "afrun node: node i" || not_ok "the node starts" "$(cat node.err)"
ctl reload sum >/dev/null 2>&1
is_gone() { ! kill -0 ${party_pids[node]} 2>/dev/null; }
until_true is_gone
rm -f i.state/node.db.before
expect_error "task 'last' goes back from step 2 to 1" 1 "$AFRUN" restore moved.db i.state

# ---- What is none. ----
head -c 5000 /dev/urandom >noise.db
expect_error "is no store of this program" 2 "$AFRUN" store check noise.db
expect_error "cannot be read" 2 "$AFRUN" store check nowhere.db
python3 - <<'PY'
data = bytearray(open("copy.db", "rb").read())
for at in range(len(data) // 2 // 4096 * 4096, len(data) // 2 // 4096 * 4096 + 4096):
    data[at] = 0xff
open("damaged.db", "wb").write(data)
PY
run "$AFRUN" store check damaged.db --json
[ $status -eq 1 ] && grep -q '"wrong":\["' "$OUT" && ok "damage is told" || not_ok "damage is told" "$(explain "$status" store check)"
python3 - <<'PY'
import sqlite3
data, root = bytearray(open("copy.db", "rb").read()), sqlite3.connect("copy.db")
page = root.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'journal'").fetchone()[0]
data[(page - 1) * 4096] = 0xff
open("counted.db", "wb").write(data)
PY
run "$AFRUN" store check counted.db
[ $status -eq 1 ] && grep -qE '^  journal +cannot be counted' "$OUT" && ok "what cannot be counted is told" ||
    not_ok "what cannot be counted is told" "$(explain "$status" store check)"
run "$AFRUN" store check counted.db --json
! grep -q '"journal":' "$OUT" && ok "and has no number" || not_ok "and has no number" "$(<"$OUT")"
head -c 20000 copy.db >cut.db
expect_error "cut.db: is damaged: database disk image is malformed" 1 "$AFRUN" store check cut.db
expect_error "is damaged" 3 "$AFRUN" restore damaged.db i.state
mkdir -m 700 spoilt
python3 - <<'PY'
import sqlite3
data = bytearray(open("copy.db", "rb").read())
page = sqlite3.connect("copy.db").execute("SELECT rootpage FROM sqlite_schema WHERE name = 'party'").fetchone()[0]
data[(page - 1) * 4096] = 0xff
open("spoilt/node.db", "wb").write(data)
PY
expect_error "copy.db: may be older than what is there, which is damaged; --force puts it back all the same" 1 "$AFRUN" restore copy.db spoilt
expect_output "spoilt/node.db: put back; what was there is spoilt/node.db.before" "$AFRUN" restore copy.db spoilt --force
expect_error "--name: expected a file's name, not '../node.db'" 2 "$AFRUN" restore copy.db empty --name ../node.db
expect_error "is a message store, and the copy a store of parties" 2 "$AFRUN" restore copy.db hub --name afrun.db
expect_error "expected: afrun store check FILE" 2 "$AFRUN" store
expect_error "expected: afrun restore FILE DIR" 2 "$AFRUN" restore copy.db
stop_all
