#!/usr/bin/env bash
# Parties over `afrun serve`, each a process of its own with a token of its own: the same results as
# in mock; a plain client that knows only the platform's fields is one of them.
source "$(dirname "$0")/../lib/e2e.sh"
plan 31
source "$ROOT/tests/lib/parties.sh"
flows=$ROOT/flows
initiator=d54a3af2-83e2-4da6-bc8d-2dc03634612c
collaborator=2d7514b7-f2fc-4f6c-8d88-849339bd268a

# ---- A service, tokens, and a configuration for each node. ----
umask 077
for node in i p1 p2 p3 a c1 c2 c3 s r1 r2 $initiator $collaborator 8983ba98-74ac-41eb-9588-2c2d57ecf8cb \
    4c6db456-3ece-4e2f-a165-585d0a6f175c; do
    echo "token-of-$node $node" >>tokens
    echo "token = token-of-$node" >"config.$node"
done
echo "token-of-the-admin" >admin
start_party serve serve --listen 127.0.0.1:0 --bus local:serve.db --tokens tokens --admin-token admin
wait_line serve.out "listening at" || not_ok "the service starts" "$(cat serve.err)"
url=$(grep -o 'http://[0-9.:]*' serve.out | head -n 1)

make_task() { # TASK ROLE=NODE…
    python3 - "$url" "$@" <<'PY'
import json, sys, urllib.request
url, task, members = sys.argv[1], sys.argv[2], [m.split("=") for m in sys.argv[3:]]
body = {"task_id": task, "members": [{"node_id": node, "role": role} for role, node in members]}
request = urllib.request.Request(url + "/admin/tasks", json.dumps(body).encode(),
    {"Content-Type": "application/json", "Authorization": "Bearer token-of-the-admin"})
answer = json.loads(urllib.request.urlopen(request).read())
sys.exit(answer["code"] != 0)
PY
}

party() { # NAME FLOW ROLE TASK
    AFRUN_CONFIG=config.$1 start_party "$1" "$flows/$2.lua" --role "$3" --node "$1" --task "$4" \
        --bus "$url" --json
}

# ---- The sync flow; the nodes and their roles are the task's. ----
for order in "i p1 p2 p3" "p2 p3 p1 i"; do
    task=sync-${order// /-}
    for name in $order; do
        role=participant
        [ "$name" != i ] || role=initiator
        party "$name" sync_state $role "$task"
        # the task is made when the first of them waits for it
        [ "$name" != "${order%% *}" ] || make_task "$task" initiator=i participant=p1 participant=p2 participant=p3
    done
    for name in i p1 p2 p3; do
        expect_ended "$name" 0 "$name ends well, started as $order"
    done
    if [ "$(field i.out result)" = '{"synced": 3}' ] &&
        [ "$(field p2.out result)" = '{"aggregator": "i", "round": 11}' ]; then
        ok "the sync flow comes to the mock's results, started as $order"
    else
        not_ok "the sync flow comes to the mock's results, started as $order" "$(tail -n 1 ./*.out)"
    fi
done

# ---- Models through the service's files. ----
make_task models aggregator=a client=c1 client=c2 client=c3
for name in c1 a c3 c2; do
    role=client
    [ $name != a ] || role=aggregator
    party $name model_exchange $role models
done
for name in a c1 c2 c3; do
    expect_ended $name 0 "$name of the model exchange ends well"
done
if [ "$(field a.out result)" = '{"model": [1.75, 1.75], "rounds": 3}' ]; then
    ok "the models are those of the mock run"
else
    not_ok "the models are those of the mock run" "$(tail -n 1 a.out)"
fi

# ---- The tutorial's scripts. ----
make_task 79ce0d22-22f8-4f5d-8d0f-35ad0b26db7b initiator=$initiator participant=$collaborator \
    participant=8983ba98-74ac-41eb-9588-2c2d57ecf8cb participant=4c6db456-3ece-4e2f-a165-585d0a6f175c
for order in "initiator collaborator" "collaborator initiator"; do
    for name in $order; do
        node=${!name}
        AFRUN_CONFIG=config.$node start_party "$name" "$flows/notebook/$name.lua" --node "$node" --bus "$url"
    done
    for name in $order; do
        expect_ended "$name" 0 "the tutorial's $name ends well, started as $order"
    done
    run "$AFRUN" "$flows/notebook/initiator.lua" "$flows/notebook/collaborator.lua" --mock
    if diff <(grep -v ^initiator.lua "$OUT" | sort) <(cat initiator.out collaborator.out |
        grep -vE '^(initiator|collaborator).lua:' | sort) >differ; then
        ok "they print what they print in mock, started as $order"
    else
        not_ok "they print what they print in mock, started as $order" "$(cat differ)"
    fi
done

# ---- The data channel's scripts. ----
make_task channel-task initiator=s participant=r1 participant=r2
for name in sender:s receiver_1:r1 receiver_2:r2; do
    sed "s/^if af.mock_node_id.*/if false then/" "$ROOT/tests/data/data_channel/${name%:*}.lua" >"${name%:*}.lua"
    AFRUN_CONFIG=config.${name#*:} start_party "${name%:*}" "${name%:*}.lua" --node "${name#*:}" --bus "$url"
done
for name in sender receiver_1 receiver_2; do
    expect_ended $name 0 "$name of the data channel ends well"
done
expect_in sender.out "unwanted	nil	'r2' refused: data from 's' is not expected" "data that is not expected is refused"
expect_in sender.out "results	result-1	result-2" "the sender has both results"

# ---- Who we are not. ----
echo "token = wrong" >config.wrong
expect_error "the token is not known" 3 env AFRUN_CONFIG=config.wrong timeout 20 "$AFRUN" "$flows/notebook/initiator.lua" --node $initiator --bus "$url"
expect_error "the caller is known as 'p1', but means to be '$initiator'" 3 env AFRUN_CONFIG=config.p1 timeout 20 "$AFRUN" "$flows/notebook/initiator.lua" --node $initiator --bus "$url"
kill_party serve TERM
[ "$status" -eq 0 ] && ok "the service ends well" || not_ok "the service ends well" "$status $(cat serve.err)"
if grep -q token-of ./*.out ./*.err; then not_ok "no token is told" "$(grep -l token-of ./*.out ./*.err)"; else ok "no token is told"; fi
stop_all
