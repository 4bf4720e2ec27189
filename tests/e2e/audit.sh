# The audit log of a service: what is in it, that it cannot be changed unseen, and what happens where it cannot be written.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
may_mount
plan 56
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

secret tokens 'token-of-a-0123456789 a
token-of-b-0123456789 b'
secret admin admin-token-0123456789
as() { call "$2" "$3" "$4" -H "Authorization: Bearer $1-0123456789" "${@:5}"; }
api=/fed-service/api/v2
begin() { start_serve --tokens tokens --admin-token admin --audit audit.log "$@"; }
# entry NAME TEXT: there is such a line.
entry() { grep -qE "$2" audit.log && ok "$1" || not_ok "$1" "$(tail -n 5 audit.log)"; }

# ---- What is logged. ----
begin || exit 1
as admin-token POST /admin/tasks '{"task_id":"T","members":[{"node_id":"a"},{"node_id":"b"}]}' >/dev/null
entry "a task that is made" '"who":"admin","from":"127.0.0.1","what":"create_task","task":"T","outcome":0,'
call POST '/alpha-med/fed-bass?cmb=Login' '{"UserName":"a","Password":"token-of-a-0123456789"}' >/dev/null
entry "a login" '"who":null,"from":"127.0.0.1","what":"login","task":null,"outcome":0,'
echo SECRETFILE >model.zip
url=$(curl -sS -H 'Authorization: Bearer token-of-a-0123456789' -F files=@model.zip "$URL$api/file/upload?task_id=T" | grep -o 'http://[^"]*')
curl -sS -H 'Authorization: Bearer token-of-b-0123456789' "$url" >/dev/null
entry "a file that comes" '"who":"a",.*"what":"upload","task":"T","outcome":0,'
entry "a file that is given out" '"who":"b",.*"what":"download","task":"T","outcome":0,'
before=$(wc -l <audit.log)
for i in 1 2 3; do
    as token-of-a POST $api/message/push "$(message T '["b"]' '{"type":"SECRETCONTENT"}')" >/dev/null
    as token-of-b POST $api/message/pop '{"task_id":"T","channel":"federated"}' >/dev/null
done
[ "$(wc -l <audit.log)" -eq "$before" ] && ok "takes and acknowledgements are no entries" || not_ok "takes and acknowledgements are no entries" "$(cat audit.log)"
for i in $(seq 50); do as wrong-token POST $api/message/pop '{"task_id":"T","channel":"federated"}' >/dev/null; done
as token-of-b POST /admin/tasks '{"task_id":"U","members":[]}' >/dev/null
[ "$(wc -l <audit.log)" -eq $((before + 2)) ] && ok "50 refusals for one reason are one entry" || not_ok "50 refusals for one reason are one entry" "$(tail -n 5 audit.log)"
entry "who may not" '"who":"b",.*"what":"create_task","task":null,"outcome":403,'
for word in SECRETFILE SECRETCONTENT token-of wrong-token admin-token; do
    grep -q "$word" audit.log && not_ok "no contents: $word" || ok "no contents: $word"
done
[ "$(stat -c %a audit.log)" = 600 ] && ok "it is its owner's" || not_ok "it is its owner's"
expect_error "another process writes it" 2 "$AFRUN" serve --listen 127.0.0.1:0 --node a --bus local:other.db --audit audit.log
# A child of one that was killed, which has not begun its own program yet, has the log's lock for a moment.
flock held.log sh -c 'echo >held; exec sleep 0.3' &
until_true test -e held
"$PROGRAM" serve --listen 127.0.0.1:0 --node a --bus local:other.db --audit held.log >held.out 2>&1 &
held=$!
wait_line held.out "afrun serve: listening" && ok "who goes is waited for" || not_ok "who goes is waited for" "$(cat held.out)"
kill -TERM $held
wait $held
stop_serve
entry "the rest of them, with their count" '"what":"pop","task":null,"outcome":401,"count":49,'
expect_output "whole, entries 1 to" "$AFRUN" audit verify audit.log
expect_output '"first":1,"last":' "$AFRUN" audit verify audit.log --json

# ---- As another reads it: the chain by Python. ----
cat >chain.py <<'END'
import hashlib, json, sys
chain, n = None, None
for line in open(sys.argv[1], "rb"):
    text, tail = line[:line.rindex(b',"chain":"')], json.loads(line)["chain"]
    entry = json.loads(line)
    chain = entry["after"] if "after" in entry else chain
    assert n is None or entry["n"] == n + 1
    n, chain = entry["n"], hashlib.sha256(chain.encode() + text).hexdigest()
    assert chain == tail, entry
print(chain)
END
expect_output "$(sed -nE '$s/.*"chain":"([0-9a-f]{64}).*/\1/p' audit.log)" python3 chain.py audit.log
chain=$(python3 chain.py audit.log)
expect_output "its chain is $chain" "$AFRUN" audit verify audit.log

