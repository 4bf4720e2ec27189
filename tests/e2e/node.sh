#!/usr/bin/env bash
# `afrun node` and `afrun ctl`: parties are launched, looked at, held, tried again, stopped, kept.
source "$(dirname "$0")/../lib/e2e.sh"
plan 83
source "$ROOT/tests/lib/parties.sh"
peers='initiator=i;participant=p'
mkdir flows
cp -r "$ROOT"/flows/{sync_state.lua,fed_avg.lua,fed_avg,training} flows/

node() { # node NAME ARGUMENT…
    local name=$1
    shift
    start_party "$name" node --node "$name" --bus local:bus.db --flows flows --state "$name.state" "$@"
    wait_line "$name.out" "afrun node: node $name" || not_ok "node $name starts" "$(cat "$name.err")"
}

ctl() { # ctl NODE WORD…
    local name=$1
    shift
    "$AFRUN" ctl "$@" --state "$name.state"
}

# status_is NODE TASK WORD: waits for it.
says_status() {
    ctl "$1" status "$2" --json 2>/dev/null | grep -qF "\"status\":\"$3\""
}
status_is() {
    if until_true says_status "$1" "$2" "$3"; then
        ok "task $2 is $3 at $1"
    else
        not_ok "task $2 is $3 at $1" "$(ctl "$1" status "$2" 2>&1)"
    fi
}

# ---- Two nodes, from launch to done. ----
node i
node p
expect_output "no parties" ctl i status
expect_output "launched: task 't1'" ctl i launch sync_state --task t1 --role initiator --peers "$peers"
status_is i t1 waiting
expect_output "for query; nothing has come from p" ctl i status t1
expect_output "launched" ctl p launch sync_state.lua --task t1 --role participant --peers "$peers"
status_is i t1 done
status_is p t1 done
expect_output "launched: sync_state.lua, role initiator" ctl i log t1
expect_output " done; its result: object, 12 bytes" ctl i log t1
expect_output "its result: object, 12 bytes" ctl i status t1
expect_output 'its result: {"synced":1}' ctl i status t1 --data
expect_output '"result":{"type":"object","bytes":12,"value":{"synced":1}}' ctl i status t1 --data --json
check "its journal is a trace" ctl i trace t1 -o t1.jsonl
expect_output "sync_resp" "$AFRUN" chart t1.jsonl
modes=$(stat -c %a i.state i.state/node.db i.state/control.sock i.state/logs/t1.log | xargs)
if [ "$modes" = "700 600 600 600" ]; then ok "what a node keeps is its owner's alone"; else not_ok "what a node keeps is its owner's alone" "$modes"; fi

# ---- A log is put aside when it has its size, and read in pieces, which cut neither a line nor a character. ----
cat >flows/talks.lua <<'LUA'
local af = require "af"
return af.flow { name = "talks", roles = { a = { start = "s", states = { s = { enter = function(party)
  for i = 1, 70 do party:log("%d %s", i, ("é"):rep(10000)) end
  return af.done(1)
end } } } } }
LUA
node l --log-size 1
check "a party that says much is launched" ctl l launch talks --task t1 --role a --peers a=l
status_is l t1 done
cat l.state/logs/t1.log.1 l.state/logs/t1.log >said
if [ "$(grep -c ' é*$' said)" = 70 ] && [ "$(stat -c %s l.state/logs/t1.log.1)" -lt 1100000 ]; then ok "its log is in two files"; else not_ok "its log is in two files" "$(ls -l l.state/logs)"; fi
run ctl l log t1
cmp -s "$OUT" l.state/logs/t1.log && ok "and the newer one is told as it is" || not_ok "and the newer one is told as it is" "$(ls -l "$OUT" l.state/logs)"
kill_party l TERM

# ---- A trace is followed until the party ends. ----
check "a party is launched" ctl i launch sync_state --task t9 --role initiator --peers "$peers"
start_party follow ctl trace t9 -f --state i.state
wait_line follow.out '"kind":"start"' && ok "what it has done so far is told at once" || not_ok "what it has done so far is told at once" "$(cat follow.out)"
never_says() { case $3 in *"$2"*) not_ok "$1" "found '$2' in: $3" ;; *) ok "$1" ;; esac; }
never_says "and that is no end" '"kind":"end"' "$(cat follow.out)"
check "the other one is launched" ctl p launch sync_state --task t9 --role participant --peers "$peers"
expect_ended follow 0 "it ends with the party"
ctl i trace t9 >whole.jsonl
check "and has told all of it, once" cmp follow.out whole.jsonl
expect_error "does not go with --follow" 2 ctl i trace t9 -f -o x.jsonl

