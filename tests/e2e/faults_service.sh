#!/usr/bin/env bash
# The service is killed under four senders, again and again: every contract that was confirmed comes,
# in the order of its sender, once.
source "$(dirname "$0")/../lib/e2e.sh"
plan 11
source "$ROOT/tests/lib/parties.sh"
PATIENCE=200
kills=20
count=$([ -n "${AF_TEST_LONG:-}" ] && echo 3000 || echo 400)

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
port=$(free_port)
url=http://127.0.0.1:$port

serve() {
    start_party serve serve --listen "127.0.0.1:$port" --bus local:serve.db --prefix-nodes --open-tasks
    wait_line serve.out "listening at"
}
for file in sender receiver; do
    sed "s/^local COUNT = .*/local COUNT = $count/" "$ROOT/tests/data/live/$file.lua" >$file.lua
done
serve || not_ok "the service starts" "$(cat serve.err)"
start_party receiver receiver.lua --node r --bus "$url/node/r"
for k in 1 2 3 4; do
    start_party "s$k" sender.lua --node "s$k" --bus "$url/node/s$k"
done

# Each time somewhere else in the work: when so many more contracts have arrived.
lines() { [ "$(wc -l <receiver.out)" -ge "$1" ]; }
for ((k = 1; k <= kills; k++)); do
    until_true lines $((k * (4 * count - 8) / (kills + 1))) || break
    kill_party serve KILL
    serve || break
done
[ $k -gt $kills ] && ok "the service was killed $kills times" || not_ok "the service was killed $kills times" "$k"

for name in s1 s2 s3 s4 receiver; do
    expect_ended $name 0 "$name ends well"
done
for k in 1 2 3 4; do
    if diff <(seq "$count") <(awk -v s="s$k" '$1 == "got" && $2 == s { print $3 }' receiver.out) >differ; then
        ok "all of s$k has come, in order, once"
    else
        not_ok "all of s$k has come, in order, once" "$(head -n 20 differ)"
    fi
done
expect_in receiver.err "goes on" "people were told that the service was away, and that it is back"
kill_party serve TERM
stop_all
