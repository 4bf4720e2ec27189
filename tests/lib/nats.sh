# nats.sh: NATS servers of a test's own; sourced behind e2e.sh, parties.sh and serve.sh.

free_ports() { # free_ports COUNT: no two of them are the same
    python3 -c 'import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in held: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))' "$1"
}

need_nats() { # the test is over where there is no server
    command -v nats-server >/dev/null && return
    skip_rest "there is no nats-server"
    exit
}

are_old_servers() { # of before 2.10, a cluster of which may lose what it confirmed (bus/nats/README)
    nats-server --version | awk -F '[v.]' '{ exit !($(NF - 2) * 100 + $(NF - 1) < 210) }'
}

# nats NAME [LINE…]: a server in folder NAME, at $port, with these lines in its configuration.
nats() {
    local name=$1
    shift
    mkdir -p "$name"
    printf '%s\n' 'max_payload: 16MB' 'max_pending: 128MB' "jetstream { store_dir: \"$TMP/$name/js\" }" "$@" >"$name/conf"
    port=$(free_ports 1)
    begin_nats "$name" "$port"
}
begin_nats() { # begin_nats NAME PORT: again, after a kill, with what it has kept
    nats-server -a 127.0.0.1 -p "$2" -c "$1/conf" >>"$1/log" 2>&1 </dev/null &
    party_pids[$1]=$!
    until_true grep -q "Server is ready" "$1/log" || not_ok "the server starts" "$(tail "$1/log")"
}

# nats_cluster: servers s1, s2 and s3, of the cluster c, at $client_ports; $hosts names all of them.
nats_cluster() {
    local n route
    read -ra cluster_ports < <(free_ports 6)
    client_ports=("${cluster_ports[@]:0:3}") route=("${cluster_ports[@]:3}")
    for n in 1 2 3; do
        mkdir s$n
        printf '%s\n' "server_name: s$n" 'max_payload: 16MB' 'max_pending: 128MB' "jetstream { store_dir: \"$TMP/s$n/js\" }" \
            "cluster { name: c, listen: \"127.0.0.1:${route[n - 1]}\", routes: [ $(printf '"nats://127.0.0.1:%s", ' "${route[@]}") ] }" >s$n/conf
        nats-server -a 127.0.0.1 -p "${client_ports[n - 1]}" -c s$n/conf >>s$n/log 2>&1 </dev/null &
        party_pids[s$n]=$!
    done
    for n in 1 2 3; do
        until_true grep -q "Server is ready" s$n/log || not_ok "server $n of the cluster starts" "$(tail s$n/log)"
    done
    until_true grep -qh "JetStream cluster new metadata leader\|Self is new JetStream cluster metadata leader" s1/log s2/log s3/log
    hosts=$(printf ',127.0.0.1:%s' "${client_ports[@]}")
    hosts=${hosts#,}
}
