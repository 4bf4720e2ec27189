#!/usr/bin/env bash
# A full disk: a clear error to who pushes, what was confirmed stays, and all goes on when there is
# room again. Needs a small file system of its own, so root.
source "$(dirname "$0")/../lib/e2e.sh"
may_mount
plan 19
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

may_mount || { skip_rest "no file system can be mounted"; exit; }
mkdir small
mount -t tmpfs -o size=2m,mode=700 tmpfs small || not_ok "a small file system" ""
start_serve --bus local:small/serve.db --prefix-nodes --open-tasks

push() { # UUID
    ask a push "{\"task_id\":\"t\",\"node_id_list\":[\"b\"],\"message_title\":\"x\",\"message_content\":{\"pad\":\"$pad\"},\"message_time\":1,\"channel\":\"federated\",\"message_uuid\":\"$1\"}"
}
pad=$(printf 'x%.0s' {1..20000})
confirmed=0
for ((i = 1; i <= 400; i++)); do
    answer=$(push "u$i")
    case $answer in
    *'"code":0'*) confirmed=$i ;;
    *) break ;;
    esac
done
says "who has filled a disk sends no more" "has its share" "$answer"
says "… and another does" '"code":0' "$(pad=x && ask c push "$(message t '["c"]')")"
says "before it is full it warns" "make room before it is full" "$(cat serve.err)"
says "… where a probe looks" "its disk is nearly full" "$(curl -sS "$URL/readyz")"
says "… and in numbers" "afrun_disk_free_bytes " "$(curl -sS "$URL/metrics")"
dd if=/dev/zero of=small/rest bs=1k count=$(($(df --output=avail -k small | tail -1) - 150)) 2>/dev/null
is_full() {
    answer=$(push "u$i")
    [[ $answer == *'is full'* ]]
}
until_true is_full
says "a push that does not fit is refused" "is full" "$answer"
says "its code says that there is no room" '"code":507' "$answer"
never_says "the message names no folder of the machine" "$TMP" "$answer"
[ $confirmed -gt 10 ] && ok "those before it were confirmed" || not_ok "those before it were confirmed" "$confirmed"
leased='{"task_id":"t","channel":"federated","max":1,"lease_seconds":60,"holder":"h"'
first=$(ask b pop "$leased}")
says "what waits is handed out on the full disk" '"message_uuid":"u1"' "$first"
says "and acknowledged" '"code":0' "$(ask b ack '{"task_id":"t","channel":"federated","holder":"h","ack":["u1"],"release":true}')"
says "it is not ready, and says why" "its disk is full" "$(curl -sS "$URL/readyz")"
says "how much is free is measured" "afrun_disk_free_bytes" "$(curl -sS "$URL/metrics")"
says "which the log says" "nothing more is taken" "$(cat serve.err)"
says "the service is still there" '"code":0' "$(curl -sS "$URL/healthz")$(curl -sS "$URL/status")"

# Room again: the same push is taken, and all that was confirmed comes, in order, once.
mount -o remount,size=64m small
rm small/rest
is_taken() {
    answer=$(push "u$i")
    [[ $answer == *'"code":0'* ]]
}
until_true is_taken
says "with room the push is taken" '"code":0' "$answer"
for ((k = 1; k <= i + 1; k++)); do
    ask b pop '{"task_id":"t","channel":"federated"}' | grep -o '"message_uuid":"u[0-9]*"'
done | sed -E 's/.*"(u[0-9]+)"/\1/' >popped
if diff <(seq -f 'u%g' 2 $confirmed; echo "u$i") popped >differ; then
    ok "what was confirmed comes, in order, once"
else
    not_ok "what was confirmed comes, in order, once" "$(head differ)"
fi

# A party waits with what it sends until there is room.
dd if=/dev/zero of=small/filler bs=1k count=64000 2>/dev/null
cat >sender.lua <<'LUA'
local af = require "af"
local Big = af.event("big", { pad = af.string })
local C = af.TaskMessageContractor:extend { event_factory = af.TaskMessageEventFactory:extend { Big } }
for _ = 1, 100 do
  C("t"):new_contract("b", Big { pad = ("x"):rep(50000) })
end
print("all sent")
LUA
start_party sender sender.lua --node a --bus "$URL/node/a"
wait_line sender.err "is full" && ok "the sender says why it waits" || not_ok "the sender says why it waits" "$(cat sender.err sender.out)"
rm small/filler
expect_ended sender 0 "with room it goes on, and ends well"
stop_serve
umount small
stop_all
