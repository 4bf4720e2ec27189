#!/usr/bin/env bash
# The service's page: who may look, and what is shown, in a real browser (tests/lib/service_browser.py).
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 29
source "$ROOT/tests/lib/browser.sh"
source "$ROOT/tests/lib/serve.sh"

token=admin-token-0123456789
secret admin $token
secret tokens 'token-of-a-0123456789 a'
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

# ---- Who may look. ----

cat >ask.py <<'PY'
"""ask.py URL [TOKEN]: the page's endpoints, those of the service's own table that begin with ui, asked by everybody that there is."""
import http.client, json, re, sys, urllib.parse
url, token = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
table = re.findall(r'\{"(ui\w*)", "(\w+)", SERVE_UI(?: "([^"]*)")?, NULL, SERVE_(\w+)', open(sys.argv[3]).read())
assert len(table) >= 9, table
views = ["/ui" + path for name, method, path, access in table if access == "VIEWER"]
assert {"/ui/status", "/ui/tasks", "/ui/live", "/ui/audit", "/ui/metrics"} <= set(views), views
def ask(method, path, body=None, **headers):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    headers = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items(): connection.putheader(name, value)
    if body is not None:
        body = json.dumps(body).encode()
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Content-Type", "application/json")
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer
def codes(**headers): return {ask("HEAD" if path == "/ui/events" else "GET", path, **headers)[0] for path in views}  # events go on
own = f"http://{url.netloc}"
if sys.argv[4:] == ["open"]:  # nobody has a token here: who is on this machine may look
    assert codes() == {200}
    for headers in ({"X_Forwarded_For": "192.0.2.1"}, {"Forwarded": "for=192.0.2.1"}): assert codes(**headers) == {403}, headers
    assert ask("POST", "/ui/login", {"token": "x"})[0] == 401
elif sys.argv[4:] == ["tokens"]:  # callers have tokens, and nobody is the admin
    assert codes() == {403} == codes(Authorization="Bearer token-of-a-0123456789")
else:
    assert codes() == {401} == codes(Authorization="Bearer wrong") and codes(Authorization="Bearer " + token) == {200}
    for path in ("/ui/", "/ui/service.js", "/ui/chart.js", "/ui/studio.css"):
        status, body, answer = ask("GET", path)
        assert status == 200 and body and token.encode() not in body, path
        policy = answer.getheader("Content-Security-Policy")
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy, policy
        assert answer.getheader("X-Content-Type-Options") == "nosniff" and answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
        assert answer.getheader("Cache-Control") == "no-store" and answer.getheader("Access-Control-Allow-Origin") is None
    assert ask("GET", "/ui")[2].getheader("Location") == "ui/"
    for path in ("/ui/..", "/ui/../admin", "/ui/none.js", "/ui//service.js", "/ui/%2e%2e/tokens", "/ui/login/x", "/uix", "/ui/service.js/"):
        assert ask("GET", path)[0] in (404, 405), path
    for wrong in ("", "x", token[:-1], token + "0", "\u0000"):
        status, body, answer = ask("POST", "/ui/login", {"token": wrong}, Origin=own)
        assert json.loads(body)["code"] in (400, 401) and answer.getheader("Set-Cookie") is None, wrong
    for origin in ("http://evil.example", "null", "https://" + url.netloc, "http://127.0.0.1:1", own + ".evil.example", ""):
        assert ask("POST", "/ui/login", {"token": token}, Origin=origin)[0] == 403, origin
        assert ask("POST", "/ui/logout", Origin=origin)[0] == 403, origin
        assert codes(Origin=origin, Authorization="Bearer " + token) == {403}, origin
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"):
        assert ask("POST", "/ui/login", {"token": token}, Host=host)[0] == 400, host
        assert codes(Host=host, Authorization="Bearer " + token) == {400}, host
    status, body, answer = ask("POST", "/ui/login", {"token": token}, Origin=own)
    given = answer.getheader("Set-Cookie")
    assert status == 200 and "HttpOnly" in given and "SameSite=Strict" in given and "Path=/ui" in given and "Domain" not in given, given
    assert token not in given
    cookie = given.split(";")[0]
    name, value = cookie.split("=")
    until, mac = value.split(".")
    assert codes(Cookie=cookie) == {200} == codes(Cookie="a=b; " + cookie + "; c=d") == codes(Cookie=cookie, Origin=own)
    for false in (f"{name}={value[:-1]}", f"{name}={value}0", f"{name}=", f"x{name}={value}", f"{name}={int(until) + 1}.{mac}", f"{name}=1.{mac}",
                  f"{name}={until}.", f"{name}=+{value}", f"{name}= {value}", f"{name}=0{value}"):
        assert codes(Cookie=false) == {401}, false
    assert codes(Cookie=cookie, Origin="http://evil.example") == {403} and codes(Cookie=cookie, Host="evil.example") == {400}
    # The cookie opens the page, and nothing else: not what changes something.
    for method, path in (("GET", "/admin/tasks"), ("GET", "/admin/tasks/T"), ("DELETE", "/admin/tasks/T"), ("POST", "/admin/tasks/T/end")):
        assert ask(method, path, Cookie=cookie)[0] == 401, path
    for path in ("/admin/tasks", "/admin/again", "/admin/backup"): assert ask("POST", path, {}, Cookie=cookie)[0] == 401, path
    assert ask("POST", "/fed-service/api/v2/message/pop", {}, Cookie=cookie)[0] == 401
    assert "Max-Age=0" in ask("POST", "/ui/logout", Cookie=cookie, Origin=own)[2].getheader("Set-Cookie")
    for path in views: assert ask("POST", path, {}, Cookie=cookie, Origin=own)[0] == 405, path
    assert ask("GET", "/ui/login", Cookie=cookie)[0] in (404, 405)
    told = json.loads(ask("GET", "/ui/live?task=none&after=99999999999999999999", Cookie=cookie)[1])["data"]
    assert told["kind"] == "ui-live" and told["next"] == 0 and told["contracts"] == [], told
    for after in ("-1", "x", "%00", "1e9"): assert ask("GET", "/ui/live?task=none&after=" + after, Cookie=cookie)[0] == 200, after
    print(cookie)
