#!/usr/bin/env bash
# A NATS server that knows nodes by their certificates, with the permissions of `afrun nats config`: who
# may not do what it has to is told so. What nobody may do is tried in nats_config.sh.
source "$(dirname "$0")/../lib/e2e.sh"
plan 17
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/certificates.sh"
if ! command -v nats-server >/dev/null; then
    skip_rest "there is no nats-server"
    exit
fi

known_by() { # known_by NAME [EXTENSION]: a certificate of that name, and the file that says so to a bus
    certificate ca "$1" "/CN=$1" "${2:-}"
    secret "$1.conf" "ca = ca.pem
certificate = $1.pem
key = $1.key"
}
authority ca
known_by server subjectAltName=DNS:localhost,IP:127.0.0.1
# What i is not allowed under each of these certificates.
declare -A lacks=([send]='af.>' [pull]='$JS.API.CONSUMER.MSG.NEXT.>' [make]='$JS.API.CONSUMER.CREATE.>'
    [hold]='afl.>' [join]='aft.>')
for name in i p1 nobody "${!lacks[@]}"; do known_by $name; done

"$AFRUN" nats config made --nodes i,p1 >/dev/null

# user NODE [CERTIFICATE SUBJECT]: its permissions, but for that subject.
user() {
    sed -n "/CN=$1\"/,/^  } }/p" made/nodes.conf |
        sed -e "s/CN=$1\"/CN=${2:-$1}\"/" -e "s/^    ] }/    ], deny: [${3:+\"$3\"}] }/"
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

stop_all
