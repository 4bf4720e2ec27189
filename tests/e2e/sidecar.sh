#!/usr/bin/env bash
# A sidecar: what it does while its hub is there, away, slow, full or gone wrong. tests/e2e/sidecar_kills.sh has the
# platform's clients, TLS, tokens and the kills.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 79
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
secret admin admin-token-0123456789
API=/fed-service/api/v2
admin=(-H 'Authorization: Bearer admin-token-0123456789')

start_hub() { # start_hub OPTION…: at the same address each time
    start_serve --listen "${hub#*://}" --bus local:hub.db --prefix-nodes --admin-token admin "$@" ||
        not_ok "the hub starts" "$(cat serve.err)"
    hub=$URL hub_pid=$serve_pid
}
kill_hub() { kill -9 $hub_pid && wait $hub_pid 2>/dev/null; }
start_sidecar() { # start_sidecar NODE OPTION…
    local node=$1
    shift
    start_serve --bus "$hub/node/$node" --node "$node" --state "$node.db" --admin-token admin "$@" || return 1
    printf -v "url_$node" %s "$URL"
    printf -v "pid_$node" %s "$serve_pid"
}
kill_sidecar() { # kill_sidecar NODE SIGNAL
    local pid=pid_$1
    kill "-$2" "${!pid}"
    wait "${!pid}" 2>/dev/null
}
# of NODE PATH BODY: one call of a client of that machine.
of() {
    local url=url_$1
    curl -sS --max-time 70 -H 'Content-Type: application/json' --data-binary "$3" "${!url}$API/$2"
}
push() { of "$1" message/push "$(message "$2" "[\"$3\"]" "$4")"; }
pop() { # the content, and the end of a line
    of "$1" message/pop "{\"task_id\":\"$2\",\"channel\":\"federated\"}" |
        sed -nE 's/.*"message_content":(\{[^}]*\}).*/\1/p' | grep .
}
pop_until() { # pop_until NODE TASK TEXT: until it comes; all that came is in popped
    local i
    : >popped
    for ((i = 0; i < 600; i++)); do
        pop "$1" "$2" >>popped
        ! grep -qF -e "$3" popped || return 0
        sleep 0.02
    done
    return 1
}
status_of() { # status_of NODE NAME: a number or word of the outbox
    local url=url_$1
    curl -sS "${!url}/status" | grep -o "\"outbox\":.*" | sed -nE "s/.*\"$2\":\"?([^,}\"]*).*/\1/p"
}
is_at() { [ "$(status_of "$1" "$2")" = "$3" ]; }
awaits() { # awaits NAME NODE FIELD VALUE
    until_true is_at "$2" "$3" "$4" && ok "$1" || not_ok "$1" "$(status_of "$2" "$3")"
}
create() { curl -sS "${admin[@]}" -d "{\"task_id\":\"$1\",\"members\":[{\"node_id\":\"a\",\"role\":\"initiator\"},{\"node_id\":\"b\",\"role\":\"participant\"}]}" "$hub/admin/tasks" >/dev/null; }
lines() { printf '%s\n' "$@"; }

hub=http://127.0.0.1:0
start_hub
create T
start_sidecar a --hold 0s && start_sidecar b || not_ok "sidecars start" "$(cat serve.err)"
rest() { # rest NAME LINE…: what b is given is these contents, in their order
    local name=$1
    shift
    pop_until b T "${*: -1}"
    pop b T >>popped
    [ "$(cat popped)" = "$(lines "$@")" ] && ok "$name" || not_ok "$name" "$(cat popped)"
}

# ---- The hub is there. ----
says "a push is passed through" '"code":0' "$(push a T b '{"n":1}')"
rest "and comes to the other sidecar's client, once" '{"n":1}'
says "what the hub refuses is told to the client" "is no node of task 'T'" "$(push a T stranger '{"n":1}')"
says "with its code" '"code":400' "$(push a T stranger '{"n":1}')"
says "a task that is not there" '"code":404' "$(push a U b '{"n":1}')"
says "a node outside of a task" '"code":404' "$(of a task/nodelist '{"task_id":"U","task_type":1}')"
says "nothing of that is kept" '"contracts":0' "$(curl -sS "$url_a/status")"
says "what cannot be read is not sent" '"code":400' "$(of a message/push '{"task_id":"T"}')"
says "the node list" '"total":2' "$(of a task/nodelist '{"task_id":"T","task_type":1}')"
says "where other nodes are it does not know" '"code":404' "$(of a fed/network/node/detail '{"task_id":"T","node_id":"b"}')"
for content in '{"type":"x","n":123456789012345678901234567890}' '{"type":"x","s":"\ud83d"}' '{ "type" : "x" ,  "s":"\u0041\/" }'; do
    push a T b "$content" >/dev/null
    pop_until b T '"type"'
    [ "$(cat popped)" = "$content" ] && ok "as it was: $content" || not_ok "as it was: $content" "$(cat popped)"
done

# ---- The hub is away. ----
kill_hub
for i in 2 3; do says "code 0 while the hub is away" '"code":0' "$(push a T b "{\"n\":$i}")"; done
push a T stranger '{"n":"to a stranger"}' >/dev/null
push a U b '{"n":"of no task"}' >/dev/null
push a T b '{"n":4}' >/dev/null
says "the node list is answered from memory" '"total":2' "$(of a task/nodelist '{"task_id":"T","task_type":1}')"
says "a poll is answered" '"data":{}' "$(of a message/pop '{"task_id":"T","channel":"federated"}')"
awaits "the status says so" a hub_reachable false
awaits "and what waits" a contracts 5
says "and why" "Failed to connect" "$(curl -sS "$url_a/status")"
says "it is ready" ready "$(curl -sS "$url_a/readyz")"
says "metrics" "afrun_outbox_contracts 5" "$(curl -sS "$url_a/metrics")"
kill_sidecar a 9
start_sidecar a || not_ok "the sidecar starts again" "$(cat serve.err)"
awaits "what it has confirmed stays over a kill" a contracts 5
push a T b '{"n":5}' >/dev/null
start_hub
rest "all of it comes, in its order" '{"n":2}' '{"n":3}' '{"n":4}' '{"n":5}'
awaits "the outbox is empty" a contracts 0
awaits "what the hub refused is two dead letters" a dead_letters 2
shown=$(curl -sS "${admin[@]}" "$url_a/admin/tasks")
says "with their reasons" "the target 'stranger' is no node of task 'T'" "$shown"
says "each in its task" "\"task_id\":\"U\",\"dead_letters\":[{\"at\":" "$shown"
expect_in serve.err "the hub refuses 1 contract of task 'U' from the outbox" "and in the log"
says "metrics, too" "afrun_outbox_dead_letters 2" "$(curl -sS "$url_a/metrics")"
kill_sidecar a TERM
expect_output "a.db: a sidecar's outbox of version 1, whole" "$AFRUN" store check a.db
expect_error "a.db: is the outbox of node 'a', not of 'b'" 2 "$AFRUN" serve --listen 127.0.0.1:0 --bus "$hub/node/b" --node b --state a.db
start_sidecar a
awaits "they stay over a restart" a dead_letters 2
again='{"task_id":"U","channel":"federated","node_id":"a"}'
says "only the admin sends them again" '"code":403' "$(curl -sS -d "$again" "$url_a/admin/again")"
create U
says "of its own node, which is named" "the outbox is of node 'a', not of 'b'" \
    "$(curl -sS "${admin[@]}" -d "${again/\"a\"/\"b\"}" "$url_a/admin/again")"
says "with a task they are taken" '"count":1' "$(curl -sS "${admin[@]}" -d "$again" "$url_a/admin/again")"
pop_until b U 'of no task' && ok "so it arrives" || not_ok "so it arrives" "$(cat popped)"
says "the others are removed" '"code":0' "$(curl -sS "${admin[@]}" -X DELETE "$url_a/admin/tasks/T")"
awaits "so none is left" a dead_letters 0

# ---- The hub is slow: it takes calls and says nothing. ----
push a T b '{"n":6}' >/dev/null
rest "before that" '{"n":6}'
kill -STOP $hub_pid
push a T b '{"n":7}' >slow &
pusher=$!
curl -sS "$url_a/healthz" --max-time 2 >healthy
says "others are served meanwhile" ok "$(cat healthy)"
wait $pusher
says "who pushes has its answer in some seconds" '"code":0' "$(cat slow)"
says "what comes behind it waits with it" '"code":0' "$(push a T b '{"n":8}')"
kill -CONT $hub_pid
rest "both come, once, in order" '{"n":7}' '{"n":8}'

# ---- The way to the hub is wrong: that refuses nothing. ----
kill_hub
cat >proxy.py <<'PYTHON'
import http.server, sys
class Proxy(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(404)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"tired")
http.server.ThreadingHTTPServer.allow_reuse_address = True
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Proxy)
print("up", flush=True)
server.serve_forever()
PYTHON
python3 proxy.py "${hub##*:}" >proxy.out 2>&1 </dev/null &
proxy=$!
wait_line proxy.out up
says "a proxy's page is no refusal" '"code":0' "$(push a T b '{"n":9}')"
awaits "but no hub" a hub_reachable false
{ kill $proxy; wait $proxy; } 2>/dev/null
start_hub
rest "it comes when the hub is back" '{"n":9}'
awaits "and nothing has died" a dead_letters 0

