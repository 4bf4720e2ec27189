#!/usr/bin/env bash
# `afrun nats config`: three servers started from what it writes are a cluster, and let each node send and
# hear as itself alone, whatever it tries.
source "$(dirname "$0")/../lib/e2e.sh"
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/certificates.sh"

# ---- What it writes. ----
expect_output "made: made; put the certificates there, cd made, then nats-server -c server-1.conf" "$AFRUN" nats config made --nodes i
expect_output "made with 2000 nodes" sh -c '"$AFRUN" nats config many --nodes "$(seq -s, 2000)" >/dev/null && echo made with 2000 nodes'
expect_output "usage: afrun nats config FOLDER" "$AFRUN" help nats config
expect_error "there is no command 'nats FOLDER'" 2 "$AFRUN" help nats FOLDER
expect_output '"files":["nodes.conf","server-1.conf","server-2.conf"]' "$AFRUN" nats config two --nodes i --servers a:1,[::1]:2 --json
expect_output "-rw-------" ls -l two/server-1.conf
expect_error "made: is there already, and is left alone" 2 "$AFRUN" nats config made --nodes i
expect_error "--nodes: 'a b' cannot be a certificate's name" 2 "$AFRUN" nats config no --nodes 'i,a b'
expect_error "--operators: 'i' is named twice" 2 "$AFRUN" nats config no --nodes i --operators i
expect_error "--servers: 'a:70000' is not HOST:PORT" 2 "$AFRUN" nats config no --nodes i --servers a:70000
expect_error "expected: afrun nats config FOLDER --nodes LIST" 2 "$AFRUN" nats config no
for list in nodes operators servers; do
    expect_error "--$list: ',' names none" 2 "$AFRUN" nats config no --nodes i --$list ,
done
expect_error "--servers: 'a:6222' is where 'a:4222' hears the other servers" 2 "$AFRUN" nats config no --nodes i --servers a:4222,b:4222,a:6222
expect_error "--nodes: names 20000 nodes; at most 2000" 2 "$AFRUN" nats config no --nodes "$(seq -s, 20000)"
check "nothing is made of what is refused" test ! -e no

if ! command -v nats-server >/dev/null; then
    ok "servers are started from it # SKIP there is no nats-server"
    exit
fi

# ---- Servers started from it. ----
free_ports() { # three, each with the one of its routes
    python3 - <<'PY'
import socket
ports, held = [], []
while len(ports) < 3:
    try:
        for offset in (0, 2000):
            held.append(socket.socket())
            held[-1].bind(("127.0.0.1", held[-2].getsockname()[1] + 2000 if offset else 0))
        ports.append(held[-2].getsockname()[1])
    except (OSError, OverflowError):
        pass
print(*ports)
PY
}
read -ra ports < <(free_ports)
"$AFRUN" nats config nats --nodes i,p1,p2 --operators op --servers "$(printf '127.0.0.1:%s,' "${ports[@]}")" >/dev/null
cd nats || exit 1
known_by() { # known_by NAME [EXTENSION]: a certificate of that name, and the file that says so to a bus
    certificate ca "$1" "/CN=$1" "${2:-}"
    secret "$1.auth" "ca = ca.pem
certificate = $1.pem
key = $1.key"
}
authority ca
for name in i p1 p2 op stranger; do known_by $name; done
for n in 1 2 3; do
    known_by server-$n subjectAltName=IP:127.0.0.1
    nats-server -c server-$n.conf >server-$n.log 2>&1 </dev/null &
    party_pids[server-$n]=$!
done
until_true grep -q "JetStream cluster new metadata leader" server-{1,2,3}.log || { not_ok "three servers are a cluster" "$(tail -n 20 server-*.log)"; exit; }
ok "three servers are a cluster"
n=0
for name in i p1 p2; do
    role=participant
    [ $name != i ] || role=initiator
    start_party $name "$ROOT/flows/sync_state.lua" --role $role --node $name --task t --bus "tls://127.0.0.1:${ports[n]}?replicas=3" \
        --config $name.auth --peers 'initiator=i;participant=p1,p2' --json
    n=$((n + 1))
done
for name in i p1 p2; do expect_ended $name 0 "$name plays its part at a server of its own"; done

