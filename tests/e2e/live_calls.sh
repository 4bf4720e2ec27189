#!/usr/bin/env bash
# The contractor's interfaces for real, over the service: files, progress, the task manager, the
# automl channel, downloads from other hosts, programs.
source "$(dirname "$0")/../lib/e2e.sh"
plan 52
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
secret tokens "token-of-a-0123 a
token-of-b-0123 b"
secret admin token-of-the-admin
secret config.a "token = token-of-a-0123
bass_user = a
bass_password = token-of-a-0123"
secret config.b "token = token-of-b-0123"
start_serve --bus local:serve.db --tokens tokens --admin-token admin --members 'initiator=a;participant=b' ||
    not_ok "the service starts" "$(cat serve.err)"
status_of() { curl -sS -H "Authorization: Bearer token-of-the-admin" "$URL/admin/tasks/$1"; }

printf 'weights\0of a model' >model.bin
cat >a.lua <<'LUA'
local af = require "af"
local contractor = af.TaskMessageContractor("T")
print("nodes", table.concat(contractor:query_nodes(), " "))
print("mock", af.is_mock_mode(), af.mock_node_id())
local url = contractor:upload_file("model.bin", true, "the model.zip")
print("url", url)
local again = contractor:upload_file(af.content("weights\0of a model"), true)
print("again", again:match("/(%x+)[^/]*$") == url:match("/(%x+)[^/]*$"))
print("bytes", (af.download(url):gsub("\0", "|")))
print("path", af.download(url, { path = "copy.bin" }))
print("digest", pcall(af.download, url, { sha256 = ("0"):rep(64) }))
print("size", pcall(af.download, url, { max_bytes = 3 }))
af.AutoTaskContractor("T"):report_progress(7)
contractor:report_progress(42)
print("percent", pcall(contractor.report_progress, contractor, 101))
print("outside", pcall(contractor.upload_file, contractor, "/etc/passwd"))
print("missing", pcall(contractor.upload_model, contractor, "b", "nowhere.bin"))
print("target", pcall(contractor.new_contract, contractor, "z", af.NoticeTaskCompletion { result = true }))
local bass = af.BassProxy()
bass:notify_dataset_state("T", false, "no data")
print("launch", bass:launch_task("T", "bundle-key"))
local auto = af.AutoTaskMessageContractor("T")
auto:new_contract("b", af.NoticeTaskCompletion { result = true })
contractor:upload_task_achivement("b", "model.bin", "model.bin")
contractor:notify_task_completion(true)
for event, info in contractor:contract_events { timeout = 20 } do
  print("own copy", event.type, info.from)
  break
end
print("fetched", pcall(af.download, "http://127.0.0.1:1/x"))
print("not granted", pcall(af.download, "http://example.invalid/x"))
print("run", af.process.run("echo", { args = { "hello" } }).output)
LUA
cat >b.lua <<'LUA'
local af = require "af"
local seen = {}
for event, info in af.AutoTaskMessageContractor("T"):contract_events { timeout = 30 } do
  print("automl", event.type, info.from)
  break
end
for event, info in af.TaskMessageContractor("T"):contract_events { timeout = 30 } do
  local file = af.TaskFileUpload:is(event) and event or {}
  print("got", event.type, file.file_type, info.from, file.file_url and #af.download(file.file_url))
  if event.type == "notice_task_completion" then break end
end
LUA
start_party b b.lua --node b --bus "$URL" --config config.b
start_party a a.lua --node a --bus "$URL" --config config.a --allow-run echo --allow-net 127.0.0.1:1
expect_ended a 0 "a ends well"
expect_ended b 0 "b ends well"
for line in "nodes	a b" "mock	false	a" "url	$URL/files/T/" "again	true" "bytes	weights|of a model" \
    "path	copy.bin" "digest	false	" "its SHA-256" "size	false	" "percent	false	report_progress: expected an integer from 0 to 100, got 101" \
    "outside	false	" "is outside of what the script may reach" "missing	false	" "nowhere.bin" \
    "target	false	" "the target 'z' is no node of task 'T'" "launch	true" "own copy	notice_task_completion	a" \
    "fetched	false	" "grant its host with --allow-net" "run	hello"; do
    expect_in a.out "$line" "a says '${line//$'\t'/ }'"
done
for line in "automl	notice_task_completion	a" "got	task_file_upload	model	a	18" "got	task_file_upload	report	a	18" \
    "got	notice_task_completion	nil	a"; do
    expect_in b.out "$line" "b says '${line//$'\t'/ }'"
done
cmp -s model.bin copy.bin && ok "the file that was written is the file" || not_ok "the file that was written is the file" ""
[ "$(stat -c %a copy.bin)" = 600 ] && ok "it is its owner's" || not_ok "it is its owner's" "$(stat -c %a copy.bin)"
told=$(status_of T)
says "the service knows the progress" '"progress":42' "$told"
says "… the dataset's state" '"kind":"dataset","number":0' "$told"
says "… why it did not pass" '"text":"no data"' "$told"
says "… and the launch" '"text":"bundle-key"' "$told"
says "… the files that were uploaded" '"node_id":"a","text":"model","url":"http' "$told"
says "… and who said that it is finished" '"node_id":"a","text":"finished"' "$told"

# Without a login the task manager's calls say what is missing.
cat >bass.lua <<'LUA'
local af = require "af"
af.BassProxy():launch_task("T", "key")
LUA
secret config.wrong "token = token-of-b-0123
bass_user = b
bass_password = wrong"
expect_error "launch_task" 1 "$AFRUN" bass.lua --node b --bus "$URL" --config config.wrong
if grep -q "bass_password\|token-of" "$ERR"; then not_ok "no secret is told" "$(cat "$ERR")"; else ok "no secret is told"; fi

# http URLs where the bus is a file.
url=$(sed -n 's/^url	//p' a.out)
cat >fetch.lua <<LUA
local af = require "af"
af.mock_context({ id = "x", nodes = { "x" } }, function()
  print(pcall(af.download, "$URL/healthz"))
  print(pcall(af.download, "$url"))
end)
LUA
run "$AFRUN" fetch.lua --mock --shared shared.db
says "a host that is not granted is refused" "grant its host with --allow-net" "$(cat "$OUT")"
says "nor is the other way to grant it left out" "name it as files_hosts in the file of --config" "$(cat "$OUT")"
run "$AFRUN" fetch.lua --mock --shared shared.db --allow-net 127.0.0.1
says "one that is granted is fetched" "true	ok" "$(cat "$OUT")"
says "… without our secrets" "401" "$(cat "$OUT")"
cat >slow.py <<'PY'
import http.server, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.6)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 slow.py >slow.port 2>/dev/null &
slow=$!
until_true grep -q . slow.port
cat >slow.lua <<LUA
local af = require "af"
af.mock_context({ id = "x", nodes = { "x" } }, function()
  print(pcall(af.download, "http://127.0.0.1:$(cat slow.port)/late", { timeout = 0.2 }))
  for _ = 1, 3 do print(af.download("http://127.0.0.1:$(cat slow.port)/soon", { timeout = 20 })) end
end)
LUA
run "$AFRUN" slow.lua --mock --shared shared.db --allow-net 127.0.0.1
says "one that is slow is waited for so long" "not done in time" "$(cat "$OUT")"
says "and what it says then is no answer to the next call" "/soon,/soon,/soon" "$(grep ^/ "$OUT" | paste -sd,)"
kill $slow

