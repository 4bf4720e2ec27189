# The platform's own requests, as they were captured, are answered in the platform's shape.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 75
source "$ROOT/tests/lib/serve.sh"

# ---- A sidecar of one node. ----

mkdir shared && printf 'shared bytes' >shared/report.zip
start_serve --node node-b --open-tasks --shared-disk "$PWD/shared"
tap "captured" python3 "$ROOT/tests/lib/wire_replay.py" "$ROOT/tests/data/wire/requests.json" "$URL" node-b "$PWD/shared"
for path in ../serve.out /etc/hostname "$PWD/serve.out" link; do
    ln -sfn ../serve.out shared/link
    says "$path is not below the shared disk" '"code":404' \
        "$(call POST "/fed-service/api/v2/file/upload?task_id=T&durable=True&file_path=$path" '')"
done
stop_serve
[ $status -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$status: $(cat serve.err)"

start_serve --node node-b --open-tasks
says "without a shared disk a path is refused, and it is said what to do" 'send the bytes' \
    "$(call POST "/fed-service/api/v2/file/upload?task_id=T&durable=True&file_path=/etc/hostname" '')"
stop_serve

# ---- Two plain clients. ----

plain=$ROOT/tests/lib/plain_client.py
start_serve --prefix-nodes --open-tasks
a() { python3 "$plain" "$URL/node/a" T "$@"; }
b() { python3 "$plain" "$URL/node/b" T "$@"; }
check "a plain client joins by its first pop" b pop
check "a plain client pushes" a push b '{"type": "x", "text": "é\u0000\"", "big": 9007199254740993, "d": 0.1}'
expect_output '{"big": 9007199254740993, "d": 0.1, "text": "\u00e9\u0000\"", "type": "x"}' b pop
run b pop
[ ! -s "$OUT" ] && ok "a pop consumes" || not_ok "a pop consumes" "$(cat "$OUT")"
check "a broadcast reaches all" a push '*' '{"type": "all"}'
expect_output '{"type": "all"}' a pop
expect_output '{"type": "all"}' b pop
expect_output '{"type": "all"}' python3 "$plain" "$URL/node/late" T pop
expect_output 'b 2' a nodelist

head -c 3000000 /dev/urandom >big.bin
check "a file goes up" a upload big.bin
url=$(cat "$OUT")
expect_output ".bin" echo "$url"
python3 "$plain" "$URL/node/b" T download "$url" | cmp -s - big.bin && ok "… and down" || not_ok "… and down"
check "the same bytes have the same URL" a upload big.bin
[ "$(cat "$OUT")" = "$url" ] && ok "… they have" || not_ok "… they have" "$url, $(cat "$OUT")"

b receive b a >received &
receiver=$!
check "the data channel: an offer is accepted" a send a b "some data"
wait $receiver
expect_output "some data" cat received
stop_serve

# ---- What we add. ----

start_serve --prefix-nodes --open-tasks
ask b pop '{"task_id":"A","channel":"federated"}' >/dev/null
body=$(message A '["b"]')
says "a uuid may be chosen" '"message_uuid":"u1"' "$(ask a push "${body%\}},\"message_uuid\":\"u1\"}")"
says "… and said again" '"message_uuid":"u1"' "$(ask a push "${body%\}},\"message_uuid\":\"u1\"}")"
lease='{"task_id":"A","channel":"federated","max":10,"lease_seconds":60,"holder":"h"'
answer=$(ask b pop "$lease}")
says "a lease hands out, with who sent it" '"sender_id":"a"' "$answer"
[ "$(grep -o message_uuid <<<"$answer" | wc -l)" = 1 ] && ok "it was kept once" || not_ok "it was kept once" "$answer"
says "what is leased does not come at once again" '"messages":[]' "$(ask b pop "$lease}")"
says "… but when the holder asks for it" '"u1"' "$(ask b pop "$lease,\"again\":true}")"
says "an acknowledged one is gone" '"messages":[]' "$(ask b pop "$lease,\"again\":true,\"ack\":[\"u1\"]}")"
many='{"task_id":"A","channel":"federated","messages":['
for i in 1 2 3; do
    many+="{\"node_id_list\":[\"b\"],\"message_title\":\"t\",\"message_content\":{\"i\":$i},\"message_time\":1,\"message_uuid\":\"m$i\"},"
done
says "several go in one push" '"message_uuids":["m1","m2' "$(ask a push "${many%,}]}")"
says "… and come in order" '{"i":1}' "$(ask b pop "$lease}" | sed 's/"i":2.*//')"
says "acknowledged by its own call" '"task_id":"A"' \
    "$(ask b ack '{"task_id":"A","channel":"federated","holder":"h","ack":["m1","m2"]}')"
says "the rest stays" '"m3"' "$(ask b pop "$lease,\"again\":true}")"
says "given back, it is anybody's" '"m3"' "$(ask b ack '{"task_id":"A","channel":"federated","holder":"h","ack":[],"release":true}' >/dev/null
    ask b pop "${lease/\"h\"/\"other\"}}")"

ask b ack '{"task_id":"A","channel":"federated","holder":"other","ack":["m3"],"release":true}' >/dev/null
ask b pop '{"task_id":"A","channel":"federated","wait_seconds":60}' >waited &
waiter=$!
await_parked 1
ask a push "$(message A '["b"]' '{"type":"wake"}')" >/dev/null
wait $waiter
says "a poll waits until a message comes" '"wake"' "$(cat waited)"
curl -s --max-time 1 -X POST -d '{"task_id":"A","channel":"federated","wait_seconds":60}' \
    "$URL/node/b/fed-service/api/v2/message/pop"
await_parked 0
says "a poll whose client has left is over" "afrun_polls_parked 0" "$(curl -s "$URL/metrics")"
ask a push "$(message A '["b"]' '{"type":"kept"}')" >/dev/null
says "… and takes nothing with it" '"kept"' "$(ask b pop '{"task_id":"A","channel":"federated"}')"

ask b pop '{"task_id":"A","channel":"federated","wait_seconds":60,"max":5}' >waited &
waiter=$!
await_parked 1
stop_serve
wait $waiter
says "when the service ends a poll gets its empty answer" '"messages":[]' "$(cat waited)"
[ $status -eq 0 ] && ok "it ends well with a poll parked" || not_ok "it ends well with a poll parked" "$status"
start_serve --prefix-nodes --open-tasks
says "what was confirmed is there after a restart" '"all"' "$(ask later pop '{"task_id":"T","channel":"federated"}')"
stop_serve
