#!/usr/bin/env bash
# `afrun studio`: who may ask it for what, and its page in a real browser (tests/lib/studio_browser.py), from which alone a planted
# bug is found.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 48
source "$ROOT/tests/lib/browser.sh"

# An oracle whose answer may be lost, and nobody asks again; names that would be markup.
cat >flow.lua <<'LUA'
local af = require "af"
local Ask = af.event("<img src=x onerror=hurt=1>", { question = af.string })
local Answer = af.event("answer", { text = af.string })

return af.flow {
  name = "<script>window.hurt=1</script>",
  mock = { asker = 2, oracle = 1 },
  roles = {
    asker = { start = "asking", states = { asking = {
      enter = function(party)
        party.data.asked = 1
        party:send(party:nodes("oracle"), Ask { question = "why?" })
      end,
      [Answer] = function(party, event) return af.done(event.text) end,
    } } },
    oracle = { start = "<script>listening", states = { ["<script>listening"] = {
      may_end = true,
      [Ask] = function(party, event, from)
        party.data.asked = (party.data.asked or 0) + 1
        party:send(from, Answer { text = "because" })
      end,
    } } },
  },
}
LUA

# start_studio OPTION…: $link, $URL, $studio
start_studio() {
    : >studio.out
    "$PROGRAM" studio flow.lua --no-browser "$@" >studio.out 2>studio.err </dev/null &
    studio=$!
    local i
    for ((i = 0; i < 600; i++)); do
        link=$(head -n 1 studio.out)
        URL=${link%%/\?*}
        [[ $link != *token=* ]] || return 0
        kill -0 $studio 2>/dev/null || break
        sleep 0.05
    done
    return 1
}
stop_studio() {
    kill -"$1" $studio
    status=0
    wait $studio || status=$?
}

# ---- Who may ask. ----

start_studio
cat >ask.py <<'PY'
"""Whoever is not the browser that has opened the link is refused, whatever is asked; and who is, is not, but from another page."""
import http.client, json, re, sys, urllib.parse
link = urllib.parse.urlsplit(sys.argv[1])
def ask(method, path, cookie=None, body=b"", **headers):
    connection = http.client.HTTPConnection(link.hostname, link.port, timeout=60)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if cookie: headers["Cookie"] = cookie
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items(): connection.putheader(name, value)
    if method == "POST": connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.getheader("Cache-Control") == "no-store" and answer.getheader("X-Content-Type-Options") == "nosniff"
    policy = answer.getheader("Content-Security-Policy")
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy, policy
    return answer.status, body, answer
own = f"http://{link.netloc}"
works = ["/api/run?seed=1", "/api/runs", "/api/states", "/api/picture", "/api/check", "/api/explore", "/api/steps", "/api/export", "/api/trace"]
files = ["/", "/studio.js", "/studio.css", "/api/saves"]
def ask_all(cookie=None):
    return {ask("POST", path, cookie, b"[]", Origin=own)[0] for path in works} | {ask("GET", path, cookie)[0] for path in files}
wrong = link.query[:-1] + ("0" if link.query[-1] != "0" else "1")
assert ask_all() == {403}
for path in ("/?token=", "/?" + wrong, "/?" + link.query[:-1], "/?" + link.query + "0", "/studio.js?" + link.query):
    status, body, answer = ask("GET", path)
    assert status == 403 and answer.getheader("Set-Cookie") is None, path
assert ask("GET", "/?" + link.query, Host="evil.example")[0] == 421
assert ask("GET", "/?" + link.query, Origin="http://evil.example")[0] == 403
status, body, answer = ask("GET", "/?" + link.query)
given = answer.getheader("Set-Cookie")
assert status == 200 and "HttpOnly" in given and "SameSite=Strict" in given and "Domain" not in given, given
cookie = given.split(";")[0]
assert link.query.split("=")[1] not in cookie
status, body, answer = ask("GET", "/?" + link.query)  # it is good once
assert status == 403 and answer.getheader("Set-Cookie") is None
name, value = cookie.split("=")
for false in (f"{name}={value[:-1]}", f"{name}={value}0", f"{name}=", f"x{name}={value}", f"{name}={value[::-1]}"):
    assert ask_all(false) == {403}, false