# ---- Wrong identities, at every subject and API. ----
cat >try.py <<'PY'
# try.py ROUTE PORT…: prints what was let through that should not be, or the other way round; then how much was tried.
import re, socket, ssl, sys
route, *ports = map(int, sys.argv[1:])
nodes, tried = ["i", "p1", "p2"], 0
conf = open("nodes.conf").read()
rows = {node: re.search('"CN=%s".*?allow: \\[(.*?)\\]' % node, conf, re.S).group(1) for node in nodes}
rows = {node: re.findall('"(.*?)"', text) for node, text in rows.items()}
concrete = lambda subject: subject.replace("*", "t").replace(">", "t.t")
own = {node: [concrete(s) for s in rows[node] if re.search(r"(^|\.)%s([.+]|$)" % node, s)] for node in nodes}
operators = ["$JS.API." + name for name in (
    "INFO ACCOUNT.PURGE.t STREAM.NAMES STREAM.LIST STREAM.DELETE.AF+t+federated STREAM.PURGE.AF+t+federated STREAM.UPDATE.AF+t+federated "
    "STREAM.MSG.DELETE.AF+t+federated STREAM.SNAPSHOT.t STREAM.RESTORE.t STREAM.PEER.REMOVE.t STREAM.LEADER.STEPDOWN.t STREAM.TEMPLATE.CREATE.t "
    "CONSUMER.CREATE.AF+t+federated CONSUMER.DURABLE.CREATE.AF+t+federated.x CONSUMER.CREATE.AF+t+federated.x.af.t.federated.i.t CONSUMER.NAMES.t "
    "CONSUMER.LIST.t CONSUMER.INFO.t.i+1 CONSUMER.LEADER.STEPDOWN.t.t META.LEADER.STEPDOWN SERVER.REMOVE").split()]
operators += ["afl.t.t.x", "afu.t", "af.t.t.t.=", "$JS.FC.t", "t", "_INBOX.t", "_AF.p9.t", "$SYS.REQ.SERVER.PING"]
strangers = ( # whatever the table says
    "af.t.federated.p1.%s afb.t.federated.%s afd.t.federated.%s afl.t.federated.%s afn.t.%s.progress "
    "$JS.API.CONSUMER.CREATE.AF+t+federated.%s+1.af.t.federated.%s.t $JS.API.CONSUMER.DELETE.AF+t+federated.%s+1 "
    "$JS.API.CONSUMER.MSG.NEXT.AF+t+federated.%s+1 $JS.ACK.AF+t+federated.%s+1.1.1.1.1.0")
deaf = [">", "af.>", "afb.>", "aff.>", "afl.>", "aft.>", "$JS.>", "$SYS.>", "_INBOX.>", "*.*.t"]

def connect(name, port, hello, greets=True):
    context = ssl.create_default_context(cafile="ca.pem")
    context.load_cert_chain(name + ".pem", name + ".key")
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    while greets and plain.recv(1) != b"\n":
        pass
    link = context.wrap_socket(plain, server_hostname="127.0.0.1")
    link.sendall(b"CONNECT " + hello + b"\r\nPING\r\n")
    return link, link.makefile("rb")

def attempt(name, port, lines):
    """Which of them the server refuses."""
    global tried
    link, read = connect(name, port, b'{"verbose":false,"headers":true,"lang":"c"}')
    refused = []
    for line in [""] + lines:
        command = line + ("\r\n\r\n" if line.startswith("PUB") else "\r\n") if line else ""
        link.sendall(command.encode() + (b"PING\r\n" if line else b""))
        answer = b""
        while not answer.startswith(b"PONG"):
            answer = read.readline()
            if not answer or b"Authorization Violation" in answer:
                return lines
            if b"Permissions Violation" in answer:
                refused.append(line)
    tried += len(lines)
    return refused

def expect(name, port, lines, should):
    refused = attempt(name, port, lines)
    for line in lines:
        if (line in refused) != should:
            print(name, "may" if should else "may not", line)

pub, sub = (lambda s: "PUB %s 0" % s), (lambda s: "SUB %s 9" % s)
for port in ports:
    for name in nodes:
        others = [s for other in nodes if other != name for s in own[other] + strangers.replace("%s", other).split()] + operators
        expect(name, port, [pub(s) for s in others] + [sub("_AF.%s.>" % n) for n in nodes if n != name] + [sub(s) for s in deaf], True)
        expect(name, port, [pub(concrete(s)) for s in rows[name] if not s.startswith("$JS.API.STREAM.CREATE")] + [sub("_AF.%s.t" % name)], False)
expect("op", ports[0], [pub(s) for s in own["i"]] + [sub("af.>")], False)
if attempt("stranger", ports[0], ["PUB t 0"]) != ["PUB t 0"]:
    print("a stranger is let in")
link, read = connect("p1", route, b'{"verbose":false,"user":"server","pass":"","name":"t","cluster":"afrun"}', False)
if b"Authorization Violation" not in b"".join(iter(read.readline, b"")):
    print("a node is let in as a server")
print("tried", tried >= 1000)
PY
tried=$(python3 try.py $((ports[0] + 2000)) "${ports[@]}" 2>&1)
if [ "$tried" = "tried True" ]; then ok "each may what its row says, and nothing else"; else not_ok "each may what its row says, and nothing else" "$tried"; fi
stop_all