# ---- Changed. ----
cp audit.log good
spoil() { # NAME WORDS COMMAND…: the log is found to be wrong
    local name=$1 words=$2
    shift 2
    cp good bad
    "$@"
    expect_error "$words" 1 "$AFRUN" audit verify bad
    cmp -s good bad && not_ok "$name: something was changed" || ok "$name"
}
spoil "a word that is another" "bad:3: the line was changed" sed -i '3s/127.0.0.1/127.0.0.2/' bad
spoil "a digit of the head" "bad:1: the line was changed" sed -i '1s/"after":"0/"after":"1/' bad
spoil "a chain that is another" "bad:3: the line was changed" sed -i '3{s/0"}$/1"}/;t;s/."}$/0"}/}' bad
spoil "a line that is gone" "bad:3: the line has not the number" sed -i 3d bad
spoil "a line that stands twice" "bad:4: the line has not the number" sed -i 3p bad
spoil "the head that is gone" "bad:1: the line is no beginning" sed -i 1d bad
spoil "an end that is torn" "was never finished" truncate -s -5 bad
spoil "a line that is none" "bad:2: the line is no entry" sed -i '2s/.*/x/' bad
spoil "two logs in one" "begins a second log" sh -c 'cat good good >bad'
spoil "nothing" "is empty" truncate -s 0 bad
python3 - <<'END'
text = open("good").read()
open("newer", "w").write(text.replace('"format":1', '"format":2', 1))
END
expect_error "of a newer format" 1 "$AFRUN" audit verify newer
head -n 1 newer >audit.log
expect_error "of a newer format" 2 "$AFRUN" serve --listen 127.0.0.1:0 --node a --audit audit.log

# ---- It goes on: after an end, a kill, and a file that is full. ----
cp good audit.log
printf '{"n":999,"time"' >>audit.log # what a kill may leave
begin || exit 1
as admin-token DELETE /admin/tasks/T '' >/dev/null
grep -q "never finished, and is cut off" serve.err && ok "a torn line is told, and cut off" || not_ok "a torn line is told, and cut off" "$(cat serve.err)"
entry "a task's end" '"who":"admin",.*"what":"end_task","task":"T","outcome":0,'
kill -KILL $serve_pid
wait $serve_pid
expect_output "whole, entries 1 to" "$AFRUN" audit verify audit.log
python3 - <<'END' # as large as makes it go on in another file
import hashlib, json
lines = open("audit.log", "rb").read().splitlines()
last = json.loads(lines[-1])
chain, n = last["chain"], last["n"]
with open("audit.log", "ab") as log:
    while log.tell() < 64 << 20:
        n += 1
        text = b'{"n":%d,"time":"2026-01-01T00:00:00.000Z","who":"%s"' % (n, b"x" * 10000)
        chain = hashlib.sha256(chain.encode() + text).hexdigest()
        log.write(text + b',"chain":"%s"}\n' % chain.encode())
open("last", "w").write(str(n))
END
begin || exit 1
as admin-token POST /admin/tasks '{"task_id":"V","members":[{"node_id":"a"}]}' >/dev/null
entry "the next file has the next entry" '"what":"create_task","task":"V","outcome":0,'
stop_serve
expect_output "audit.log: whole, entries $(($(cat last) + 1)) to" "$AFRUN" audit verify "audit.log.$(cat last)" audit.log
expect_error "does not go on from the log before it" 1 "$AFRUN" audit verify good audit.log
expect_error "expected: afrun audit verify" 2 "$AFRUN" audit
expect_error "No such file" 2 "$AFRUN" audit verify nowhere

# ---- No room. ----
if may_mount; then
    mkdir small
    mount -t tmpfs -o size=2m,mode=700 tmpfs small
    cp good small/audit.log
    dd if=/dev/zero of=small/fill bs=4k 2>/dev/null
    start_serve --tokens tokens --admin-token admin --open-tasks --audit small/audit.log || exit 1
    says "what must be logged is not done where it cannot be" "this must be logged, and the log cannot be written" \
        "$(as admin-token POST /admin/tasks '{"task_id":"W","members":[{"node_id":"a"}]}')"
    says "… but contracts go on" '"code":0' "$(as token-of-a POST $api/message/push "$(message free '["b"]')")"
    for path in message/pop message/push message/ack message/again task/nodelist fed/network/node/detail federated/task/progress \
        automl/task/progress federated/task/verify/upload federated/task/train/upload; do # refusals fill what is left of a page
        as wrong-token POST $api/$path '{}' >/dev/null
        as admin-token POST $api/$path '{}' >/dev/null
    done
    grep -q "audit.log: cannot be written" serve.err && ok "… which is told" || not_ok "… which is told" "$(cat serve.err)"
    rm small/fill
    says "… and all does, when there is room" '"code":0' \
        "$(as admin-token POST /admin/tasks '{"task_id":"W","members":[{"node_id":"a"}]}')"
    stop_serve
    expect_output "whole" "$AFRUN" audit verify small/audit.log
    umount small
else
    skip 5 "no file system can be mounted"
fi
