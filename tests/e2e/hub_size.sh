#!/usr/bin/env bash
# A hub under ten million contracts, all of which are acknowledged, some of them broadcasts: its rows, its file and its memory level
# off. What is kept is by number and by age, so few contracts and a short age show the same.
source "$(dirname "$0")/../lib/e2e.sh"
plan 1
source "$ROOT/tests/lib/serve.sh"

contracts=10000000 keep=168h
is_short && contracts=${AF_TEST_COUNT:-20000} keep=1s
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=8 # what is freed counts for a while, or the memory grows
start_serve --bus local:hub.db --prefix-nodes --open-tasks --keep-contracts $keep || not_ok "the service starts" "$(cat serve.err)"
cat >traffic.py <<'PY'
# Pushes and acknowledges contracts, and looks at the hub ten times meanwhile.
import http.client, json, os, sqlite3, sys, time
host, port = sys.argv[1].split("//")[1].split(":")
total, pid, short = int(sys.argv[2]), sys.argv[3], sys.argv[4] == "1s"
connection = http.client.HTTPConnection(host, int(port), timeout=60)
def call(node, what, task="t", **body):
    connection.request("POST", "/node/%s/fed-service/api/v2/message/%s" % (node, what),
                       json.dumps(dict(body, task_id=task, channel="federated")), {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    assert answer["code"] == 0, answer
    return answer["data"]
def message(k, to=None):
    return {"message_title": "t", "message_time": 1, "message_uuid": "u%s" % k, "node_id_list": to or (["*"] if k % 100 == 0 else ["b"]),
            "message_content": {"type": "x", "pad": "x" * 200}}
waits = {"a": [], "b": []} # to be acknowledged
def take(node):
    found = call(node, "pop", max=1000, lease_seconds=600, holder="h", ack=waits[node])["messages"]
    waits[node] = [item["message_uuid"] for item in found]
    return len(found)
def look(done):
    with sqlite3.connect("file:hub.db?mode=ro", uri=True) as db:
        rows = sum(db.execute("SELECT count(*) FROM " + table).fetchone()[0] for table in ("contracts", "deliveries", "queues", "starts"))
    with open("/proc/%s/status" % pid) as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    bytes = sum(os.path.getsize(name) for name in ("hub.db", "hub.db-wal"))
    print("%8d contracts: %7d rows, %6.1f MiB of file, %5.1f MiB of memory" % (done, rows, bytes / 2**20, kib / 1024), flush=True)
    return rows, bytes, kib
for k in range(12): # what nobody takes is older than all else, and more than is looked at in one go
    call("a", "push", task="left", messages=[message("%d-%d" % (k, i), ["idle"]) for i in range(500)])
take("a"), take("b") # they are nodes of the task
looks, each = [], 500
for k in range(0, total, each):
    call("a", "push", messages=[message(i) for i in range(k, k + each)])
    for node in ("a", "b"):
        while take(node):
            pass
    if (k + each) // (total // 10) != k // (total // 10):
        if short:
            time.sleep(1.1) # what came before is old
        looks.append(look(k + each))
rows, bytes, kib = zip(*looks)
half = len(looks) // 2
assert max(rows[half:]) <= max(rows[:half]) * 1.1 + 4000, rows
assert max(bytes[half:]) <= max(bytes[:half]) * 1.1 + 2**20, bytes
assert max(kib[half:]) <= max(kib[:half]) * 1.1 + 4096, kib
assert max(bytes) < 200 * 2**20, bytes
assert call("late", "pop", max=1000, lease_seconds=60, holder="h")["messages"], "the last broadcasts are for those that join later"
PY
check "rows, file and memory level off, and the file stays below 200 MiB" /usr/bin/python3 traffic.py "$URL" $contracts $serve_pid $keep
sed 's/^/# /' "$OUT"
stop_serve