assert ask_all(cookie) == {200} and ask_all("a=b; " + cookie + "; c=d") == {200}
for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""):
    assert ask("GET", "/", cookie, Host=host)[0] in (400, 421), host
    assert ask("POST", "/api/run", cookie, Host=host, Origin=own)[0] in (400, 421), host
for host in (f"localhost:{link.port}", "127.0.0.1"):
    assert ask("GET", "/", cookie, Host=host)[0] == 200, host
for origin in ("http://evil.example", "null", "https://" + link.netloc, "http://127.0.0.1:1", own + ".evil.example", ""):
    assert {ask("POST", path, cookie, Origin=origin)[0] for path in works} == {403}, origin
    assert ask("GET", "/api/saves", cookie, Origin=origin)[0] == 403, origin
assert {ask("POST", path, cookie)[0] for path in works} == {403}  # a form of another page could send that
assert {ask("GET", path, cookie, Origin=own)[0] for path in works} == {405}
assert ask("POST", "/", cookie, Origin=own)[0] == 405
for path in ("/..", "/../etc/passwd", "/flow.lua", "/api", "/studio.js/", "//studio.js", "/%2e%2e/flow.lua"):
    assert ask("GET", path, cookie)[0] == 404, path
# What a knob says is one word of a command line, and no other option.
for knobs in ("drop=7", "drop=0.1%20--trace=x", "seed=-1", "parties=nobody=1", "arg=x", "crash=;id", "until=%24(id)"):
    told = json.loads(ask("POST", "/api/run?" + knobs, cookie, Origin=own)[1])
    assert told["chart"] is None and told["run"]["error"]["kind"] == "usage", told
for knobs in ("trace=stolen.jsonl", "allow-run=sh", "bus=local:x", "upgrade=/etc/passwd", "no-jail=1"):
    told = json.loads(ask("POST", "/api/run?" + knobs, cookie, Origin=own)[1])
    assert told["run"]["outcome"] == "ok" and told["chart"]["rows"][0]["after"], told
# What bounds a check, too; what is walked, or shown, is bytes of anybody.
def last_event(body): return json.loads(body.decode().strip().split("\n\n")[-1].split("data: ", 1)[1])
for knobs in ("drop=7x", "timeouts=0%20--trace=x", "states=0", "depth=-1", "time=soon", "away=%24(id)"):
    assert last_event(ask("POST", "/api/check?" + knobs, cookie, Origin=own)[1])["error"]["kind"] == "usage", knobs
for knobs in ("trace=stolen.jsonl", "memory=1", "upgrade=/etc/passwd", "watch=1", "jobs=x"):
    assert last_event(ask("POST", "/api/check?" + knobs, cookie, Origin=own)[1])["exhaustive"], knobs
for body in (b"", b"[1]", b"[", b"{}", b'["crush","a"]', b'["deliver"]', b'["crash","asker-1"]', b"\0" * 99, b"/etc/passwd", b"\xff\xfe"):
    for path in ("explore", "steps", "export"):
        told = json.loads(ask("POST", "/api/" + path, cookie, body, Origin=own)[1])
        assert (told.get("error") or told["run"]["error"])["kind"] == "usage", (path, body, told)
    assert json.loads(ask("POST", "/api/trace", cookie, body, Origin=own)[1])["kind"] == "error", body
told = json.loads(ask("POST", "/api/explore?drop=1", cookie, b"[]", Origin=own)[1])
assert told["run"]["rest"] == "moves" and any(row.get("after") for row in told["chart"]["rows"]) and len(told["run"]["marks"]) == 3, told
kinds = [line.split(b": ")[1] for line in ask("POST", "/api/check", cookie, Origin=own)[1].splitlines() if line.startswith(b"event")]
assert kinds[-1] == b"answer" and set(kinds) <= {b"progress", b"answer"}, kinds
told = json.loads(ask("POST", "/api/run?drop=1&seed=5&arg=%0A&partition=asker%7Coracle@1s..2s%0Aasker%7Coracle@3s..4s", cookie, Origin=own)[1])
assert told["run"]["outcome"] == "stuck" and told["run"]["seed"] == 5 and told["chart"]["kind"] == "chart", told
PY
check "who is not the link's browser, or comes from another page, is refused" /usr/bin/python3 ask.py "$link"
if [ ! -e stolen.jsonl ] && [ ! -e x ]; then ok "nothing was written"; else not_ok "nothing was written" "$(ls)"; fi
stop_studio INT
if [ $status -eq 0 ] && [ ! -s studio.err ]; then ok "Ctrl-C ends it"; else not_ok "Ctrl-C ends it" "status $status: $(cat studio.err)"; fi

