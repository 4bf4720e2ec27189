# Whatever is sent, it is refused with a reason, nothing is changed, and memory stays bounded.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan $((85 + ${AF_TEST_LONG:+5} + 0))
source "$ROOT/tests/lib/serve.sh"

start_serve --prefix-nodes --open-tasks
ask b pop '{"task_id":"T","channel":"federated"}' >/dev/null

# refused NAME BODY: by a push, with code 400.
refused() {
    printf "$2" >body
    says "refused: $1" '"code":400' "$(ask a push @body)"
}
good=$(message T '["b"]')
refused "nothing" ''
refused "no object" '[1]'
refused "no JSON" '{"task_id":'
refused "something after it" "$good x"
refused "a field twice" "${good%\}},\"task_id\":\"T\"}"
refused "a field of the content twice" "$(message T '["b"]' '{"a":1,"a":2}')"
refused "a field twice, escaped" "${good%\}},\"task\\\\u005fid\":\"T\"}"
refused "no UTF-8" "$(message T '["b"]' '{"a":"\xff"}')"
refused "overlong UTF-8" "$(message T '["b"]' '{"a":"\xc0\x80"}')"
refused "half an escape" "$(message T '["b"]' '{"a":"\\ud80"}')"
refused "NaN" "$(message T '["b"]' '{"a":NaN}')"
refused "an integer that starts with 0" "$(message T '["b"]' '{"a":09}')"
refused "a content that is a list" "$(message T '["b"]' '[]')"
refused "a content that is a string" "$(message T '["b"]' '"{}"')"
refused "no targets" "$(message T '[]')"
refused "a target that is no string" "$(message T '[1]')"
refused "an empty target" "$(message T '[""]')"
refused "everybody and somebody" "$(message T '["*","b"]')"
refused "a 0 byte in a name" "$(message 'T\\u0000' '["b"]')"
refused "a list of lists" "$(message T '[["b"]]')"
refused "a time that is a boolean" "${good/\"message_time\":1/\"message_time\":true}"
refused "a time that is negative" "${good/\"message_time\":1/\"message_time\":-1}"
refused "a time with a fraction" "${good/\"message_time\":1/\"message_time\":1.5}"
refused "a long title" "${good/task_inside/$(printf 'x%.0s' {1..300})}"
refused "an empty list of messages" '{"task_id":"T","channel":"federated","messages":[]}'
refused "messages that are none" '{"task_id":"T","channel":"federated","messages":[1]}'
python3 -c 'print("{\"task_id\":\"T\",\"x\":" + "[" * 100000 + "]" * 100000 + "}")' >deep
says "refused: deep JSON" '"code":400' "$(ask a push @deep)"
python3 -c 'import json; print(json.dumps({"task_id": "T", "channel": "federated", "messages": [{}] * 100000}))' >many
says "refused: too many messages" '"code":400' "$(ask a push @many)"
python3 -c 'import json; print(json.dumps({"task_id": "T", "channel": "federated", "node_id_list": ["n"] * 100000}))' >many
says "refused: too many targets" '"code":400' "$(ask a push @many)"
errors=$(ask a push '{"task_id":7,"node_id_list":"b","message_content":[],"message_time":"now"}')
for text in 'task_id: expected a string' 'node_id_list: expected a list of strings' 'message_content: expected a JSON object' \
    'message_time: expected an integer' 'message_title: is missing' 'channel: is missing'; do
    says "it is said what is wrong: $text" "$text" "$errors"
done
for field in '"wait_seconds":61' '"wait_seconds":-1' '"wait_seconds":true' '"wait_seconds":"5"' '"lease_seconds":3601' '"max":0' \
    '"max":1001' '"max":1.5' '"ack":"x"' '"ack":[1]' '"holder":1' '"again":1'; do
    says "refused by pop: $field" '"code":400' "$(ask b pop "{\"task_id\":\"T\",\"channel\":\"federated\",$field}")"
