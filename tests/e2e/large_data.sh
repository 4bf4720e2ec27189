#!/usr/bin/env bash
# Files through the data channel by their paths: between a plain client and a flow, both ways, in bounded memory, and after
# a kill of the service or of the party in the middle of it.
source "$(dirname "$0")/../lib/e2e.sh"
plan 18
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
megabytes=60 PATIENCE=90
is_short || megabytes=200

serve() { start_serve --listen "127.0.0.1:$1" --bus local:serve.db --files kept --prefix-nodes --open-tasks; }
start_serve --bus local:serve.db --files kept --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
port=${URL##*:}

plain() { # TASK COMMAND ARGUMENT…: as the node "plain"
    python3 "$ROOT/tests/lib/plain_client.py" "$URL/node/plain" "$@"
}

python3 - $megabytes <<'PY'
import random, sys
chance = random.Random(7)
with open("theirs.bin", "wb") as file:
    for _ in range(int(sys.argv[1])):
        file.write(chance.randbytes(1 << 20))
PY

# measured FILE COMMAND…: FILE gets the most memory that it took, in kB.
cat >measured.py <<'PY'
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(status)
PY

cat >exchange.lua <<'LUA'
local af = require "af"
return af.flow { name = "exchange", args = { file = af.string }, roles = { peer = {
  start = "elsewhere", states = { elsewhere = {} },
}, keeper = {
  start = "getting",
  states = {
    getting = af.data_channel.receiving {
      source = "plain", path = function(party) return party.args.file end,
      received = function(party, source, path) party.data.got = path .. " of " .. source end,
      done = "giving",
    },
    giving = af.data_channel.sending {
      target = "plain", path = function(party) return party.args.file end, timeout = 120,
      done = function(party, ids) return af.done { got = party.data.got, to = ids } end,
    },
  },
} } }
LUA

same() { # same FILE NAME
    cmp -s theirs.bin "$1" && ok "$2" || not_ok "$2" "$(ls -l theirs.bin "$1" 2>&1)"
}
keeper() { # keeper TASK FILE [OPTION…]
    start_party keeper exchange.lua --role keeper --node k --task "$1" --bus "$URL/node/k" --arg file="$2" --peers 'keeper=k;peer=plain' \
        --json "${@:3}"
}

# ---- Both ways, and how much memory it takes. ----
: >keeper.out >keeper.err
python3 measured.py memory "$PROGRAM" exchange.lua --role keeper --node k --task both --bus "$URL/node/k" --arg file=ours.bin \
    --peers 'keeper=k;peer=plain' --json >keeper.out 2>keeper.err </dev/null &
party_pids[keeper]=$!
answer=$(plain both send_file plain k theirs.bin)
[ "$answer" = k ] && ok "a plain client's file is accepted" || not_ok "a plain client's file is accepted" "$answer"
plain both receive plain k >back.bin
expect_ended keeper 0 "the flow ends well"
expect_in keeper.out '"result":{"got":"ours.bin of plain","to":["plain"]}' "it was given the path, and knows who has the file"
same ours.bin "the file is the plain client's"
same back.bin "the plain client has it back"
if [[ $PROGRAM == *sanitize* ]]; then skip 1 "a sanitizer takes more memory"; else
    [ "$(cat memory)" -lt 40000 ] && ok "the party's memory does not grow with the file" || not_ok "the party's memory does not grow with the file" "$(cat memory) kB"
fi

# ---- The service is killed while the party fetches, and while it sends. ----
some() { [ -n "$(find . -maxdepth 1 -name "$1" -size +0 2>/dev/null)" ]; }
killed_service() { kill -KILL $serve_pid; { wait $serve_pid; } 2>/dev/null; }
keeper cut cut.bin
plain cut send_file plain k theirs.bin >sent 2>sent.err &
sender=$!
until_true some 'cut.bin.*.part' && ok "it is being fetched" || not_ok "it is being fetched" "$(ls)"
killed_service
wait $sender # its poll is cut off with the service
some 'cut.bin.*.part' && ok "the service is gone in the middle of it" || not_ok "the service is gone in the middle of it" "$(ls)"
serve "$port" || not_ok "the service starts again" "$(cat serve.err)"
until_true test -e cut.bin
killed_service # the party sends, or is about to
same cut.bin "the rest is fetched from the next service"
serve "$port" || not_ok "the service starts once more" "$(cat serve.err)"
plain cut receive plain k >back.bin
expect_ended keeper 0 "a party whose service was killed twice ends well"
same back.bin "and its file is whole"

# ---- The party is killed while it fetches; the same command goes on. ----
keeper dead dead.bin --state dead.db
plain dead send_file plain k theirs.bin >sent &
sender=$!
until_true some 'dead.bin.*.part'
kill_party keeper
part=$(find . -name 'dead.bin.*.part' -printf %s)
[ "${part:-0}" -gt 0 ] && ok "a part of it is there" || not_ok "a part of it is there" "$(ls)"
keeper dead dead.bin --state dead.db
wait $sender && [ "$(cat sent)" = k ] && ok "it is accepted" || not_ok "it is accepted" "$(cat sent keeper.err)"
same dead.bin "the file is whole"
plain dead receive plain k >back.bin
expect_ended keeper 0 "the party that was killed ends well"
same back.bin "and the plain client has it back"
left=$(find . -name '*.part' -o -name '*.bin.??????')
[ -z "$left" ] && ok "nothing else is left" || not_ok "nothing else is left" "$left"
stop_serve
stop_all
