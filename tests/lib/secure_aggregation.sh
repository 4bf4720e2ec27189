# secure_aggregation.sh: the flow changed, and lost clients; sourced after e2e.sh and counterexample.sh.
flow=$ROOT/flows/secure_aggregation.lua

# changed FOLDER SED…: the flow in a folder, changed so.
changed() {
    local folder=$1 change changes=()
    shift
    rm -rf "$folder"/secure_aggregation* && mkdir -p "$folder" && cp -r "$flow" "$ROOT/flows/secure_aggregation" "$folder"
    for change in "$@"; do changes+=(-e "$change"); done
    [ $# -eq 0 ] || sed -i "${changes[@]}" "$folder"/secure_aggregation/{client,server}.lua
    [ $# -eq 0 ] || check "$folder is a change" test \
        "$(diff -r "$ROOT/flows/secure_aggregation" "$folder/secure_aggregation" | grep -c '^<')" -ge $#
}

# lie NAME EXPECTED SED…: what clients say of a server (or of all, with a client) that is changed so.
lie() {
    local name=$1 expected=$2
    changed "$name" "$3"
    run "$AFRUN" "$name/secure_aggregation.lua" --mock --arg every=1 --arg tries=1 "${@:4}"
    if grep -qF -- "$expected" "$ERR" && ! grep -q "client-[0-9]*: $name/" "$ERR"; then ok "$name is refused"; else
        not_ok "$name is refused" "$(cat "$ERR")"
    fi
}

# mistake NAME WHAT STEPS OPTION… -- SED…: a check finds the flow that has these changes out, by a run of so many steps.
mistake() {
    local name=$1 what=$2 steps=$3 options=()
    shift 3
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    changed "$name" "$@"
    expect_violation "invariant '$what' is broken" "$AFRUN" check "$name/secure_aggregation.lua" "${options[@]}" --trace run.jsonl
    says "  after $steps steps" "shortest run: $steps steps" "$(cat "$OUT")"
    runs_again "$name" "$name/secure_aggregation.lua" violation invariant failed
}

cat >oracle.py <<'PY'
# The example of a client is its place, and so on; the sum is of those that the server names.
import json, sys
run = json.load(sys.stdin)
server = next(one for one in run["party_list"] if one["id"] == "server-1")
places = {"client-%d" % i: i for i in range(1, 21)}
if server["status"] == "done":
    counted = sum(places[name] for name in server["result"]["clients"])
    assert len(set(server["result"]["clients"])) == len(server["result"]["clients"]) >= 14, server
    assert server["result"]["numbers"] == [counted * i for i in range(1, 5)], server
    print("sum of", len(server["result"]["clients"]))
else:
    assert server["result"] is None and "left" in server["reason"], server
    print("none")
PY
# drops COUNT OPTION…: so many are lost at each step; what comes of it, and what else could be seen. All vectors are multiples of
# (1, 2, 3, 4), so is each sum and difference: of all that the server gets and computes nothing is, but the sum.
changed curious 's/data.sum = party:keep(sum and vector.add(sum, bytes, "u64") or bytes)/& party:log("seen %s %s", crypto.hex(bytes), crypto.hex(party:kept(data.sum)))/' \
    's/^    return vector.mask_all(.*$/    local sum = party:kept(data.sum) for _, mask in ipairs(masks) do sum = vector.mask(sum, mask.key, mask.label, { subtract = mask.subtract }) party:log("seen %s", crypto.hex(sum)) end return sum/'
cat >seen.py <<'PY'
# What the server has in its hands that is a multiple of (1, 2, 3, 4): its sum alone, or nothing; and no place in the trace has one.
import base64, json, re, struct
run, told, trace = json.load(open("run.json")), open("told.txt").read(), open("run.jsonl", "rb").read()
server = next(one for one in run["party_list"] if one["id"] == "server-1")
seen = [struct.unpack("<4Q", bytes.fromhex(text)) for text in re.findall(r"\b[0-9a-f]{64}\b", " ".join(re.findall(r"seen .*", told)))]
bare = [list(v) for v in seen if all(v[i] == v[0] * (i + 1) % 2 ** 64 for i in range(4))]
assert bare == ([server["result"]["numbers"]] if server["status"] == "done" else []), bare
assert len(seen) >= 28 or server["status"] != "done", seen
for place in range(1, 21):
    vector = struct.pack("<4Q", *(place * i for i in range(1, 5)))
    assert not [form for form in (vector, base64.b64encode(vector)[:40], vector.hex().encode()) if form in trace], place
PY
drops() {
    local count=$1 at
    shift
    for at in 0.5 1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 9.5; do
        "$AFRUN" curious/secure_aggregation.lua --mock --parties client=20 --arg size=4 --latency 1s --json "$@" \
            --lose "client:$count@${at}s" --trace run.jsonl >run.json 2>told.txt
        python3 oracle.py <run.json 2>>wrong.txt
        python3 seen.py 2>>wrong.txt
    done | sort | uniq -c | sed -E 's/^ +//' | paste -sd'|'
    tail -n 1 wrong.txt
}
