#!/usr/bin/env bash
# `afrun chart --html`: what its page says of itself, and the page in a real browser, from a file (tests/lib/chart_browser.py).
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 15
source "$ROOT/tests/lib/browser.sh"

"$AFRUN" run --mock -q --trace run.jsonl --trace-data "$ROOT/flows/sync_state.lua"
"$AFRUN" chart run.jsonl --html >run.html
cat >hostile.lua <<'LUA'
local af = require "af"
local Ask = af.event("<img src=x onerror=hurt=1>", { text = af.string })
return af.flow { name = "</script><script>window.hurt=1</script>", mock = { asker = 1, oracle = 1 }, roles = {
  asker = { start = "<!--", states = { ["<!--"] = { enter = function(party)
    party.data.text = "]]></style><script>window.hurt=1</script>"
    party:send(party:nodes "oracle", Ask { text = "</script><script>window.hurt=1</script><!-- \u{2028}" })
    return af.done "<img src=x onerror=hurt=1>"
  end } } },
  oracle = { start = "listening", states = { listening = { [Ask] = function() return af.done() end } } } } }
LUA
"$AFRUN" run --mock -q --trace hostile.jsonl --trace-data hostile.lua
"$AFRUN" chart hostile.jsonl --html >hostile.html

# Its policy allows the style and the script that stand in it.
cat >policy.py <<'PY'
import base64, hashlib, re, sys
for name in sys.argv[1:]:
    text = open(name, encoding="utf-8").read()
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    digest = lambda part: "'sha256-" + base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() + "'"
    script = re.findall('<script type="module">(.*?)</script>', text, re.S)
    style = re.findall("<style>(.*?)</style>", text, re.S)
    assert len(script) == len(style) == 1 and text.count("<script") == text.count("</script") == 2, name
    assert policy == f"default-src 'none'; style-src {digest(style[0])}; script-src {digest(script[0])}; base-uri 'none'; form-action 'none'", policy
    assert not re.search(r"\sstyle=|<img|<!--|<link|\bimport\b.* from|https?://(?!www\.w3\.org/2000/svg)", text), name
PY
check "its policy allows what stands in it, by hash, and no more" /usr/bin/python3 policy.py run.html hostile.html
if [ "$(wc -c <run.html)" -lt 70000 ] && [ "$("$AFRUN" chart run.jsonl --svg | wc -c)" -lt 40000 ]; then ok "page and picture are small"; else not_ok "page and picture are small" "$(wc -c run.html)"; fi

cat >stuck.lua <<'LUA'
local af = require "af"
local Ask, Answer = af.event("ask", {}), af.event("answer", {})
return af.flow { name = "stuck", mock = { asker = 1, oracle = 1 }, roles = {
  asker = { start = "asking", states = { asking = {
    enter = function(party) party.data.asked = 0; party:send(party:nodes "oracle", Ask {}) end,
    [Answer] = function(party)
      party.data.asked = party.data.asked + 1
      if party.data.asked < 40 then party:send(party:nodes "oracle", Ask {}) end
    end } } },
  oracle = { start = "listening", states = { listening = { may_end = true,
    [Ask] = function(party, event, from) party:send(from, Answer {}) end } } } } }
LUA
"$AFRUN" run --mock -q --trace stuck.jsonl --trace-data stuck.lua >/dev/null 2>&1 || true
"$AFRUN" chart stuck.jsonl --html >stuck.html

# Rows that are left out: what parties hold is told all the same.
cat >held.py <<'PY'
import json, subprocess, sys
def last(*options):
    told = json.loads(subprocess.run([sys.argv[1], "chart", "stuck.jsonl", "--json", "--data", *options], capture_output=True, check=True).stdout)
    return {one["party"]: one for row in told["rows"] for one in row.get("after", [])}, told
every, whole = last()
assert "hidden" not in whole and any("content" in row and "sent" in row for row in whole["rows"]), whole
for options in (["--max-rows", "4"], ["--tail", "3"], ["--type", "ask"]):
    few, told = last(*options)
    assert few["asker-1"] == every["asker-1"], (options, few)
    assert len(told["rows"]) < len(whole["rows"]) and (told.get("hidden", 0) > 0) == (options[0] == "--type"), options
PY
check "what parties hold is told though rows are left out" /usr/bin/python3 held.py "$AFRUN"

has_browser || exit 0
browse chart_browser.py run.html hostile.html stuck.html