done

# ---- Paths. ----

printf 'data' >f.zip
curl -sS -F files=@f.zip "$URL/node/a/fed-service/api/v2/file/upload?task_id=T&durable=False" >/dev/null
sum=$(sha256sum f.zip | cut -d' ' -f1)
for path in "T/../../afrun.db" "T/..%2f..%2fafrun.db" "T/%2e%2e/%2e%2e/serve.out" "T/$sum/../../../serve.out" \
    "T/$sum.ZIP" "T/$sum.zip/x" "T/$sum.abcdefghijklmnopq" "U/$sum.zip" "../T/$sum.zip" "T/${sum:1}.zip" "T//$sum.zip" ""; do
    status=$(curl -sS --path-as-is -o got -w '%{http_code}' "$URL/node/a/files/$path")
    [[ $status == 40[34] ]] && ok "no file: $path" || not_ok "no file: $path" "$status $(head -c 200 got)"
done
for id in '*' '%0a' '%ff' '%00' "$(printf 'x%.0s' {1..300})"; do
    says "no node: ${id:0:20}" '"code":40' "$(call POST "/node/$id/fed-service/api/v2/message/pop" '{"task_id":"T","channel":"federated"}')"
done
says "an upload without a part" '"code":400' "$(curl -sS -F other=@f.zip "$URL/node/a/fed-service/api/v2/file/upload?task_id=T")"
says "an upload that is none" '"code":400' "$(call POST "/node/a/fed-service/api/v2/file/upload?task_id=T" "xyz")"
says "an upload that breaks off" '"code":400' "$(call POST "/node/a/fed-service/api/v2/file/upload?task_id=T" \
    "$(printf -- '--b\r\nContent-Disposition: form-data; name="files"\r\n\r\nabc')" -H 'Content-Type: multipart/form-data; boundary=b')"
says "an upload without a task" '"code":400' "$(curl -sS -F files=@f.zip "$URL/node/a/fed-service/api/v2/file/upload")"

# ---- Sizes. ----

python3 - "$URL" <<'PY' >sizes
import socket, sys, urllib.parse
url = urllib.parse.urlparse(sys.argv[1])
PUSH = b"POST /node/a/fed-service/api/v2/message/push HTTP/1.1\r\nHost: localhost\r\n"

def attempt(name, head, pieces):
    """Sends as long as it may, then reads: told, or closed."""
    s = socket.create_connection((url.hostname, url.port), 30)
    text = b""
    try:
        s.sendall(head)
        for piece in pieces:
            s.sendall(piece)
    except OSError:
        pass
    try:
        while b"\r\n\r\n" not in text or b"}" not in text:
            data = s.recv(65536)
            if not data:
                break
            text += data
    except OSError:
        pass
    first = text.split(b"\r\n")[0].decode("latin1")
    print(name, "refused" if not text or b'"code":413' in text or b" 4" in text[:13] else "TAKEN " + first)