# ---- What is wrong is told, and changes nothing. ----
launch=(ctl i launch)
expect_error "no such flow" 2 "${launch[@]}" nothing --task x --role r
expect_error "is no name of a flow" 2 "${launch[@]}" ../flows/sync_state --task x --role initiator
expect_error "has no role 'king'" 2 "${launch[@]}" sync_state --task x --role king --peers "king=i"
expect_error "'i' (this node) is not among them" 2 "${launch[@]}" sync_state --task x \
    --role initiator --peers 'initiator=q;participant=p'
expect_error "has a party on this node already" 2 "${launch[@]}" sync_state --task t1 --role initiator
expect_error "takes no such argument" 2 "${launch[@]}" sync_state --task x --role initiator \
    --peers "$peers" --arg speed=9
expect_error "--role" 2 "${launch[@]}" sync_state --task x
expect_error "has no role 'king'" 2 "${launch[@]}" sync_state --task alone --role king
expect_error "takes no such argument" 2 "${launch[@]}" sync_state --task alone --role initiator --arg speed=9
expect_error "launch again when it is complete" 3 "${launch[@]}" sync_state --task alone --role initiator
expect_error "expected role=ID" 2 "${launch[@]}" sync_state --task x --role initiator --peers i
echo 'return 1 +' >flows/cut.lua
expect_error "cut.lua:2" 2 "${launch[@]}" cut --task x --role r --peers r=i
cat >flows/plain.lua <<'LUA'
local af = require "af"
return af.flow { name = "plain", roles = { r = function(party) return af.done(party.id) end } }
LUA
expect_error "is a plain function" 2 "${launch[@]}" plain --task x --role r --peers r=i
expect_error "this node runs no party of such a task" 2 ctl i status x
expect_error "is not held" 1 ctl i retry t1
for flow in "" "$(printf 'x%.0s' {1..257})"; do
    expect_error "flow: is missing, or too long" 2 ctl i launch "$flow" --task none --role initiator --peers "$peers"
done
expect_error "does not run" 1 ctl i stop t1
expect_error "no node answers there" 3 ctl nobody status
expect_error "commands are launch" 2 ctl i dance
expect_error "which node?" 2 "$AFRUN" ctl status
expect_error "in use by another process" 3 "$AFRUN" node --node i --bus local:bus.db --flows flows \
    --state i.state
expect_error "--flows" 2 "$AFRUN" node --node i --bus local:bus.db --state x.state
expect_error "is no folder of flows" 2 "$AFRUN" node --node i --bus local:bus.db --flows nowhere \
    --state x.state
mkdir -m 770 shared.state
expect_error "shared.state: may be written by others" 2 "$AFRUN" node --node j --bus local:bus.db --flows flows --state shared.state
if [ "$(id -u)" -eq 0 ]; then
    mkdir -m 700 others.state && chown nobody others.state
    expect_error "others.state: is another user's folder" 2 "$AFRUN" node --node j --bus local:bus.db --flows flows --state others.state
else
    skip 1 "not root"
fi
[ -z "$(ls -A shared.state)" ] && ok "nothing is put there" || not_ok "nothing is put there" "$(ls -A shared.state)"