# ---- A poll that is held, and one that nobody reads. ----
kill_sidecar b TERM
start_sidecar b --hold 1s
held() { # held: how many milliseconds b's poll takes
    local from=${EPOCHREALTIME//./}
    pop b T >held
    echo $(((${EPOCHREALTIME//./} - from) / 1000))
}
took=$(held)
[ "$took" -ge 900 ] && ok "a poll is held where nothing is there" || not_ok "a poll is held where nothing is there" "$took ms"
pop b T >held &
poller=$!
URL=$hub
await_parked 1
push a T b '{"n":10}' >/dev/null
wait $poller
says "what comes meanwhile is its answer" '{"n":10}' "$(cat held)"
curl -sS --max-time 0.2 -d '{"task_id":"T","channel":"federated"}' "$url_b$API/message/pop" >/dev/null 2>&1
push a T b '{"n":11}' >/dev/null
rest "who has left is given nothing, so the next one is" '{"n":11}'
kill_sidecar b TERM

# ---- Kept by whoever is killed, wherever. ----
start_sidecar b
for place in outbox-before:2 outbox-after:2 outbox-sent:1; do
    kill_hub
    kill_sidecar a TERM
    AFRUN_KILL_AT=$place start_sidecar a
    push a T b "{\"at\":\"$place 1\"}" >first
    push a T b "{\"at\":\"$place 2\"}" >second 2>/dev/null
    start_hub
    wait "$pid_a" 2>/dev/null
    start_sidecar a || not_ok "it starts after $place" "$(cat serve.err)"
    awaits "killed at $place: all that waits is sent" a contracts 0
    URL=$hub
    push a T b "{\"at\":\"$place end\"}" >/dev/null
    pop_until b T "$place end"
    says "killed at $place: the first is confirmed" '"code":0' "$(cat first)"
    [ "$(grep -cF "$place 1" popped)" = 1 ] && ok "killed at $place: it comes once" || not_ok "killed at $place: it comes once" "$(cat popped)"
    confirmed=$(grep -c '"code":0' second)
    came=$(grep -cF "$place 2" popped)
    [ "$came" -le 1 ] && [ "$came" -ge "$confirmed" ] && ok "killed at $place: the second, too, if it was" ||
        not_ok "killed at $place: the second, too, if it was" "$confirmed $(cat popped)"
done

# ---- A full outbox. ----
kill_hub
head -c 10000000 /dev/zero | tr '\0' x >pad
{ printf '{"task_id":"T","node_id_list":["b"],"message_title":"t","message_time":1,"channel":"federated","message_content":{"pad":"'; cat pad; printf '"}}'; } >big
for ((i = 0; i < 40; i++)); do
    answer=$(of a message/push @big)
    [[ $answer == *'"code":0'* ]] || break
done
says "a full outbox refuses" "the outbox of this sidecar is full for task 'T': $i contracts" "$answer"
says "with the code of no room" '"code":507' "$answer"
[ $i -gt 20 ] && ok "after a quarter of its bytes" || not_ok "after a quarter of its bytes" "$i"
says "another task has its own share" '"code":0' "$(push a U b '{"n":1}')"
kill_sidecar a 9
start_sidecar a
says "a kill makes no room" '"code":507' "$(of a message/push @big)"

# ---- Its file. ----
kill_sidecar a TERM
python3 -c 'import sqlite3; db = sqlite3.connect("a.db"); db.execute("PRAGMA user_version = 99"); db.commit()'
expect_error "a.db" 3 "$AFRUN" serve --listen 127.0.0.1:0 --bus "$hub" --node a --state a.db
says "a newer file is refused by name" "version 99" "$(cat "$ERR")"
expect_error "hub.db" 3 "$AFRUN" serve --listen 127.0.0.1:0 --bus "$hub" --node a --state hub.db
kill_sidecar b TERM

# ---- A plain service holds, too. ----
start_serve --bus local:plain.db --prefix-nodes --open-tasks --hold 300ms
url_b=$URL/node/b
took=$(held)
[ "$took" -ge 280 ] && ok "a plain service holds a plain poll" || not_ok "a plain service holds a plain poll" "$took ms"
curl -sS -d '{"task_id":"T","channel":"federated","lease_seconds":1}' "$URL/node/b$API/message/pop" --max-time 0.25 >/dev/null &&
    ok "but none of ours" || not_ok "but none of ours"
stop_serve

# ---- A hub that does not know the node. ----
secret tokens "token-of-a-0123456789 a"
secret wrong.conf "token = wrong-token-0123456789"
start_serve --bus local:known.db --tokens tokens
known_pid=$serve_pid
start_serve --bus "$URL" --node a --config wrong.conf --state unknown.db
until_true grep -qF "the hub does not know this node; is its token right?" serve.err && ok "a wrong token is told" ||
    not_ok "a wrong token is told" "$(cat serve.err)"
says "and seen by whom metrics alert" 0 "$(metric hub_reachable)"
stop_serve
kill $known_pid
wait $known_pid || :

# ---- A hub that hands out again what was rejected, and hears of no acknowledgement. ----
cat >stubborn.py <<'PY'
import http.server, json, sys
taken = 0
class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        global taken
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"code": 0, "message": "", "data": {"messages": []}}
        if self.path.endswith("/ack"):
            answer = {"code": 400, "message": "no such lease", "data": {}}
        elif asked.get("channel") == "federated":
            taken += 1
            print(taken, flush=True)
            answer["data"]["messages"] = [{"id": 1, "task_id": "T", "node_id_list": ["a"], "message_uuid": "u1", "message_title": "t",
                "sender_id": "b", "message_content": "no object", "message_time": 1, "status": 1}]
        body = json.dumps(answer).encode()
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Afrun-Service", "1"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
print("port", server.server_port, flush=True)
server.serve_forever()
PY
python3 -u stubborn.py >stubborn.out 2>&1 &
stubborn=$!
until_true grep -q port stubborn.out
start_serve --bus "http://127.0.0.1:$(sed -n 's/^port //p' stubborn.out)" --node a --state stubborn.db
says "a poll of such a hub is answered" '"data":{}' "$(curl -sS --max-time 20 -d '{"task_id":"T","channel":"federated"}' "$URL$API/message/pop")"
[ "$(wc -l <stubborn.out)" -lt 20 ] && ok "and the hub is not asked without an end" || not_ok "and the hub is not asked without an end" "$(wc -l <stubborn.out)"
stop_serve
kill $stubborn
{ wait $stubborn; } 2>/dev/null || :

# ---- A sidecar that began while its hub was away: what it asks first is the task manager's. ----
start_hub
create first
kill_hub
start_serve --bus "$hub/node/a" --node a --state late.db || not_ok "a sidecar starts while its hub is away" "$(tail -n 3 serve.err)"
late=$URL late_pid=$serve_pid
dataset() { curl -sS --max-time 70 -H 'Content-Type: application/json' -d '{"TaskId":"first","VerifyResult":true,"CauseOfFailure":null}' "$late/alpha-med/fed-bass?cmb=VerifyTaskDataSetCallback"; }
says "the task manager's calls wait for the hub" '"Code":"503"' "$(dataset)"
start_hub
is_noted() { [[ $(dataset) == *'"Status":"OK"'* ]]; }
until_true is_noted && ok "and go on when it is there" || not_ok "and go on when it is there" "$(dataset)"
kill -TERM $late_pid
{ wait $late_pid; } 2>/dev/null
stop_serve
