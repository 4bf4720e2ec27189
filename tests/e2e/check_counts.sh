# `afrun check` counts the same states and transitions as a brute force that knows nothing of it,
# and finds the same violations by runs of the same length; with reductions the verdict is the same.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"

# same FLOW OPTION…: as both explore it.
same() {
    local flow=$1 what
    shift
    what="${flow##*/} $*"
    if ! timeout 300 python3 "$ROOT/tests/lib/explore.py" "$flow" "$@" >explored.json 2>why.txt; then
        not_ok "$what: explored by brute force" "$(cat why.txt)"
        return
    fi
    "$AFRUN" check "$flow" --no-reduction --json "$@" >plain.json 2>why.txt
    "$AFRUN" check "$flow" --json "$@" >reduced.json 2>>why.txt
    if python3 "$ROOT/tests/lib/check_compare.py" counts plain.json explored.json >differs.txt; then
        ok "$what: $(python3 -c "import json; r = json.load(open('plain.json'))
print(r['states'], 'states,', r['transitions'], 'transitions,', len(r['violations']), 'violations')")"
    else
        not_ok "$what: the counts of a brute force" "$(cat differs.txt why.txt)"
    fi
    if python3 "$ROOT/tests/lib/check_compare.py" verdict reduced.json plain.json >differs.txt; then
        ok "  and the verdict with reductions"
    else
        not_ok "  and the verdict with reductions" "$(cat differs.txt why.txt)"
    fi
}

data=$ROOT/tests/data/check protocols=$ROOT/flows/protocols
flows=("$data"/{deferring,recalling,timers,failing,livelock}.lua "$protocols/training_round.lua")
settings=("--drop 1" "--crash 1" "--lose 1" "--fifo --drop 1 --duplicate 1")
is_short || settings+=("" "--duplicate 1" "--timeouts 1" "--fifo" "--drop 1 --crash 1" "--allow-fail")
for flow in "${flows[@]}"; do
    for setting in "${settings[@]}"; do
        case "${flow##*/} $setting" in
            "training_round.lua --drop 1 --crash 1") is_short && continue ;;
        esac
        # shellcheck disable=SC2086 # words of options
        same "$flow" $setting
    done
done
same "$data/deferring.lua" --arg note=true
same "$data/deferring.lua" --arg note=true --crash 1
same "$data/recalling.lua" --arg strict=true
same "$data/recalling.lua" --timeouts any
same "$data/recalling.lua" --fifo --crash 1 --timeouts 1
is_short || same "$data/recalling.lua" --parties buyer=3 --crash 1 --timeouts 1
same "$data/timers.lua" --timeouts any
same "$data/unsent.lua" --crash 2 --drop 1
same "$protocols/two_phase_commit.lua" --drop 1 --crash 1
same "$protocols/two_phase_commit.lua" --lose 1
same "$protocols/alternating_bit.lua" --fifo --drop 1 --duplicate 1
same "$protocols/ring_election.lua" --crash 1
same "$protocols/mutual_exclusion.lua" --timeouts any
same "$protocols/paxos.lua" --parties acceptor=1 --arg tries=2
same "$protocols/paxos.lua" --parties acceptor=2 --arg quorum=1
same "$ROOT/flows/sync_state.lua"
same "$ROOT/flows/sync_state.lua" --drop 1
same "$ROOT/flows/sync_state.lua" --parties participant=2 --fifo --duplicate 1
same "$ROOT/flows/sync_state.lua" --parties participant=1 --lose 1
is_short || same "$ROOT/flows/sync_state.lua" --duplicate 1
is_short || same "$ROOT/flows/sync_state.lua" --timeouts 1
for bug in double_count lost_ack reordered; do
    same "$ROOT/tests/data/bugs/$bug.lua" --drop 1 --duplicate 1
done