mb = b"x" * (1 << 20)
attempt("1 GB body", PUSH + b"Content-Length: 1073741824\r\n\r\n", (mb for _ in range(1024)))
attempt("1 GB in chunks", PUSH + b"Transfer-Encoding: chunked\r\n\r\n", (b"100000\r\n" + mb + b"\r\n" for _ in range(1024)))
attempt("1 MB header", PUSH + b"X: ", (mb for _ in range(1)))
attempt("1 MB path", b"GET /", (mb for _ in range(1)))
attempt("1000 headers", PUSH, (b"X%d: y\r\n" % i for i in range(100000)))
attempt("length that is none", PUSH + b"Content-Length: x\r\n\r\n", ())
attempt("two lengths", PUSH + b"Content-Length: 99999999999999999999\r\n\r\n", ())
attempt("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50 + b"\r\n\r\n", ())
PY
while read -r line; do
    [[ $line == *refused ]] && ok "${line% refused} is refused" || not_ok "${line% *} is refused" "$line"
done <sizes
[ "$(wc -l <sizes)" = 8 ] && ok "all were tried" || not_ok "all were tried" "$(cat sizes)"

# All bodies together are bounded, too: some are refused for now, and later taken.
if [ -n "${AF_TEST_LONG:-}" ]; then
    python3 - "$URL" <<'PY' >busy
import socket, sys, urllib.parse
url = urllib.parse.urlparse(sys.argv[1])
size = (16 << 20) - 1
sockets = [socket.create_connection((url.hostname, url.port), 60) for _ in range(20)]
for s in sockets:
    s.sendall(b"POST /node/a/fed-service/api/v2/message/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size)
    s.sendall(b" " * (size - 1))
for s in sockets:
    s.sendall(b"x")
print(" ".join("busy" if b'"code":503' in s.recv(65536) else "read" for s in sockets))
PY
    says "too many large bodies at a time are refused" busy "$(cat busy)"
    says "… but not all" read "$(cat busy)"
fi

# Nodes that ask again and again for what is large, and do not read it.
if [ -n "${AF_TEST_LONG:-}" ]; then
    printf '{"task_id":"L","channel":"federated","node_id_list":["b"],"message_title":"t","message_time":1,"message_content":{"x":"' >large
    head -c $((10 << 20)) /dev/zero | tr '\0' x >>large
    printf '"}}' >>large
    ask b pop '{"task_id":"L","channel":"federated"}' >/dev/null
    says "a large message is taken" '"code":0' "$(ask a push @large)"
    python3 - "$URL" <<'PY' >unread
import json, socket, sys, time, urllib.parse
url = urllib.parse.urlparse(sys.argv[1])
poll = json.dumps({"task_id": "L", "channel": "federated", "max": 1, "lease_seconds": 60, "again": True}).encode()
sockets, said = [], []
for i in range(100):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(60)
    s.connect((url.hostname, url.port))
    s.sendall(b"POST /node/b/fed-service/api/v2/message/pop HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(poll) + poll)
    said.append("busy" if b'"code":503' in s.recv(2000) else "read")
    sockets.append(s)
print(" ".join(said))
PY
    says "answers that nobody reads are bounded" busy "$(cat unread)"
    says "… but some are given" read "$(cat unread)"
fi

head -c $((8 << 20)) /dev/zero | tr '\0' x >text
printf '%s' "$(message T '["b"]' '{"type":"x","big":"@"}')" | python3 -c 'import sys; sys.stdout.write(sys.stdin.read().replace("@", open("text").read()))' >big
says "8 MiB in one field pass" '"code":0' "$(ask a push @big)"
ask b pop '{"task_id":"T","channel":"federated"}' >popped
[ "$(wc -c <popped)" -gt $((8 << 20)) ] && ok "… and come out" || not_ok "… and come out" "$(head -c 300 popped)"
says "what was refused has left nothing behind" '"data":{}' "$(ask b pop '{"task_id":"T","channel":"federated"}')"
says "it is well" ok "$(call GET /healthz '')"
case $AFRUN in *sanitize*) limit=1200000 ;; *) limit=200000 ;; esac
[ -z "${AF_TEST_LONG:-}" ] || limit=$((limit + 500000))
peak=$(peak_kb)
[ "$peak" -lt $limit ] && ok "memory stayed bounded" || not_ok "memory stayed bounded" "$peak kB"
find afrun.db.files -name '.*' -type f | grep -q . && not_ok "no half upload stays" "$(ls -la afrun.db.files)" || ok "no half upload stays"
stop_serve
[ $status -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$(tail serve.err)"

touch afrun.db.files/.upload-123456
start_serve --prefix-nodes --open-tasks
[ ! -e afrun.db.files/.upload-123456 ] && ok "what a killed service left is removed" || not_ok "what a killed service left is removed"
kill -KILL $serve_pid
wait $serve_pid 2>/dev/null || :
