#!/usr/bin/env bash
# `afrun ctl ui`, and `afrun node --ui`, which is the same: who may ask the node's page for what, and the page in a real browser
# (tests/lib/node_browser.py): parties, one party, actions, launches, reloads.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 49
source "$ROOT/tests/lib/browser.sh"
source "$ROOT/tests/lib/parties.sh"
mkdir flows

# flow NAME VERSION [CODE]: waits for what its operator sends; names that would be markup. The needle is put together where it is used.
flow() {
    local bad=${3:-'error "it went wrong <script>window.hurt=1</script>"'}
    cat >"flows/$1.lua" <<LUA
local af = require "af"
local Go, Bad = af.event("go", { word = af.string }), af.event("bad", {})
local function bad() $bad return "idle" end
return af.flow { name = "$1", version = $2, mock = { a = 1, b = 1 },
  migrate = function(old)
    old.data.count, old.data.added = old.data.count + 100, true
    return { state = old.state, data = old.data }
  end,
  roles = {
    a = { data = function() return { count = 0, secret = { word = table.concat { "straw", "berry" } } } end, start = "idle", states = {
      idle = { [Bad] = bad, [Go] = function(party, event)
        party.data.count = party.data.count + 1
        party:log("went %s", event.word)
        return "<img src=x onerror=hurt=1>"
      end },
      ["<img src=x onerror=hurt=1>"] = { [Bad] = bad, [Go] = function(party, event)
        party:log("went back %s", event.word)
        return "idle"
      end },
    } },
    b = { start = "s", states = { s = { may_end = true, [Go] = "s" } } },
  },
}
LUA
}
for name in work asked wrong; do flow $name 1; done
printf 'ask asked from operator\nallow * from operator\n' >rules
begin() {
    start_party n node --node n --bus local:bus.db --flows flows --state n.state --audit audit.log --launches rules --no-watch "$@"
    wait_line n.out "afrun node: node n" || not_ok "the node starts" "$(cat n.err)"
}
ctl() { "$AFRUN" ctl "$@" --state n.state; }
begin
for task in t1 t2 t3 '<script>t'; do ctl launch work --task "$task" --role a --peers 'a=n;b=far' >/dev/null; done
ctl launch wrong --task t4 --role a --peers 'a=n;b=far' >/dev/null
ctl launch asked --task t5 --role a --peers 'a=n;b=far' >/dev/null
ctl send t4 bad >/dev/null

# ---- ctl data. ----