PY

start_serve --node n
check "where nobody has a token, who is on this machine may look" /usr/bin/python3 ask.py "$URL" "" "$ROOT/runtime/serve/serve.c" open
stop_serve
start_serve --tokens tokens
check "where callers have tokens, but nobody is the admin, nobody may" /usr/bin/python3 ask.py "$URL" "" "$ROOT/runtime/serve/serve.c" tokens
stop_serve

: >serve.err
serve() { start_serve --listen "127.0.0.1:$port" --open-tasks --prefix-nodes --admin-token admin --audit audit.log; }
serve
check "the admin may, by a cookie that opens the page alone" /usr/bin/python3 ask.py "$URL" $token "$ROOT/runtime/serve/serve.c"
cookie=$(cat "$OUT")
says "a login is in the audit log" '"who":"admin"' "$(grep '"what":"ui_login".*"outcome":0' audit.log)"
says "so is a wrong one" 401 "$(grep '"what":"ui_login".*"outcome":401' audit.log)"
stop_serve
serve
says "the cookie is good when the service has come back" '"code":0' "$(call GET /ui/status '' -H "Cookie: $cookie")"
secret admin another-token-0123456789
for ((i = 0; i < 600; i++)); do
    answer=$(call GET /ui/status '' -H "Cookie: $cookie")
    [[ $answer != *'"code":401'* ]] || break
    sleep 0.05
done
says "… and ends with the admin's token" '"code":401' "$answer"
secret admin $token
for ((i = 0; i < 600; i++)); do
    [[ $(call GET /ui/status '' -H "Authorization: Bearer $token") != *'"code":0'* ]] || break
    sleep 0.05
done

# ---- What is told. ----

for kind in live audit; do
    call GET "/ui/$kind?task=T" '' -H "Authorization: Bearer $token" >$kind.json
    check "what /ui/$kind tells is as its schema says" /usr/bin/python3 -c '
import json, pathlib, sys
sys.path.insert(0, sys.argv[1] + "/tests/lib")
import schemas
told = json.load(open(sys.argv[2]))["data"]
found = schemas.mistakes(schemas.load(pathlib.Path(sys.argv[1], "tests/data/schema")), 0, json.dumps(told).encode() + b"\n")
assert not found, found' "$ROOT" $kind.json
done

# ---- In a browser. ----

has_browser || { stop_serve; exit; }
admin() { call "$1" "$2" "${3:-}" -H "Authorization: Bearer $token"; }
admin POST /admin/tasks '{"task_id":"T","members":[{"node_id":"a","role":"initiator"},{"node_id":"b","role":"participant"},{"node_id":"c","role":"participant"}]}' >/dev/null
admin POST /admin/tasks '{"task_id":"<script>window.hurt=1</script>","members":[{"node_id":"a","role":"<img src=x onerror=hurt=1>"}]}' >/dev/null
ask a federated/task/verify/upload '{"task_id":"<script>window.hurt=1</script>","f_url":"<img src=x onerror=hurt=1>","file_type":"py"}' >/dev/null

# again stop|start: as a service goes away, and comes back.
cat >again <<SH
#!/usr/bin/env bash
cd "$TMP"
if [ \$1 = stop ]; then
    kill -KILL \$(cat pid)
    while kill -0 \$(cat pid) 2>/dev/null; do sleep 0.05; done
else
    "$PROGRAM" serve --listen 127.0.0.1:$port --open-tasks --prefix-nodes --admin-token admin --audit audit.log >again.out 2>&1 </dev/null &
    echo \$! >pid
fi
SH
chmod +x again
stop_serve
./again start
for ((i = 0; i < 600; i++)); do curl -sf "$URL/healthz" >/dev/null && break; sleep 0.05; done
browse service_browser.py "$URL" $token "$TMP" ${PICTURES:+--pictures}
[ -z "${PICTURES:-}" ] || cp ./*.png "$PICTURES"
./again stop