# A service that keeps its files at another host: a receiver says why it refuses, and takes them once that host is named.
mkdir elsewhere
printf 'bytes of elsewhere' >elsewhere/model.bin
python3 -u -m http.server 0 --bind 127.0.0.2 --directory elsewhere >elsewhere.out 2>&1 &
elsewhere=$!
until_true grep -q 'port [0-9]' elsewhere.out
file_url=http://127.0.0.2:$(sed -nE 's/.*port ([0-9]+).*/\1/p' elsewhere.out)/model.bin
cat >receives.lua <<'LUA'
local af = require "af"
local channel = af.data_channel(af.TaskMessageContractor("T"))
print("got", channel:receive_stream { receiver = "b", source = "a", timeout = 20 })
LUA
offer() {
    PLAIN_TOKEN=token-of-a-0123 python3 "$ROOT/tests/lib/plain_client.py" "$URL" T push b \
        "{\"type\":\"apply_sf_sending_data\",\"session_id\":\"$1\",\"source\":\"a\",\"target\":[\"b\"],\"file_url\":\"$file_url\"}" >/dev/null
}
secret config.hosts "token = token-of-b-0123
files_hosts = files.example:9000, 127.0.0.2"
start_party b receives.lua --node b --bus "$URL" --config config.b
offer 00000000000000000000000000000001
until_true grep -qF "data of 'a' is refused" b.err b.out
kill_party b
cat b.out >>b.err
expect_in b.err "files_hosts" "a file host that nobody has named is refused, and the log says how to name it"
start_party b receives.lua --node b --bus "$URL" --config config.hosts
offer 00000000000000000000000000000002
expect_ended b 0 "a party whose config names the file host ends well"
expect_in b.out "got	a	bytes of elsewhere" "and has the file"
printf 'of this machine' >own.txt
file_url=file://$PWD/own.txt
sed 's/^print.*/while true do & end/' receives.lua >goes_on.lua # a busy machine may hand out the offer before once more
start_party b goes_on.lua --node b --bus "$URL" --config config.hosts
offer 00000000000000000000000000000003
until_true grep -qF "a file of the receiver's own machine is offered" b.err b.out && ok "a peer names no file of the receiver's machine" ||
    not_ok "a peer names no file of the receiver's machine" "$(cat b.out b.err)"
kill_party b
never_says "and does not see it" "of this machine" "$(cat b.out)x"
secret config.hosts "files_hosts = http://wrong"
expect_error "files_hosts" 2 "$AFRUN" receives.lua --node b --bus "$URL" --config config.hosts
kill $elsewhere
{ wait $elsewhere; } 2>/dev/null
stop_serve

# Uploads of the platform's mock mode, which all name one task: only where they are allowed.
fixed=5df72f4a97ef4e358e7c610bc2bdfa14
upload() { curl -sS -H 'Authorization: Bearer token-of-a-0123' -F files=@model.bin "$URL/fed-service/api/v2/file/upload?task_id=$fixed&durable=False&file_path=r.zip"; }
start_serve --bus local:mock.db --tokens tokens
says "uploads of mock mode are refused" '"code":404' "$(upload)"
stop_serve
start_serve --bus local:mock.db --tokens tokens --mock-uploads
answer=$(upload)
says "where they are allowed they are taken" '"code":0' "$answer"
says "and read back" "of a model" "$(curl -sS -H 'Authorization: Bearer token-of-a-0123' "$(grep -o 'http://[^"]*' <<<"$answer")" | tr -d '\0')"
stop_serve
stop_all