# It ends while it is at work, and leaves nothing behind (which e2e.sh looks for).
mv flow.lua flow.lua.kept
printf 'local af = require "af"\nreturn af.flow { name = "endless", mock = { a = 1 }, roles = { a = { start = "s", states = { s = { enter = function() while true do end end } } } } }\n' >flow.lua
start_studio --listen localhost:0
cat >end.py <<'PY'
import http.client, os, signal, sys, time, urllib.parse
link, studio = urllib.parse.urlsplit(sys.argv[1]), int(sys.argv[2])
def children(): return set(open(f"/proc/{studio}/task/{studio}/children").read().split())
def computes(pid): # what stands ready sleeps
    try: return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "R"
    except OSError: return False
def jobs(): return {pid for pid in children() if computes(pid)}
def until(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, jobs()
        time.sleep(0.01)
connection = http.client.HTTPConnection(link.hostname, link.port, timeout=60)
connection.request("GET", "/?" + link.query)
answer = connection.getresponse()
answer.read()
headers = {"Cookie": answer.getheader("Set-Cookie").split(";")[0], "Origin": f"http://{link.netloc}"}
def ask(path):
    other = http.client.HTTPConnection(link.hostname, link.port, timeout=60)
    other.request("POST", path, headers=headers)
    until(jobs)
    return other, jobs()
try:
    for path in ("/api/run", "/api/check"):
        asked, work = ask(path)
        asked.close()  # who has asked is gone, and so is the work
        until(lambda: not work & children())
    (checked, _), other = ask("/api/check"), ask("/api/run")
    assert checked.getresponse().getheader("Content-Type") == "text/event-stream"
finally:
    os.kill(studio, signal.SIGTERM)
PY
check "it is ended at work" /usr/bin/python3 end.py "$link" $studio
wait $studio
status=$?
if [ $status -eq 0 ]; then ok "and ends well"; else not_ok "and ends well" "status $status: $(cat studio.err)"; fi
mv flow.lua.kept flow.lua

# ---- A flow that is broken. ----

printf 'return af.flow {\n' >broken.lua
mv flow.lua flow.lua.kept && mv broken.lua flow.lua
start_studio
cat >broken.py <<'PY'
import http.client, json, sys, urllib.parse
link = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(link.hostname, link.port, timeout=60)
connection.request("GET", "/?" + link.query)
answer = connection.getresponse()
answer.read()
headers = {"Cookie": answer.getheader("Set-Cookie").split(";")[0], "Origin": f"http://{link.netloc}"}
for path in ("run", "runs", "states", "picture", "explore", "steps", "export"):
    connection.request("POST", "/api/" + path, body="[]", headers=headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    error = told.get("run", told)["error"]
    assert answer.getheader("Content-Type") == "application/json" and error["file"] == "flow.lua" and error["line"], (path, told)
PY
check "each answer says where it is broken" /usr/bin/python3 broken.py "$link"
stop_studio INT
mv flow.lua.kept flow.lua

# ---- Processes that are ready before they are asked. ----

start_studio
cat >ready.py <<'PY'
"""From the first answer on three stand ready; what they answer is what others do, and one that is killed is not missed."""
import http.client, json, os, re, signal, sys, time, urllib.parse
link, studio = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
connection = http.client.HTTPConnection(link.hostname, link.port, timeout=60)
connection.request("GET", "/?" + link.query)
answer = connection.getresponse()
answer.read()
cookie = answer.getheader("Set-Cookie").split(";")[0]
def ask(path, body=b""):
    connection.request("POST", path, body, {"Cookie": cookie, "Origin": "http://" + link.netloc})
    return re.sub(r'"elapsed_ms":[\d.]+', '"elapsed_ms":0', connection.getresponse().read().decode())
def children(): return open(f"/proc/{studio}/task/{studio}/children").read().split()
def words_of(child):
    try: return open(f"/proc/{child}/cmdline").read()
    except OSError: return "" # one that has answered, and ends
ALL = ["afrun\0ready\0", "afrun\0ready\0-\0chart\0-\0--json\0--data\0", "afrun\0ready\0flow.lua\0"]
def ready(kept=()): # and those that were before are not all of them
    end = time.monotonic() + 60
    while True:
        words = {child: words_of(child) for child in children()}
        if sorted(words.values()) == ALL and set(words) != set(kept): return list(words)
        assert time.monotonic() < end, words
        time.sleep(0.01)
asks = [("/api/run?seed=3&drop=0.2", b""), ("/api/explore?drop=1", b"[]"), ("/api/steps?drop=1", b"[]"), ("/api/states", b"")]
assert not children()
first = [ask(*one) for one in asks]
assert all(json.loads(text)["format"] == 1 for text in first)
for one, before in zip(asks, first):
    kept = ready()
    assert ask(*one) == before, one
    ready(kept)
for pid in ready(): os.kill(int(pid), signal.SIGKILL)
while children(): time.sleep(0.01)
assert ask(*asks[0]) == first[0]
kept, text = ready(), open("flow.lua").read()
open("flow.lua", "w").write("error 'another one'") # what stands ready runs what is saved
assert "another one" in ask(*asks[0])
kept = ready(kept)
os.unlink("flow.lua")
assert "No such file" in ask(*asks[0])
kept = ready(kept)
open("data.txt", "w").write("what is read")
open("flow.lua", "w").write("""local af = require "af"
return af.flow { name = "reads", mock = { one = 1 }, roles = { one = { start = "here", states = { here = { enter = function()
  local _, what = pcall(af.download, "file://data.txt")
  return af.done(tostring(what))
end } } } } }""")
for _ in range(2): # it may do what any run may
    assert "what is read" in ask("/api/run")
    kept = ready(kept)
open("flow.lua", "w").write(text)
assert ask(*asks[0]) == first[0]
ready(kept)
PY
check "processes stand ready, and are not missed" /usr/bin/python3 ready.py "$link" $studio
stop_studio INT
left=$(pgrep -f 'afrun ready' -P $studio || true)
if [ -z "$left" ]; then ok "and end with it"; else not_ok "and end with it" "$left"; fi

# ---- The command line. ----

expect_error "name one flow: afrun studio FLOW.lua" 2 "$AFRUN" studio
expect_error "no.lua: cannot be read: No such file" 2 "$AFRUN" studio no.lua
expect_error "no.lua: cannot be read: No such file" 2 "$AFRUN" studio flow.lua --upgrade no.lua
expect_error "the studio reads a flow again and again: name a file" 2 "$AFRUN" studio -
expect_error "others can reach this address: the studio is for this machine" 2 "$AFRUN" studio flow.lua --listen 0.0.0.0:0
expect_error "did you mean '--no-browser'?" 2 "$AFRUN" studio flow.lua --no-browse
mkdir bin
printf '#!/bin/sh\necho "$1" >"%s/opened"\n' "$TMP" >bin/xdg-open
chmod +x bin/xdg-open
PATH=$TMP/bin:$PATH "$PROGRAM" studio flow.lua >studio.out 2>studio.err </dev/null &
studio=$!
for ((i = 0; i < 600; i++)); do [ -s opened ] && break; sleep 0.05; done
left=$(cat /proc/$studio/task/$studio/children)
stop_studio TERM
if [ -z "$left" ]; then ok "and who has started it is waited for"; else not_ok "and who has started it is waited for" "$left"; fi
if grep -q '^http://127.0.0.1:[0-9]*/?token=[0-9a-f]\{64\}$' opened && cmp -s opened studio.out; then ok "a browser is opened"; else not_ok "a browser is opened" "$(cat studio.out studio.err)"; fi

# ---- In a browser. ----

has_browser || exit 0
start_studio
browse studio_browser.py "$link" flow.lua $([[ $mode != sanitize ]] || echo --short)
stop_studio INT
if [ $status -eq 0 ] && [ ! -s studio.err ]; then ok "it has nothing to complain of"; else not_ok "it has nothing to complain of" "status $status: $(cat studio.err)"; fi
[ $mode != sanitize ] || skip_rest "the page is slow with a sanitizer"
