# nats_cluster.sh: NATS servers started from what `afrun nats config` writes; sourced after e2e.sh, parties.sh, serve.sh and
# certificates.sh.
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
