# parties.sh: parties for real, each a process of its own; sourced after e2e.sh.
#
#     start_party NAME ARGUMENT…     afrun ARGUMENT… in the background; output in NAME.out, NAME.err
#     start_node NAME ARGUMENT…      afrun node NAME over local:bus.db, flows in flows/, state in NAME.state; until it is there
#     put_flow FLOW                  what is read becomes flows/FLOW.lua, whole at once, as nodes watch the folder
#     ctl WORD…                      afrun ctl WORD… of a node `i` in i.state
#     wait_party NAME                waits for its end, at most PATIENCE seconds; status in $status
#     wait_line FILE TEXT            until a line with TEXT is there
#     stop_all                       what is left is killed

PATIENCE=${PATIENCE:-120}
declare -A party_pids=()

start_party() {
    local name=$1
    shift
    : >"$name.out" # now: who waits for a line must not find that of an earlier party
    : >"$name.err"
    "$AFRUN" "$@" >"$name.out" 2>"$name.err" </dev/null &
    party_pids[$name]=$!
}

start_node() {
    local name=$1
    shift
    start_party "$name" node --node "$name" --bus local:bus.db --flows flows --state "$name.state" "$@"
    wait_line "$name.out" "afrun node: node $name" || not_ok "node $name starts" "$(cat "$name.err")"
}

put_flow() {
    cat >flows/.new && mv flows/.new "flows/$1.lua"
}

ctl() {
    "$AFRUN" ctl "$@" --state i.state
}

# until_true COMMAND…: waits until it succeeds, at most PATIENCE seconds.
until_true() {
    local end=$((SECONDS + PATIENCE))
    until "$@"; do
        [ $SECONDS -le $end ] || return 1
        sleep 0.02
    done
}

wait_line() {
    until_true grep -qF -e "$2" "$1" 2>/dev/null
}

is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

wait_party() {
    local pid=${party_pids[$1]}
    if ! until_true is_gone "$pid"; then
        kill -KILL "$pid"
        echo "# $1 did not end in $PATIENCE s" >>"$1.err"
    fi
    { wait "$pid"; } 2>/dev/null # bash's own word on a kill
    status=$?
    unset "party_pids[$1]"
}

# kill_party NAME [SIGNAL]: it is gone when this returns.
kill_party() {
    kill "-${2:-KILL}" "${party_pids[$1]}" 2>/dev/null
    wait_party "$1"
}

stop_all() {
    local name
    for name in "${!party_pids[@]}"; do
        kill_party "$name"
    done
}

# expect_ended NAME STATUS CASE: it ended so.
expect_ended() {
    wait_party "$1"
    if [ "$status" -eq "$2" ]; then
        ok "$3"
    else
        not_ok "$3" "$1: exit status $status
$(head -n 20 "$1.out" "$1.err")"
    fi
}

# expect_in FILE TEXT CASE
expect_in() {
    if grep -qF -e "$2" "$1"; then
        ok "$3"
    else
        not_ok "$3" "'$2' is not in $1:
$(head -n 20 "$1")"
    fi
}

# field FILE NAME: a field of the last line, as JSON.
field() {
    tail -n 1 "$1" | python3 -c '
import json, sys
print(json.dumps(json.loads(sys.stdin.read())[sys.argv[1]], sort_keys=True))' "$2"
}
