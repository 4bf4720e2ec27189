#!/usr/bin/env bash
# Wrong command lines: each ends with status 2 and says so in one line, which names what is wrong and
# what there is instead; nothing goes to standard output.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 157
cp "$ROOT/flows/sync_state.lua" sync.lua
check "a trace" "$AFRUN" sync.lua --mock -q --trace run.jsonl
echo 'x = 1' >script.lua
printf 'node = n1\nquiet = maybe\n' >bad.conf
printf 'token = 0123456789\n' >token.conf
chmod 600 bad.conf token.conf

# A command line, a bar, what the line on standard error holds.
while IFS= read -r line; do
    read -ra words <<<"${line% | *}"
    text=${line##* | }
    run timeout 30 "$AFRUN" "${words[@]}"
    if [ $status -eq 2 ] && [ "$(wc -l <"$ERR")" -eq 1 ] && [ ! -s "$OUT" ] && grep -qF -e "$text" "$ERR" && grep -q '^afrun: ' "$ERR"; then
        ok "afrun ${line% | *}"
    else
        not_ok "afrun ${line% | *}" "$(explain "status $status, expected one line with '$text'" "${words[@]}")"
    fi
done <<'TABLE'
chek sync.lua | did you mean 'check'? Commands are run, check
flow | neither a command nor a file
--completion | --completion: takes the name of a shell: bash, zsh or fish
--completion tcsh | takes the name of a shell: bash, zsh or fish
run | name a flow: afrun FLOW.lua --mock
run --mock | name a flow
--mock | name a flow
sync.lua | is a flow
sync.lua --moc | --moc: unknown option; did you mean '--mock'?
sync.lua -mock | -mock: unknown option; did you mean '--mock'?
sync.lua -x | -x: unknown option
sync.lua --mock=yes | --mock: takes no value
sync.lua --mock --seed | --seed: needs a value: --seed=S
sync.lua --seed --mock | --seed: needs a value: --seed=S
sync.lua --mock --seed= | --seed: expected an integer from 0
sync.lua --mock --seed 0x10 | --seed: expected an integer from 0
sync.lua --mock --runs 1e3 | --runs: expected an integer from 1
sync.lua --mock --until 5 | write a unit
sync.lua --mock --until 5d | the units are ns, us, ms, s, m and h
sync.lua --mock --latency 1ms-2ms | --latency: expected a duration
sync.lua --mock --latency 2ms..1ms | --latency: expected a range A..B with A not longer than B
sync.lua --mock --drop 5% | --drop: expected a probability from 0 to 1
sync.lua --mock --crash participant | --crash: expected role:P
sync.lua --mock --crash participnt:0.1 | --crash: the flow 'sync_state' has no role 'participnt'; did you mean 'participant'? It has initiator, participant
sync.lua --mock --lose particpant:1 | --lose: the flow 'sync_state' has no role 'particpant'; did you mean 'participant'?
sync.lua --mock --lose voter:1 | --lose: the flow 'sync_state' has no role 'voter'; it has initiator, participant
sync.lua --mock --lose participant | --lose: expected role:N or role:N@T
sync.lua --mock --parties partcipant=2 | --parties: the flow 'sync_state' has no role 'partcipant'; did you mean 'participant'?
sync.lua --mock --parties participant | --parties: expected role=N,role=N
sync.lua --mock --parties participant=1,participant=2 | --parties: role 'participant' comes twice
sync.lua --mock --partition initiator|participants@1s..2s | --partition: 'participants' is neither a node nor a role of this run; did you mean 'participant'?
sync.lua --mock --partition initiator@1s..2s | --partition: expected groups of nodes
sync.lua --mock --arg ronud=1 | the flow takes no such argument; did you mean 'round'? It takes round
sync.lua --mock --arg round | --arg: expected NAME=VALUE, not 'round'
sync.lua --mock --arg =1 | --arg: expected NAME=VALUE, not '=1'
sync.lua --mock --arg round=1 --arg round=2 | --arg: gives 'round' twice
sync.lua --mock --trace= | --trace: expected FILE, not ''
sync.lua --mock -q -v | -v: does not go with --quiet
sync.lua --mock --verbose --quiet | --quiet: does not go with --verbose
sync.lua --mock --color blue | --color: expected auto|always|never, not 'blue'
sync.lua --mock --runs 2 --trace t | --trace: traces one run
sync.lua --mock --upgrade= | --upgrade: expected FLOW.lua
sync.lua --mock --allow-run no-such-program-at-all | no-such-program-at-all
sync.lua --mock --allow-read /no/such/folder | /no/such/folder: cannot be used: No such file or directory
sync.lua --mock --allow-read sync.lua | sync.lua: is not a folder
sync.lua --mock --role initiator | --role: is for a party for real; add --bus
sync.lua sync.lua --mock | stands alone
no_such.lua --mock | no_such.lua: cannot be read: No such file
. --mock | .: is not a file
sync.lua --bus local:b --mock --role initiator --node i --task t | --mock: does not go with --bus
sync.lua --bus local:b --drop 0.1 | --drop: is for a simulation
sync.lua --bus local:b --node i --task t | --role: is missing
sync.lua --bus local:b --role initator --node i --task t | --role: the flow 'sync_state' has no role 'initator'; did you mean 'initiator'?
sync.lua --bus ftp://x --role initiator --node i --task t | ftp://x
sync.lua --bus local:b --role initiator --node=* --task t | --node: expected an ID without blanks, not '*'
sync.lua --bus local:b --role initiator --node i --task= | --task: expected an ID without blanks, not ''
sync.lua --bus local:b --role initiator --node i --task t --peers initiator= | --peers: expected role=ID,ID;role=ID, not 'initiator=': an ID is empty
sync.lua --bus local:b --role initiator --node i --task t --peers initiator=i; | --peers: expected role=ID,ID;role=ID, not 'initiator=i;'
sync.lua --bus local:b --role initiator --node i --task t --peers initiator=i;participant=i | --peers: names the node 'i' twice
sync.lua --bus local:b --role initiator --node i --task t --peers initator=i;participant=p | --peers: the flow 'sync_state' has no role 'initator'; did you mean 'initiator'?
check | name a flow: afrun check FLOW.lua
check sync.lua sync.lua | one flow is checked at a time
check no_such.lua | no_such.lua
check sync.lua --parties particpant=1 | --parties: the flow 'sync_state' has no role 'particpant'; did you mean 'participant'?
check sync.lua --drop 0.5 | --drop: expected an integer from 0 to 1000
check sync.lua --time 0s | --time: expected more than no time
check sync.lua --memory 4GB | --memory: '4GB' is not a size
check sync.lua --memory 0 | --memory: '0' is too large or nothing
check sync.lua --timeouts some | --timeouts: 'some' is not quiet, any or a number
check sync.lua --jobs 0 | --jobs: expected an integer from 1 to 64
check sync.lua --dept 3 | --dept: unknown option; did you mean '--depth'?
check sync.lua --arg x | --arg: expected NAME=VALUE, not 'x'
chart | name one trace: afrun chart TRACE.jsonl
chart run.jsonl run.jsonl | name one trace
chart --states | name one flow: afrun chart --states FLOW.lua
chart run.jsonl --data | --data: is for --json
studio | name one flow: afrun studio FLOW.lua
studio no_such.lua | no_such.lua: cannot be read: No such file
studio sync.lua --listen 0.0.0.0:0 | others can reach this address
studio sync.lua --no-jail --require-jail | does not go with
chart --states script.lua | is a sequential script; --states is for flows
chart --states no_such.lua | no_such.lua: cannot be read: No such file
chart --states sync.lua --html | --html: does not go with --states
chart --states sync.lua --tail 5 | --tail: does not go with --states
chart run.jsonl --dot | --dot: is for --states
chart no_such.jsonl | no_such.jsonl: cannot be read: No such file
chart . | cannot be read: it is a folder
chart script.lua | is no JSON object
chart run.jsonl --svg --html | --html: does not go with --svg
chart run.jsonl --svg --width 80 | --width: does not go with --svg
chart run.jsonl --ascii --mermaid | --mermaid: does not go with --ascii
chart run.jsonl --all --max-rows 5 | --max-rows: does not go with --all
chart run.jsonl --width 10 | --width: expected an integer from 40 to 1000
chart run.jsonl --party participant-9 | --party: the trace has no party 'participant-9'; did you mean 'participant-1'? It has initiator-1
chart run.jsonl --type qery | --type: the trace has no type of event or record 'qery'; did you mean 'query'? It has
replay | name a trace: afrun replay TRACE.jsonl
replay no_such.jsonl | no_such.jsonl: cannot be read
replay run.jsonl sync.lua sync.lua | the run was of 1 file, not 2
replay run.jsonl --stepp | --stepp: unknown option; did you mean '--step'?
serve sync.lua | sync.lua: serve takes options only
serve --bus http://127.0.0.1:1 | --bus: http://127.0.0.1:1 is a service itself, and is served to one node of this machine only: say which by --node
serve --bus https://hub.example --prefix-nodes | say which by --node
serve --bus http://127.0.0.1:1 --node n --tokens t | --tokens: is no option of a sidecar: the service at http://127.0.0.1:1 knows tasks and nodes
serve --bus http://127.0.0.1:1 --node n --client-ca t | --client-ca: is no option of a sidecar
serve --bus http://127.0.0.1:1 --node n --prefix-nodes | --prefix-nodes: is no option of a sidecar
serve --bus http://127.0.0.1:1 --node n --members a=x | --members: is no option of a sidecar
serve --bus http://127.0.0.1:1 --node n --keep-files 1h | --keep-files: is no option of a sidecar
serve --bus http://127.0.0.1:1 --node n --min-free 1 | --min-free: is no option of a sidecar
serve --bus http://127.0.0.1:1 --node n --open-tasks | --open-tasks: is no option of a sidecar
serve --bus http://127.0.0.1:1 --node n --listen 0.0.0.0:0 | a sidecar serves its own machine alone
serve --bus http://127.0.0.1:1?x=1 --node n | --bus: is the service's address, without a query
serve --node n --state x.db | --state: is for a sidecar, whose --bus is another service
serve --node n --config token.conf | token.conf: holds who we are to a service (token, certificate, login), which afrun serve has no use for unless its --bus is one
serve --node n --hold 2s | --hold: is at most 1s
serve --bus ftp://x --node n | is no bus; expected local:FILE, http://HOST:PORT, https://HOST:PORT, nats://HOST:PORT or tls://HOST:PORT
serve --bus http:/x --node n | http:/x: is no bus; expected local:FILE
serve --bus https:x --node n | https:x: is no bus; expected local:FILE
serve --bus nats://x --min-free 1 | --min-free: is no option of a front: the NATS servers keep contracts and files
serve --node n --quota bodys=1M | --quota: expected NAME=VALUE, got 'bodys=1M'; did you mean 'bodies'?
serve --node n --quota queue | --quota: expected NAME=VALUE, got 'queue'; names are bodies, answers
serve --node n --quota queue=0 | --quota: queue: expected an integer from 1 to 10000000, not '0'
serve --node n --quota bodies=1P | --quota: bodies: '1P' is not a size
serve --members a= | --members: expected role=ID,ID;role=ID, not 'a=': an ID is empty
serve --members a=x; | --members: expected role=ID,ID;role=ID, not 'a=x;'
serve --members a=x;b=x | --members: names the node 'x' twice
serve --quiet --verbose | --verbose: does not go with --quiet
serve --listen= | --listen: expected ADDR:PORT, not ''
serve | nobody could call
node | --node: is missing
node --node n | --bus: is missing
node --node n --bus local:b --flows . | --state: is missing
node x | node takes options only
node --hang x | --hang: expected a duration
node --hang 0 | --hang: expected more than no time
node --journal-age 0s | --journal-age: expected more than no time
serve --node n --keep-files 0 | --keep-files: expected more than no time
serve --node n --keep-contracts 0 | --keep-contracts: expected more than no time
node --log-size 0 | --log-size: '0' is too large or nothing
node --trust x | --trust: expected a public key
node --config bad.conf | quiet
node --config no_such.conf | no_such.conf: cannot be read
ctl | which command; commands are launch, status
ctl stat | did you mean 'status'? Commands are launch, status
ctl status | which node? name its socket by --control SOCKET
ctl status a b | b: is one word too many
ctl ui flow.lua | flow.lua: is one word too many
ctl launch | launch: name the flow
ctl launch f --task t | --role: is missing
ctl launch f --role r | --task: is missing
ctl launch f --task t --role r --peers a=x;b=x | --peers: names the node 'x' twice
ctl launch f --task t --role r --arg x | --arg: expected NAME=VALUE, not 'x'
ctl log | log: name the task
help chekc | help: there is no command 'chekc'; did you mean 'check'?
--man nothing | --man: there is no command
--version now | now: is one word too many for --version
ctl stop t --follow | --follow: is no option of afrun ctl stop
TABLE
