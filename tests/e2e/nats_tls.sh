#!/usr/bin/env bash
# A NATS server that knows nodes by their certificates, and lets each send and take as itself alone:
# the permissions of runtime/bus/nats/README.md.
source "$(dirname "$0")/../lib/e2e.sh"
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
if ! command -v nats-server >/dev/null; then
    ok "a NATS server knows nodes by their certificates # SKIP there is no nats-server"
    exit
fi

certificate() { # certificate NAME [EXTENSION]
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>>openssl.err
    printf '%s\n' "${2:-}" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem" 2>>openssl.err
    chmod 600 "$1.key"
    secret "$1.conf" "ca = ca.pem
certificate = $1.pem
key = $1.key"
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem 2>>openssl.err
certificate server subjectAltName=DNS:localhost,IP:127.0.0.1
# What i is not allowed under each of these certificates.
declare -A lacks=([send]='af.>' [pull]='$JS.API.CONSUMER.MSG.NEXT.>' [make]='$JS.API.CONSUMER.CREATE.>'
    [hold]='$KV.af-locks.>' [join]='$KV.af-tasks.>')
for name in i p1 nobody "${!lacks[@]}"; do certificate $name; done

# user NODE [CERTIFICATE SUBJECT]: its permissions, as the README has them; but for that subject.
user() {
    printf '{ user: "CN=%s", permissions: {' "${2:-$1}"
    sed -n '/^```permissions$/,/^```$/{/^```/d;p}' "$ROOT/runtime/bus/nats/README.md" |
        sed -e "s/NODE/$1/g" -e "s/^] }/], deny: [${3:+\"$3\"}] }/"
    printf '} }\n'
}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >conf <<CONF
max_payload: 16MB
jetstream { store_dir: "$TMP/js" }
tls { cert_file: "server.pem", key_file: "server.key", ca_file: "ca.pem", verify_and_map: true }
authorization { users: [ $(user i), $(user p1)$(for name in "${!lacks[@]}"; do printf ', %s' "$(user i "$name" "${lacks[$name]}")"; done) ] }
CONF
nats-server -a 127.0.0.1 -p "$port" -c conf >log 2>&1 </dev/null &
party_pids[hub]=$!
until_true grep -q "Server is ready" log || { not_ok "the server starts" "$(cat log)"; exit; }

party() { # party NAME ROLE TASK CERTIFICATE
    start_party "$1" "$ROOT/flows/sync_state.lua" --role "$2" --node "$1" --task "$3" --bus "tls://localhost:$port" \
        --config "$4.conf" --peers 'initiator=i;participant=p1' --json
}
party i initiator t i
party p1 participant t p1
expect_ended i 0 "who has its certificate takes part with the permissions of its name"
expect_ended p1 0 "and so does the other one"

party i initiator stolen p1
expect_ended i 3 "who says it is another node is refused"
expect_in i.err "the NATS server refuses it" "by the server itself"
party i initiator unknown nobody
expect_ended i 3 "one whom the server does not know ends"
expect_in i.err "no NATS server lets us in" "and is told why"

# Whichever permission is missing: who is not answered is told why, and does not wait for ever.
for name in "${!lacks[@]}"; do
    party i initiator "without-$name" "$name"
    party p1 participant "without-$name" p1
    expect_ended i 3 "who may not $name ends"
    expect_in i.err "refuses it: Permissions Violation for Publish to \"${lacks[$name]%>}" "and is told what the server does not permit ($name)"
    kill_party p1
done

# What p1 may not, whatever it tries: send as i, take i's contracts, end its leases or change its queue's holder, by the plain protocol.
cat >try.py <<'PY'
import socket, ssl, sys
context = ssl.create_default_context(cafile="ca.pem")
context.load_cert_chain("p1.pem", "p1.key")
plain = socket.create_connection(("localhost", int(sys.argv[1])))
plain.recv(65536)
link = context.wrap_socket(plain, server_hostname="localhost")
link.sendall(b'CONNECT {"verbose":false,"headers":true,"lang":"c"}\r\nSUB _AF.p1.> 1\r\nPING\r\n')
read = link.makefile("rb")
for subject in sys.argv[2:]:
    kind, subject = subject.split(":")
    link.sendall(b"SUB %s 9\r\nPING\r\n" % subject.encode() if kind == "sub" else b"PUB %s 0\r\n\r\nPING\r\n" % subject.encode())
pongs, refused = 0, 0
while pongs < len(sys.argv) - 1:
    line = read.readline()
    refused += b"Permissions Violation" in line
    pongs += line.startswith(b"PONG")
print(refused, "of", len(sys.argv) - 2)
PY
expect_output "10 of 10" python3 try.py "$port" pub:af.t.federated.p1.i pub:afb.t.federated.i pub:afd.t.federated.i \
    'pub:$KV.af-locks.t.federated.i' 'pub:$KV.af-notes.t.i.progress' 'pub:$JS.API.CONSUMER.CREATE.AF+t+federated.i+1.af.t.federated.i.*' \
    'pub:$JS.API.CONSUMER.DELETE.AF+t+federated.i+1' 'pub:$JS.API.CONSUMER.MSG.NEXT.AF+t+federated.i+1' \
    'pub:$JS.ACK.AF+t+federated.i+1.1.1.1.1.0' 'sub:_AF.i.>'
expect_output "0 of 2" python3 try.py "$port" pub:af.t.federated.i.p1 'sub:_AF.p1.x'
stop_all
