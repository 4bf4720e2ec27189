#!/usr/bin/env bash
# Files through a sidecar, with cuts on both sides of it; and a disk without room for its outbox.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
may_mount
plan 15
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
API=/fed-service/api/v2
start_serve --bus local:hub.db --prefix-nodes --open-tasks || not_ok "the hub starts" "$(cat serve.err)"
hub=$URL hub_pid=$serve_pid
coproc PROXY { exec python3 "$ROOT/tests/lib/cutting_proxy.py" "${hub##*:}" pass,half-answer,pass; }
read -r port <&"${PROXY[0]}"
peak_of() { serve_pid=$1 peak_kb; }

# ---- Up by one sidecar, down by another, whose way to the hub is cut in the middle. ----
head -c 60000000 /dev/urandom >big.bin
start_serve --bus "$hub/node/a" --node a --state a.db || not_ok "a sidecar starts" "$(cat serve.err)"
url_a=$URL pid_a=$serve_pid
file=$(curl -sS -F files=@big.bin "$url_a$API/file/upload?task_id=T&durable=True" | grep -o 'http://[^"]*')
says "an upload gives an URL of the sidecar" "$url_a/files/T/$(sha256sum big.bin | cut -c1-64)" "$file"
start_serve --bus "http://127.0.0.1:$port/node/b" --node b --state b.db || not_ok "another starts" "$(cat serve.err)"
url_b=$URL pid_b=$serve_pid
curl -sS -o got "$url_b${file#"$url_a"}"
cmp -s got big.bin && ok "it comes whole, though the first answer was cut" || not_ok "it comes whole, though the first answer was cut" "$(head -c 300 got)"
asked=$(curl -sS "$hub/metrics" | sed -n 's/^afrun_requests_total{method="GET",path="download",code="0"} //p')
[ "$asked" = 2 ] && ok "it was asked for twice" || not_ok "it was asked for twice" "$asked"

# ---- The client's own way is cut: it goes on where it was. ----
head -c 1000000 big.bin >got
curl -sS -C - -o got "$url_b${file#"$url_a"}"
cmp -s got big.bin && ok "a client goes on where it was cut off" || not_ok "a client goes on where it was cut off" "$(ls -l got)"
kill -9 $hub_pid
wait $hub_pid 2>/dev/null
curl -sS -o got "$url_b${file#"$url_a"}"
cmp -s got big.bin && ok "what was fetched is there while the hub is away" || not_ok "what was fetched is there while the hub is away" "$(head -c 300 got)"
absent=/files/T/$(printf '0%.0s' {1..64})
if [ $mode = sanitize ]; then skip 2 "a sanitizer takes more memory"; else
    for who in a:$pid_a b:$pid_b; do
        peak=$(peak_of "${who#*:}")
        [ "$peak" -lt 50000 ] && ok "sidecar ${who%:*} took little memory" || not_ok "sidecar ${who%:*} took little memory" "$peak kB"
    done
fi
serve_pid=$pid_b
stop_serve
serve_pid=$pid_a
stop_serve
{ kill $PROXY_PID && wait $PROXY_PID; } 2>/dev/null

start_serve --bus local:hub.db --prefix-nodes --open-tasks --listen "${hub#*://}" || not_ok "the hub starts again" "$(cat serve.err)"
hub_pid=$serve_pid
start_serve --bus "$hub/node/a" --node a --state a.db || not_ok "a sidecar starts again" "$(cat serve.err)"
pid_a=$serve_pid
says "a file that is nowhere" '"code":404' "$(curl -sS "$URL$absent")"
says "an upload that names no task" '"code":4' "$(curl -sS -F files=@hub.db "$URL$API/file/upload?durable=True")"
stop_serve
kill -9 $hub_pid
wait $hub_pid 2>/dev/null

# ---- A full disk. ----
may_mount || { skip_rest "no file system can be mounted"; exit; }
mkdir small
mount -t tmpfs -o size=2m,mode=700 tmpfs small || not_ok "a small file system" ""
start_serve --bus "$hub/node/a" --node a --state small/a.db || not_ok "a sidecar starts on it" "$(cat serve.err)"
pad=$(printf 'x%.0s' {1..20000})
push() { curl -sS -d "$(message T '["b"]' "{\"n\":$1,\"pad\":\"$pad\"}")" -H 'Content-Type: application/json' "$URL$API/message/push"; }
confirmed=0
for ((i = 1; i <= 400; i++)); do
    answer=$(push $i)
    [[ $answer == *'"code":0'* ]] || break
    confirmed=$i
done
says "a push that does not fit is refused" "full" "$answer"
says "with the code of no room" '"code":507' "$answer"
[ $confirmed -gt 10 ] && ok "those before it were kept" || not_ok "those before it were kept" "$confirmed"
says "the sidecar is still there" '"contracts":'$confirmed "$(curl -sS "$URL/status")"
kill -9 $serve_pid
wait $serve_pid 2>/dev/null
mount -o remount,size=64m small
start_serve --bus "$hub/node/a" --node a --state small/a.db || not_ok "it starts again" "$(cat serve.err)"
says "with room a push is kept" '"code":0' "$(push $((confirmed + 1)))"
side=$URL side_pid=$serve_pid
start_serve --bus local:hub.db --prefix-nodes --open-tasks --listen "${hub#*://}" || not_ok "the hub comes back" "$(cat serve.err)"
is_sent() { curl -sS "$side/status" | grep -qF '"contracts":0'; }
until_true is_sent
ask b pop '{"task_id":"T","channel":"federated","max":1000,"lease_seconds":60}' | grep -o '"n":[0-9]*' | cut -d: -f2 >came
diff <(seq $((confirmed + 1))) came >differ && ok "what was confirmed comes, in order, once" ||
    not_ok "what was confirmed comes, in order, once" "$(head differ)"
stop_serve
serve_pid=$side_pid
stop_serve
umount small
