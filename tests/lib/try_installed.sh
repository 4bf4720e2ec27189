#!/usr/bin/env bash
# A task between two nodes over a service, with the program that is installed, its manual and its
# completion: what somebody who has just installed the package would try first.
set -euo pipefail
flow=$(cd "$(dirname "$0")/../.." && pwd)/flows/sync_state.lua
cd "$(mktemp -d)"
mkdir flows && cp "$flow" flows
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT

afrun serve --listen 127.0.0.1:0 --open-tasks --prefix-nodes >serve.out 2>&1 &
wait_for() { # wait_for COMMAND…: until it succeeds, 30 s at most
    for _ in $(seq 600); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    echo "waited in vain for: $*" && cat ./*.out typed 2>/dev/null; exit 1
}
wait_for grep -q ' listening at ' serve.out
url=$(sed -nE 's,.* listening at (http://[^ ]+)\, .*,\1,p' serve.out)
for node in i p; do
    afrun node --node $node --bus "$url/node/$node" --flows flows --state $node.state >$node.out 2>&1 &
    wait_for grep -q 'afrun node: node' $node.out
done
afrun ctl launch sync_state --task t --role initiator --peers 'initiator=i;participant=p' --state i.state
afrun ctl launch sync_state --task t --role participant --peers 'initiator=i;participant=p' --state p.state
for node in i p; do
    wait_for bash -c "afrun ctl status t --state $node.state | grep -q done"
done

man afrun-check >page 2>/dev/null # groff may lack a sign, in this language
grep -q 'NAME' page && grep -q 'SYNOPSIS' page && grep -q -e '--fifo' page || { echo "man afrun-check:" && cat page && exit 1; }

man af.event >page 2>/dev/null
grep -q 'Declares an event type' page || { echo "man af.event:" && cat page && exit 1; }

# completes TYPED EXPECTED: what a shell on a terminal makes of it at the key for completion.
completes() {
    rm -f keys && mkfifo keys
    TERM=dumb script -qc "PS1='ready> ' bash --rcfile /usr/share/bash-completion/bash_completion -i" /dev/null <keys >typed &
    exec 3>keys
    wait_for grep -q -e '[$#>] ' typed # it asks
    printf '%s\t' "$1" >&3
    wait_for grep -qF -e "$2" typed
    printf '\025exit\n' >&3
    exec 3>&-
    wait $!
}
completes 'afrun check --fif' 'afrun check --fifo'
completes 'afrun ctl stat' 'afrun ctl status'
