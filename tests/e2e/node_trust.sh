#!/usr/bin/env bash
# `afrun node --trust KEY`: a flow of one file that one of the keys signed is run, others are not: at a
# launch, at a reload, after a restart. A flow with modules is a bundle there: tests/e2e/bundle.sh.
source "$(dirname "$0")/../lib/e2e.sh"
plan 45
source "$ROOT/tests/lib/parties.sh"

for name in author second stranger; do
    minisign -G -W -p "$name.pub" -s "$name.key" >/dev/null
done
key=$(tail -n 1 author.pub)
mkdir flows

node() { # node ARGUMENT…
    start_node i "$@"
}
launch() { # launch FLOW TASK
    ctl launch "$1" --task "$2" --role waiter --peers waiter=i
}
sign() { # sign KEY FILE [COMMENT]
    minisign -S -W -s "$1.key" -m "$2" ${3:+-t "$3"} >/dev/null </dev/null
}
says_status() { ctl status "$1" --json 2>/dev/null | grep -qF "$2"; }
status_has() { # status_has TASK TEXT NAME
    if until_true says_status "$1" "$2"; then ok "$3"; else not_ok "$3" "$(ctl status "$1" 2>&1)"; fi
}
waiter() { # waiter VERSION: a flow whose party waits
    cat <<LUA
local af = require "af"
local Go = af.event("go", { word = af.string })
return af.flow {
  name = "waiter", version = $1,
  roles = { waiter = { start = "idle", states = { idle = { [Go] = function() return "gone" end, may_end = true }, gone = { may_end = true } },
    data = function() return {} end } },
}
LUA
}
waiter 1 >flows/waiter.lua

# ---- What is a key. ----
refused=("$AFRUN" node --node i --bus local:bus.db --flows flows --state i.state --trust)
expect_error "--trust: expected a public key of minisign" 2 "${refused[@]}" nonsense
expect_error "expected a public key" 2 "${refused[@]}" "${key:0:55}"
expect_error "expected a public key" 2 "${refused[@]}" author.key
expect_error "expected a public key" 2 "${refused[@]}" flows

# ---- A launch. ----
node --trust "$key" --trust second.pub
expect_output "signed flows of flows" cat i.out
expect_error "waiter.lua: is not signed, and this node takes signed flows only" 2 launch waiter t
sign stranger flows/waiter.lua
stranger=$(sed -n '1s/.* //p' stranger.pub)
stranger=$(printf '%16s' "$stranger" | tr ' ' 0) # older ones of minisign write no zeros before it
expect_error "waiter.lua: is signed by key $stranger, which is none of --trust" 2 launch waiter t
sign author flows/waiter.lua
sed -i 's/gone/lost/g' flows/waiter.lua
expect_error "waiter.lua: is not what key" 2 launch waiter t
waiter 1 >flows/waiter.lua
echo 'return 1' >flows/words.lua
sign author flows/words.lua
cp flows/words.lua.minisig flows/waiter.lua.minisig
expect_error "waiter.lua: is not what key" 2 launch waiter t
cp flows/waiter.lua flows/other.lua
sign second flows/other.lua
mv flows/other.lua.minisig flows/waiter.lua.minisig
expect_error "waiter.lua: was signed under another name, 'other.lua'" 2 launch waiter t
sign author flows/waiter.lua "by hand"
sed -i 's/by hand/by feet/' flows/waiter.lua.minisig
expect_error "waiter.lua: the comment of its signature was changed" 2 launch waiter t
echo nonsense >flows/waiter.lua.minisig
expect_error "waiter.lua: its .minisig file is no signature of minisign" 2 launch waiter t
{ waiter 1 && echo '-- with a module'; } | sed 's/^return/local words = require "words"\nreturn/' >flows/parted.lua
sign author flows/parted.lua
expect_error "words.lua: is a module of parted.lua, and a node with --trust takes a flow with modules as a signed bundle only" 2 launch parted t
minisign -S -W -l -s second.key -m flows/waiter.lua >/dev/null </dev/null
expect_output "launched" launch waiter t
status_has t '"status":"resting"' "what a trusted key signed, in the old format, runs"

# ---- A new version: taken when its signature is there, in whichever order they arrive. ----
waiter 2 >flows/waiter.lua
wait_line i.err "waiter.lua is not taken" || not_ok "an unsigned version is refused" "$(cat i.err)"
status_has t '"version":1' "a version that is not signed by its key is not taken"
expect_error "waiter.lua: is not what key" 2 ctl reload waiter
sign author flows/waiter.lua
status_has t '"version":2' "and is when the signature arrives"

# ---- A restart: what is kept is checked again. ----
kill_party i
node --trust second.pub
status_has t '"error":"waiter.lua: is signed by key' "a party whose key is trusted no more does not go on"
expect_error "which is none of --trust" 2 ctl retry t
sign second flows/waiter.lua
expect_output "tried again" ctl retry t
status_has t '"status":"resting"' "and goes on when a trusted key signed the same"
kill_party i KILL
node
expect_output "over local:bus.db, flows of" cat i.out
status_has t '"status":"resting"' "without --trust it goes on as well"
rm flows/*.minisig
expect_output '"refused":[]' ctl status --json
waiter 3 >flows/waiter.lua
status_has t '"version":3' "takes what nobody signed"
expect_output "launched" launch waiter u
status_has u '"status":"resting"' "and what nobody signed is launched"
kill_party i
node --trust "$key"
status_has u '"error":"waiter.lua: is not signed' "with --trust again, what was never signed does not go on"
sign author flows/waiter.lua
expect_output "tried again" ctl retry u
status_has u '"status":"resting"' "until it is signed"

# ---- An older version stays signed, and is not taken again. ----
kill_party i
rm -rf i.state flows/*
waiter 2 >flows/waiter.lua
sign author flows/waiter.lua
node --trust "$key"
expect_output "launched" launch waiter new
waiter 1 >flows/waiter.lua
sign author flows/waiter.lua
expect_error "waiter.lua: is version 1, and version 2 has run here: with --trust no older one is taken" 2 launch waiter old
expect_error "no older one is taken" 2 ctl reload waiter
expect_output "stopped" ctl stop new
expect_output "forgotten" ctl forget new
kill_party i
node --trust "$key"
expect_error "no older one is taken" 2 launch waiter old
kill_party i
node
expect_output "launched" launch waiter old

# ---- A key that may sign flows of some names only. ----
kill_party i
rm -rf i.state flows/*
expect_error "expected a public key" 2 "${refused[@]}" "nonsense wait*"
waiter 1 >flows/waiter.lua
sign second flows/waiter.lua
node --trust "$key" --trust "second.pub psi*" --trust "second.pub secure_[a-z]*"
second=$(sed -n '1s/.* //p' second.pub)
expect_error "waiter: is signed by key $(printf '%16s' "$second" | tr ' ' 0), which --trust lets sign other flows only" 2 launch waiter t
sed 's/name = "waiter"/name = "psi_two"/' flows/waiter.lua >flows/set.lua
sign second flows/set.lua
expect_output "launched" launch set t
"$AFRUN" bundle flows/waiter.lua -o waiter.afb --sign second.key >/dev/null </dev/null
rm flows/waiter.lua*
mv waiter.afb flows
expect_error "which --trust lets sign other flows only" 2 launch waiter t2
sign author flows/set.lua # the other may sign all
expect_output "launched" launch set t3
kill_party i
node --trust "second.pub other"
status_has t "which --trust lets sign other flows only" "a party whose flow its key may sign no more does not go on"
stop_all
