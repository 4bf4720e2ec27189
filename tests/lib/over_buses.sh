# over_buses.sh: a flow over each bus; sourced behind e2e.sh, serve.sh and nats.sh.
#
#     over FLOW PEERS KIND ARGUMENT…
#
# What comes out is the same over all, and that of a simulated run of parties of the same names. Each party is under a node; local:
# is a file that the nodes share. The long form has a service between them, too: so have the flows' own tests. KIND: same; drawn
# (by each run anew: the shape alone is compared); named (what is drawn hangs on the task, which a simulation has not); resting
# (the parties rest at the end).
buses=(local nats)
is_short || buses=(local http nats)
mkdir flows && cp -r "$ROOT"/flows/*/ "$ROOT"/flows/*.lua "$ROOT"/flows/protocols/*.lua flows/
cat >same.py <<'PY'
import json, re, sys
kind, buses = sys.argv[1], sys.argv[2:]
def shape(value):
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else type(value).__name__
mock = {one["id"]: one["result"] for one in json.load(open("mock.json"))["party_list"]}
real = {bus: json.loads(re.sub(r" [0-9]+$", "", open(bus + ".txt").read().strip())) for bus in buses}
if kind == "drawn":
    mock, real = shape(mock), shape(real)
first = real[buses[0]]
if kind == "named":
    mock = first
differs = [name for name, value in mock.items() if value is not None and value != first[name]]  # None: at rest, there
print("the same" if not differs and all(one == first for one in real.values()) else "simulated %s\nfor real  %s" % (mock, real))
PY

over() {
    local flow=$1 peers=$2 kind=$3 bus counts words=(--play "$1" --peers "$2")
    shift 3
    [ "$kind" != drawn ] || words+=(--drawn)
    [ "$kind" != resting ] || words+=(--resting)
    counts=$(tr ';' '\n' <<<"$peers" | awk -F '[=,]' '{ printf "%s%s=%d", (NR > 1 ? "," : ""), $1, NF - 1 }')
    "$AFRUN" "flows/$flow.lua" --mock -q --json --parties "$counts" ${@/#/--arg=} >mock.json 2>"$ERR"
    for bus in "${buses[@]}"; do
        rm -rf run && mkdir run
        run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --bus "$bus" "${words[@]}" ${@/#/--arg=}
        [ "$status" -eq 0 ] || break
        cp "$OUT" $bus.txt
    done
    if [ "$status" -eq 0 ]; then says "$flow comes to the same over ${buses[*]}" "the same" "$(python3 same.py "$kind" "${buses[@]}" 2>&1)"; else
        not_ok "$flow comes to the same over ${buses[*]}" "$(explain "over $bus: exit status $status" kill_nodes)"
    fi
}
