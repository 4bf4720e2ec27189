# Known protocols: what `flows/protocols/` has stands every run of a check; with a mistake planted in
# it the check draws a shortest run into it, as long as that of a brute force, which the simulator
# runs to the same end.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 76
source "$ROOT/tests/lib/counterexample.sh"
protocols=$ROOT/flows/protocols

# right FLOW OPTION…: every run is explored, and nothing is wrong.
right() {
    local within=
    case "$1 ${*:2}" in # whose parties would be away for longer
    "two_phase_commit --drop 1 --duplicate 1 --crash 1" | "training_round --drop 1 --crash 1 --timeouts 1") within=" within --away 2" ;;
    esac
    expect_output "exhaustive$within: no violation" "$AFRUN" check "$protocols/$1.lua" "${@:2}"
}

# mistaken KIND FLOW MISTAKE OPTION…: MISTAKE is a sed expression that plants it, or empty: the
# options do.
mistaken() {
    local kind=$1 flow=$2 mistake=$3 name="$2: $3 ${*:4}" told
    shift 3
    sed -E -e "$mistake" "$protocols/$flow.lua" >"$flow.lua"
    if [ -n "$mistake" ] && cmp -s "$flow.lua" "$protocols/$flow.lua"; then
        not_ok "$name: planted" "it is not there to be found: $mistake"
        return
    fi
    run "$AFRUN" check "$flow.lua" "$@" --json --trace run.jsonl
    cp "$OUT" found.json
    if ! timeout 300 python3 "$ROOT/tests/lib/explore.py" "$flow.lua" --first "$@" >first.json 2>why.txt; then
        not_ok "$name: explored by brute force" "$(cat why.txt)"
    elif told=$(python3 "$ROOT/tests/lib/check_compare.py" first found.json first.json "$kind"); then
        ok "$name: $told"
    else
        not_ok "$name: a shortest run" "$told"
    fi
    runs_again "$flow" "$flow.lua" failed stuck
}

right handshake --crash 1
right handshake --parties participant=6 --crash 1
mistaken unexpected handshake 's/^ *ignore = \{ Query \}.*//'
mistaken stuck handshake '' --drop 1

right two_phase_commit --drop 1 --duplicate 1 --crash 1
right two_phase_commit --arg refusing=1 --drop 1 --timeouts 2
mistaken invariant two_phase_commit 's/prepared = \{/& after = { 5, "aborted" },/' --drop 1
mistaken stuck two_phase_commit '' --lose 1
mistaken invariant two_phase_commit 's/after = \{ 10, decide\(false\)/after = { 10, decide(true)/' --drop 1 --arg refusing=1

right alternating_bit --fifo --drop 2 --duplicate 2
mistaken invariant alternating_bit 's/if event.bit ~= party.data.bit then return end.*//' --fifo --drop 1 --duplicate 1
mistaken invariant alternating_bit 's/if event.bit == party.data.bit then/if event.bit then/' --fifo --drop 1
mistaken invariant alternating_bit '' --duplicate 1 # the order is lost

right ring_election --crash 1
right ring_election --duplicate 1
mistaken invariant ring_election 's/event.rank > rank_of/event.rank ~= rank_of/'
mistaken stuck ring_election 's/event.rank > rank_of\(party\)/false/'

right paxos
right paxos --parties acceptor=2 --crash 1
right paxos --parties acceptor=2 --arg tries=2
right paxos --parties acceptor=2 --drop 1
mistaken invariant paxos '' --arg quorum=1
mistaken invariant paxos 's/event.taken > data.taken/false/' --parties acceptor=1

right mutual_exclusion --timeouts any --crash 1
right mutual_exclusion --timeouts any --arg turns=2
mistaken invariant mutual_exclusion 's/ or \(own == event.time and party.id < from\)//'
mistaken stuck mutual_exclusion 's/party.id < from/true/'

right training_round --drop 1 --crash 1 --timeouts 1
right training_round --drop 1 --duplicate 1 --lose 1
mistaken invariant training_round 's/answers\[event.peer_id\]/answers[missing(party)[1]]/' --duplicate 1