# ---- A handler that raises on the third event: held, mended, tried again. ----
mkdir broken
cat >counter.lua <<'LUA'
local af = require "af"
local Add = af.event("add", { n = af.integer })
return af.flow {
  name = "counter",
  roles = {
    counter = {
      data = function() return { sum = 0, count = 0 } end,
      start = "counting",
      states = { counting = {
        [Add] = function(party, event)
          party.data.count = party.data.count + 1
          party.data.sum = party.data.sum + event.n
          BUG
          if party.data.count == 5 then return af.done(party.data.sum) end
        end,
      } },
    },
    source = {
      start = "giving",
      states = { giving = { enter = function(party)
        for n = 1, 5 do party:send(party:nodes("counter"), Add { n = n }) end
        return af.done()
      end } },
    },
  },
}
LUA
sed 's/BUG/if party.data.count == 3 then error "a planted bug" end/' counter.lua >flows/counter.lua
both='counter=i;source=p'
check "the counter is launched" ctl i launch counter --task h --role counter --peers "$both"
check "its source is launched" ctl p launch counter --task h --role source --peers "$both"
status_is i h held
expect_output "counter.lua:13: a planted bug" ctl i status h
expect_output "until its flow is mended and it is tried again" ctl i status h
expect_output "held:" ctl i log h
expect_in i.err "task 'h' is held: " "and so says the node"
status_is p h done
kill_party i TERM
[ "$status" -eq 0 ] && ok "a node that is told to end does" || not_ok "a node that is told to end does" "$status $(cat i.err)"
sed 's/BUG//' counter.lua >flows/counter.lua
node i
status_is i h held
expect_output "tried again" ctl i retry h
status_is i h done
sum=$(ctl i trace h | grep '"kind":"done"')
case $sum in *'"result":15'*) ok "the sum is that of all events, each counted once" ;;
*) not_ok "the sum is that of all events, each counted once" "$sum" ;;
esac

# ---- Stopping tells the others. ----
check "a party is launched" ctl i launch fed_avg --task s --role aggregator --peers 'aggregator=i;participant=p'
status_is i s waiting
expect_output "s: stopped" ctl i stop s
status_is i s failed
expect_output "stopped by its operator" ctl i status s

# ---- A party that eats its worker is held; its neighbours of the same flow go on. ----
cat >flows/hungry.lua <<'LUA'
local af = require "af"
local Eat = af.event("eat", { how = af.string })
local ways = {
  compare = function() -- two long texts, in one instruction each time
    local a, b = ("x"):rep(10 << 20), ("x"):rep(10 << 20)
    while a == b do end
  end,
  calm = function() end,
}
return af.flow {
  name = "hungry",
  roles = {
    eater = { start = "idle", states = { idle = {
      enter = function(party) party:send(party.id, Eat { how = party.args.how }) end,
      [Eat] = function(_, event) ways[event.how]() return af.done() end,
    } } },
  },
  args = { how = af.string },
}
LUA
kill_party i TERM
node i --hang 1s
check "a hungry party is launched" ctl i launch hungry --task big --role eater --peers eater=i --arg how=compare
check "a calm one of the same flow is launched" ctl i launch hungry --task calm --role eater --peers eater=i --arg how=calm
status_is i calm done
status_is i big held
expect_output "hung for" ctl i status big
expect_output "killed" ctl i log big

# ---- A readable config file. ----
cat >node.conf <<'CONF'
# this node
node  = c
bus   = local:bus.db
flows = flows
state = c.state
hang  = 5s
CONF
expect_error "chmod 600" 2 "$AFRUN" node --config node.conf
chmod 600 node.conf
start_party c node --config node.conf
wait_line c.out "node c, over local:bus.db" && ok "a node starts by its file" || not_ok "a node starts by its file" "$(cat c.err)"
echo 'speed = 9' >>node.conf
expect_error "node.conf:7: unknown name" 2 "$AFRUN" node --config node.conf

# ---- Every process is killed at random moments: a service, five nodes, their workers. ----
kills=40 rounds=30
is_short || kills=200 rounds=140
kill_nodes() { # kill_nodes CASE ARGUMENT…
    local name=$1
    shift
    rm -rf run && mkdir run
    run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --rounds $rounds "$@"
    if [ "$status" -ne 0 ]; then
        not_ok "$name" "$(explain "exit status $status" kill_nodes "$@")"
    elif [ -z "${undisturbed:-}" ]; then
        undisturbed=$(sed 's/ [0-9]*$//' "$OUT")
        ok "$name"
    elif [ "$(sed 's/ [0-9]*$//' "$OUT")" = "$undisturbed" ]; then
        ok "$name ($(sed 's/.* //' "$OUT") kills)"
    else
        not_ok "$name" "another result: $(cat "$OUT")
undisturbed: $undisturbed"
    fi
}
kill_nodes "an undisturbed run under five nodes and a service"
kill_nodes "a run of which every process is killed" --least $kills --seed 1
stop_all
