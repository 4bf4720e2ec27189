#!/usr/bin/env bash
# `afrun nats config`: three servers started from what it writes are a cluster, and let each node send and
# hear as itself alone, whatever it tries.
source "$(dirname "$0")/../lib/e2e.sh"
plan 29
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/certificates.sh"
source "$ROOT/tests/lib/nats_cluster.sh"

# ---- What it writes. ----
expect_output "made: made; put the certificates there, cd made, then nats-server -c server-1.conf" "$AFRUN" nats config made --nodes i
expect_output "made with 2000 nodes" sh -c '"$AFRUN" nats config many --nodes "$(seq -s, 2000)" >/dev/null && echo made with 2000 nodes'
expect_output "usage: afrun nats config FOLDER" "$AFRUN" help nats config
expect_error "there is no command 'nats FOLDER'" 2 "$AFRUN" help nats FOLDER
expect_error "there is no command 'nats confix'" 2 "$AFRUN" help nats confix
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
expect_error "--fronts: 'i' is named twice" 2 "$AFRUN" nats config no --nodes i --fronts i
expect_error "--leaf: 'north' is not NAME[@HOST:PORT]=NODE" 2 "$AFRUN" nats config no --nodes i --leaf north
expect_error "--leaf: 'p' is none of --nodes" 2 "$AFRUN" nats config no --nodes i --leaf north=p
expect_error "--leaf: 'i' is at two leaf nodes" 2 "$AFRUN" nats config no --nodes i --leaf north=i --leaf south=i
check "nothing is made of what is refused" test ! -e no

if ! command -v nats-server >/dev/null; then
    skip_rest "there is no nats-server"
    exit
fi

# ---- Servers started from it. ----
read -ra ports < <(nats_ports 4)
"$AFRUN" nats config nats --nodes i,p1,p2 --operators op --fronts f1 --leaf "north@127.0.0.1:${ports[3]}=p1" \
    --servers "$(printf '127.0.0.1:%s,' "${ports[@]:0:3}")" >/dev/null
cd nats || exit 1
authority ca
for name in i p1 p2 op f1 north stranger; do known_by $name; done
start_cluster
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
api = lambda subjects: subjects + [s.replace("$JS.API", "$JS.afrun.API") for s in subjects if s.startswith("$JS.API")]
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
operators += ["afl.t.t.x", "afu.t", "afu.revoked.t", "af.t.t.t.=", "$JS.FC.t", "t", "_INBOX.t", "_AF.p9.t", "$SYS.REQ.SERVER.PING"]
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
    for name in nodes + ["north"]: # a leaf node is its nodes, and by the name of the domain alone
        is_leaf, me = name == "north", "p1" if name == "north" else name
        others = [s for other in nodes if other != me for s in own[other] + strangers.replace("%s", other).split()]
        others = api(others + operators) + (["$JS.API.STREAM.INFO.t"] if is_leaf else [])
        mine = [s for s in rows[me] if "API.STREAM.CREATE" not in s and not (is_leaf and "API" in s)] # which it has as a leaf node
        expect(name, port, [pub(s) for s in others] + [sub("_AF.%s.>" % n) for n in nodes if n != me] + [sub(s) for s in deaf], True)
        expect(name, port, [pub(concrete(s)) for s in mine] + [sub("_AF.%s.t" % me)], False)
front = [s for node in nodes for s in own[node] if not re.search("CONSUMER.(CREATE|MSG)|ACK|afrun", s)]
expect("f1", ports[0], [pub(s) for s in front + ["afu.revoked.t"]] + [sub("_AF.=.t"), sub("af.>")], False)
expect("f1", ports[0], [pub(s) for s in operators if not re.search("NAMES$|STREAM.DELETE|MSG.DELETE|CONSUMER.INFO|^af", s)] +
       [sub(s) for s in deaf if s != "af.>"] + [sub("_AF.p1.>")], True)
expect("op", ports[0], [pub(s) for s in own["i"]] + [sub("af.>")], False)
if attempt("stranger", ports[0], ["PUB t 0"]) != ["PUB t 0"]:
    print("a stranger is let in")
link, read = connect("p1", route, b'{"verbose":false,"user":"server","pass":"","name":"t","cluster":"afrun"}', False)
if b"Authorization Violation" not in b"".join(iter(read.readline, b"")):
    print("a node is let in as a server")
print("tried", tried >= 1000)
PY
tried=$(python3 try.py $((ports[0] + 2000)) "${ports[@]:0:3}" 2>&1)
if [ "$tried" = "tried True" ]; then ok "each may what its row says, and nothing else"; else not_ok "each may what its row says, and nothing else" "$tried"; fi

# ---- Whoever runs a leaf node, and lets everybody do everything there, has no more of the cluster than its nodes. ----
sed -e '/^authorization/,$d' -e '/^tls/d' leaf-north.conf >hostile.conf
start_server hostile
until_true grep -q "Leafnode connection created" hostile.log || not_ok "a leaf node is let in" "$(tail hostile.log)"
tried=$(python3 "$ROOT/tests/lib/hostile_leaf.py" "${ports[0]}" "${ports[3]}" 2>&1)
if [ "$tried" = "heard: _AF.p1.x" ]; then ok "a leaf node that lets everybody in is its own nodes alone"; else not_ok "a leaf node that lets everybody in is its own nodes alone" "$tried"; fi
stop_all
