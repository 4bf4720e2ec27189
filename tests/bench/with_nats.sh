#!/usr/bin/env bash
# with_nats.sh FOLDER SERVERS COMMAND ARGUMENT…: runs the command while so many NATS servers, a cluster if they are several, stand
# in FOLDER; PORTS in an argument stands for their ports. The folder is removed.
set -eu
folder=$1 servers=$2
shift 2
rm -rf "$folder" && mkdir -p "$folder"
pids=()
end() {
    kill "${pids[@]}" 2>/dev/null || true
    wait || true
    rm -rf "$folder"
}
trap end EXIT
read -ra ports < <(python3 -c 'import socket, sys
held = [socket.socket() for _ in range(2 * int(sys.argv[1]))]
for one in held: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))' "$servers")
for ((n = 0; n < servers; n++)); do
    {
        printf '%s\n' "server_name: s$n" 'max_payload: 16MB' 'max_pending: 128MB' "jetstream { store_dir: \"$folder/s$n\" }"
        [ "$servers" -eq 1 ] || printf 'cluster { name: c, listen: "127.0.0.1:%s", routes: [%s] }\n' "${ports[servers + n]}" \
            "$(printf '"nats://127.0.0.1:%s", ' "${ports[@]:servers}")"
    } >"$folder/s$n.conf"
    nats-server -a 127.0.0.1 -p "${ports[n]}" -c "$folder/s$n.conf" >"$folder/s$n.log" 2>&1 &
    pids+=($!)
done
ready() { # it answers, and where there are several has a leader
    for ((n = 0; n < servers; n++)); do grep -q "Server is ready" "$folder/s$n.log" || return 1; done
    [ "$servers" -eq 1 ] || grep -qh "metadata leader" "$folder"/*.log
}
for ((i = 0; i < 1500; i++)); do ! ready || break; sleep 0.02; done
list=$(IFS=,; echo "${ports[*]:0:servers}")
"${@//PORTS/$list}"
