# nats.sh: NATS servers of a test's own; sourced behind e2e.sh, parties.sh and serve.sh.

free_ports() { # free_ports COUNT: no two of them are the same
    python3 -c 'import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in held: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))' "$1"
}

need_nats() { # need_nats WHAT: the test is over where there is no server
    command -v nats-server >/dev/null && return
    ok "$1 # SKIP there is no nats-server"
    exit
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

# Servers started from what `afrun nats config` writes; of who sources certificates.sh, too.
#
#     read -ra ports < <(nats_ports COUNT)    each with those of its routes and leaf nodes
#     known_by NAME [EXTENSION]               a certificate of that name, and NAME.auth, which says so to a bus
#     start_server NAME                       in this folder, with NAME.conf; again after a kill
#     start_cluster                           server-1 to server-3
#     nats_ask NAME PORT SUBJECT [BODY]       what is answered to who has that certificate
nats_ports() {
    python3 - "$1" <<'PY'
import socket, sys
ports, held = [], []
while len(ports) < int(sys.argv[1]):
    try:
        first = socket.socket()
        first.bind(("127.0.0.1", 0))
        port, more = first.getsockname()[1], [first]
        for offset in (2000, 3200):
            more.append(socket.socket())
            more[-1].bind(("127.0.0.1", port + offset))
        ports.append(port)
        held += more
    except (OSError, OverflowError):
        pass
print(*ports)
PY
}

known_by() {
    certificate ca "$1" "/CN=$1" "${2:-}"
    secret "$1.auth" "ca = ca.pem
certificate = $1.pem
key = $1.key"
}

start_server() {
    nats-server -c "$1.conf" >>"$1.log" 2>&1 </dev/null &
    party_pids[$1]=$!
}

start_cluster() {
    local n
    for n in 1 2 3; do
        known_by server-$n subjectAltName=IP:127.0.0.1
        start_server server-$n
    done
    if until_true grep -q "JetStream cluster new metadata leader" server-{1,2,3}.log; then ok "three servers are a cluster"; else
        not_ok "three servers are a cluster" "$(tail -n 20 server-*.log)"
        exit
    fi
}

nats_ask() {
    python3 - "$@" <<'PY'
import json, socket, ssl, sys
name, port, subject, *body = sys.argv[1:]
context = ssl.create_default_context(cafile="ca.pem")
context.load_cert_chain(name + ".pem", name + ".key")
try:
    plain = socket.create_connection(("127.0.0.1", int(port)), timeout=10)
    while plain.recv(1) != b"\n":
        pass
    link = context.wrap_socket(plain, server_hostname="127.0.0.1")
    read, text = link.makefile("rb"), "".join(body).encode()
    link.sendall(b'CONNECT {"verbose":false,"lang":"c"}\r\nSUB _AF.%s.1 1\r\nPUB %s _AF.%s.1 %d\r\n%s\r\n'
                 % (name.encode(), subject.encode(), name.encode(), len(text), text))
    for line in read:
        if line.startswith(b"MSG"):
            print(read.read(int(line.split()[-1])).decode())
            break
        if line.startswith(b"-ERR"):
            sys.exit(line.decode())
except OSError as error:
    sys.exit(str(error))
PY
}
