#!/usr/bin/env bash
# Fronts: any number of `afrun serve` before NATS servers, of which any may be asked, and killed.
source "$(dirname "$0")/../lib/e2e.sh"
plan 24
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
if ! command -v nats-server >/dev/null; then
    skip_rest "there is no nats-server"
    exit
fi

# ---- What no front does is refused by name. ----
for option in "--backups ." "--keep-files 1h" "--min-free 10"; do
    # shellcheck disable=SC2086 # an option and its value
    expect_error "${option%% *}: is no option of a front: the NATS servers keep contracts and files" 2 \
        "$AFRUN" serve --bus nats://127.0.0.1:1 --prefix-nodes $option
done
expect_error "--state: is for a sidecar" 2 "$AFRUN" serve --bus nats://127.0.0.1:1 --prefix-nodes --state x.db
expect_error "--tokens: is no option of a sidecar" 2 "$AFRUN" serve --bus nats://127.0.0.1:1 --node a --tokens t
expect_error "expected ?replicas=1 to 5 behind the servers, ?domain=NAME, or both" 2 \
    "$AFRUN" serve --bus 'nats://127.0.0.1:1?domain=a.b' --prefix-nodes

printf '%s\n' 'max_payload: 16MB' 'max_pending: 128MB' 'jetstream { store_dir: "js" }' >conf
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
nats-server -a 127.0.0.1 -p "$port" -c conf >nats.log 2>&1 </dev/null &
party_pids[nats]=$!
until_true grep -q "Server is ready" nats.log || not_ok "the server starts" "$(tail nats.log)"
counts="100 3"
[ -z "${AF_TEST_LONG:-}" ] || counts="2000 60"
# shellcheck disable=SC2086 # two numbers
if PYTHONPATH=$ROOT/tests/lib python3 "$ROOT/tests/lib/fronts.py" "$AFRUN" "nats://127.0.0.1:$port" \
    $counts >fronts.tap 2>fronts.err; then
    :
else
    not_ok "fronts.py ends well" "$(tail -n 20 fronts.err)"
fi
while IFS= read -r line; do
    case $line in
    ok\ *) ok "${line#ok - }" ;;
    not\ ok\ *) not_ok "${line#not ok - }" "$(grep '^#' fronts.tap | head -n 20)" ;;
    esac
done <fronts.tap

# ---- What an earlier version has kept is refused by name. ----
python3 - "$port" <<'PY'
import socket, sys
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
text = b'{"name":"KV_af-tasks","subjects":["$KV.af-tasks.>"]}'
link.sendall(b'CONNECT {"verbose":false}\r\nSUB i 1\r\nPUB $JS.API.STREAM.CREATE.KV_af-tasks i %d\r\n%s\r\n' % (len(text), text))
read = link.makefile("rb")
while not read.readline().startswith(b"MSG"):
    pass
PY
start_serve --bus "nats://127.0.0.1:$port" --prefix-nodes --open-tasks || not_ok "a front starts" "$(cat serve.err)"
says "an earlier format is refused by name" "keeps tasks in an earlier format (streams KV_af-" "$(ask b pop '{"task_id":"t","channel":"federated"}')"
stop_serve
stop_all