expect_output '{"count":0,"secret":' ctl data t1
data=$(cat "$OUT")
if [[ $data =~ secret\ of\ [0-9]+\ bytes\ #[0-9a-f]+ && $data != *strawberry* ]]; then ok "secrets are hashes there"; else not_ok "secrets are hashes there" "$data"; fi
expect_output '"state":"idle"' ctl data t1 --json
expect_error "this node runs no party of such a task" 2 ctl data none
if until_true grep -q '"what":"data","task":"t1"' audit.log; then ok "the audit log has it"; else not_ok "the audit log has it" "$(tail audit.log)"; fi

# ---- Who may ask. ----

# start_ui WORD…: $link, $ui
start_ui() {
    : >ui.out
    "$PROGRAM" ctl ui --state n.state "$@" >ui.out 2>ui.err </dev/null &
    ui=$!
    wait_line ui.out http://
    link=$(head -n 1 ui.out)
}
stop_ui() {
    kill -"$1" $ui
    status=0
    wait $ui || status=$?
}
start_ui
cat >ask.py <<'PY'
"""Whoever is not the browser that has opened the link is refused, whatever is asked; and who is, is not, but from another page."""
import http.client, json, sys, urllib.parse
link = urllib.parse.urlsplit(sys.argv[1])
own = f"http://{link.netloc}"
def ask(method, path, cookie=None, body=b"", **headers):
    connection = http.client.HTTPConnection(link.hostname, link.port, timeout=60)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if cookie: headers["Cookie"] = cookie
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items(): connection.putheader(name, value)
    if method == "POST": connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body if method == "POST" else None)
    answer = connection.getresponse()
    text = answer.read()
    policy = answer.getheader("Content-Security-Policy")
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy, policy
    assert answer.getheader("Cache-Control") == "no-store" and answer.getheader("X-Content-Type-Options") == "nosniff"
    return answer.status, text, answer
status_of = json.dumps({"cmd": "status"}).encode()
def ask_all(cookie=None, **headers):
    return ({ask("GET", path, cookie, **headers)[0] for path in ("/", "/node.js", "/ops.css")}
            | {ask("POST", "/api/ask", cookie, status_of, Origin=headers.get("Origin", own), **{k: v for k, v in headers.items() if k != "Origin"})[0]})
wrong = link.query[:-1] + ("0" if link.query[-1] != "0" else "1")
assert ask_all() == {403}
for path in ("/?token=", "/?" + wrong, "/?" + link.query[:-1], "/?" + link.query + "0", "/node.js?" + link.query, "/api/ask?" + link.query):
    assert ask("GET", path)[0] in (403, 405) and ask("GET", path)[2].getheader("Set-Cookie") is None, path
assert ask("GET", "/?" + link.query, Host="evil.example")[0] == 421 and ask("GET", "/?" + link.query, Origin="http://evil.example")[0] == 403
given = ask("GET", "/?" + link.query)[2].getheader("Set-Cookie")
assert "HttpOnly" in given and "SameSite=Strict" in given and "Domain" not in given, given
cookie = given.split(";")[0]
assert ask("GET", "/?" + link.query)[0] == 403  # it is good once
assert ask_all(cookie) == {200}
name, value = cookie.split("=")
for false in (f"{name}={value[:-1]}", f"{name}={value}0", f"{name}=", f"x{name}={value}", f"{name}={value[::-1]}"): assert ask_all(false) == {403}, false
for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"): assert ask_all(cookie, Host=host) == {421}, host
for origin in ("http://evil.example", "null", "https://" + link.netloc, "http://127.0.0.1:1", own + ".evil.example", ""): assert ask_all(cookie, Origin=origin) == {403}, origin
assert ask("POST", "/api/ask", cookie, status_of)[0] == 403  # a form of another page could send that
assert ask("GET", "/api/ask", cookie, Origin=own)[0] == 405 and ask("POST", "/", cookie, Origin=own)[0] == 405
for path in ("/..", "/../etc/passwd", "/api", "/node.js/", "//node.js", "/%2e%2e/ask.py"): assert ask("GET", path, cookie)[0] == 404, path
def told(body): return json.loads(ask("POST", "/api/ask", cookie, body, Origin=own)[1])
# What a page may not ask for: files of the node's choosing, and more than one question.
for command in ("backup", "support", "forget", "launch", "statu", "", "status\u0000"):
    assert told(json.dumps({"cmd": command, "file": "/tmp/x", "task": "t1"}).encode())["error"]["kind"] == "usage", command
for body in (b"", b"x", b"[]", b"{}", b'{"cmd":"status"}\n{"cmd":"stop","task":"t1"}', b'{"cmd":\n"status"}', b'{"cmd":7}', b"\xff"):
    assert told(body)["error"]["kind"] == "usage", body
assert ask("POST", "/api/ask", cookie, b"x" * (1 << 20), Origin=own)[0] == 413
assert told(json.dumps({"cmd": "stop", "task": "none"}).encode())["error"]["kind"] == "usage"
assert told(status_of)["kind"] == "ctl-status" and len(told(status_of)["parties"]) == 5
assert told(json.dumps({"cmd": "trace", "task": "t1"}).encode())["kind"] == "chart"
PY
check "who is not the link's browser, or comes from another page, is refused" /usr/bin/python3 ask.py "$link"
stop_ui INT
if [ $status -eq 0 ] && [ ! -s ui.err ]; then ok "Ctrl-C ends it"; else not_ok "Ctrl-C ends it" "status $status: $(cat ui.err)"; fi
expect_error "others can reach this address: the page is for this machine" 2 ctl ui --listen 0.0.0.0:0
expect_error "which node?" 2 "$AFRUN" ctl ui
expect_error "others can reach this address: the page is for this machine" 2 "$AFRUN" node --node m --bus local:m.db --flows flows --state m.state --ui 0.0.0.0:0

# ---- The node's own. ----

kill_party n TERM
begin --ui 127.0.0.1:0
until_true test -s n.state/ui.link
first=$(cat n.state/ui.link)
modes=$(stat -c %a n.state/ui.link)
code=$(curl -sS -o page -w '%{http_code}' "$first")
until_true test "$(cat n.state/ui.link)" != "$first"
if [ "$modes $code" = "600 200" ] && [ "$(curl -sS -o page -w '%{http_code}' "$(cat n.state/ui.link)")" = 200 ]; then
    ok "each browser is given a link of its own"
else
    not_ok "each browser is given a link of its own" "$modes $code $(cat n.err)"
fi
if grep -q token= n.out n.err; then not_ok "no message has one" "$(cat n.out n.err)"; else ok "no message has one"; fi
if [ "$(curl -sS -o page -w '%{http_code}' "$first")" = 403 ]; then ok "which is good once"; else not_ok "which is good once"; fi
page=$(pgrep -P "$(pgrep -P "${party_pids[n]}" -n afrun || echo "${party_pids[n]}")" -f 'ctl ui' || pgrep -P "${party_pids[n]}" -f 'ctl ui')
address=${first%%/\?*}
kill -KILL "$page"
begun_again() { [ -s n.state/ui.link ] && [[ $(cat n.state/ui.link) != $address/* ]] && curl -sS -o page "$(cat n.state/ui.link)"; }
if until_true begun_again; then ok "a page that was killed is begun again, and the node goes on"; else not_ok "a page that was killed is begun again, and the node goes on" "$(cat n.err)"; fi
address=$(cat n.state/ui.link) address=${address%%/\?*}
kill_party n KILL
nobody_answers() { ! curl -sS -o page "$address/" 2>/dev/null; }
if until_true nobody_answers; then ok "it does not outlive the node"; else not_ok "it does not outlive the node"; fi
begin

# ---- In a browser. ----

has_browser || { stop_all; exit; }
cat >again <<SH
#!/usr/bin/env bash
cd "$TMP"
if [ \$1 = stop ]; then
    kill -KILL \$(cat pid)
    while kill -0 \$(cat pid) 2>/dev/null; do sleep 0.05; done
else
    "$PROGRAM" node --node n --bus local:bus.db --flows flows --state n.state --audit audit.log --launches rules --no-watch >again.out 2>&1 </dev/null &
    echo \$! >pid
fi
SH
cat >launch <<SH
#!/usr/bin/env bash
exec "$PROGRAM" ctl launch asked --task \$1 --role a --peers 'a=n;b=far' --state "$TMP/n.state"
SH
cat >send <<SH
#!/usr/bin/env bash
exec "$PROGRAM" ctl send \$1 go '{"word":"'\$2'"}' --state "$TMP/n.state"
SH
chmod +x again launch send
kill_party n TERM
./again start
until_true "$PROGRAM" ctl status --state n.state >/dev/null 2>&1
flow work 2
flow wrong 2 'do end'
start_ui
browse node_browser.py "$link" "$TMP" ${PICTURES:+--pictures}
[ -z "${PICTURES:-}" ] || cp ./*.png "$PICTURES"
stop_ui INT
if [ $status -eq 0 ] && [ ! -s ui.err ]; then ok "it has nothing to complain of"; else not_ok "it has nothing to complain of" "status $status: $(cat ui.err)"; fi
for deed in data trace pause resume send stop retry approve refuse reload; do
    if grep -q "\"what\":\"$deed\"" audit.log; then ok "the audit log has $deed"; else not_ok "the audit log has $deed" "$(tail audit.log)"; fi
done
./again stop
stop_all
