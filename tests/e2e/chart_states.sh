#!/usr/bin/env bash
# `afrun chart --states`: the roles of a flow as state diagrams, in five forms: which edges are known, that names of others become no
# markup, and that nothing in a picture runs over something else.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 23

cat >flow.lua <<'LUA'
local af = require "af"
local lib = require "lib"
local Ask, Tell, Stop, Other = af.event "ask", af.event "tell", af.event "stop", af.event "other"
local Sum = af.part { name = "sum", roles = { adder = function(at)
  return { start = "first", states = {
    first = { [Tell] = function() return at.state "second" end },
    second = { [Tell] = function(party) return at.done(party, 1) end },
  } }
end } }
local function settle(party) if party.data.x then return "resting" end return af.fail "nothing" end
local choose = function(party) return party.data.x and "asking" or party.data.y ~= "second" and "resting" end
return af.flow {
  name = "many", mock = { asker = 1, plain = 1 },
  roles = {
    asker = {
      start = "begin",
      always = { [Stop] = function() return af.done() end, ignore = { Other } },
      states = {
        begin = { enter = function(party) return choose(party) end, defer = { Ask } },
        asking = af.patterns.gather {
          from = {}, answer = Tell, every = 10, done = settle, more = { [Ask] = "asking" },
        },
        resting = {
          may_end = true,
          after = { 1.5, function(party) return party.state end },
          timeout = { long = "adding" },
          [Tell] = function(party) return lib.go(party) end,
          [Ask] = function(party)
            local function inner() return "begin" end
            local name = inner()
            return name
          end,
          [Stop] = function() return af.fail "not now" end,
        },
        adding = Sum.adder { done = "resting" },
        lonely = { [Tell] = "lonely" },
      },
    },
    plain = function() end,
  },
}
LUA
echo 'return { go = function() return "begin" end }' >lib.lua
cat >expected <<'TEXT'
many version 1

asker
  ▶ begin
        enter → asking, resting
        (defers ask)
    asking
        enter
        tell
        ask        → asking
        after 10 s
        when done  → resting, failed
        when short → failed
    resting
        stop         → failed
        tell
        ask
        after 1.5 s  → resting
        timeout long → adding
        (may end)
    adding
        when done   → resting
        when failed → failed
        (the part sum)
    lonely
        tell → lonely
        (what leads here is not known)
  ∗ in every state
        stop → done
        (ignores other)

plain: a plain function, without states
TEXT
run "$AFRUN" chart --states flow.lua
if [ $status -eq 0 ] && diff expected "$OUT" >differs; then ok "a flow's states as text"; else not_ok "a flow's states as text" "$(cat differs "$ERR")"; fi
for form in mermaid dot svg; do
    "$AFRUN" chart --states flow.lua --$form >one.$form
    "$AFRUN" chart flow.lua --$form --states >two.$form
    check "--$form is the same each time" cmp one.$form two.$form
done
for edge in "[*] --> r1s1" "r1s1 --> r1s2: enter" "r1s2 --> [*]: when done (failed), when short (failed)" "r1s3 --> r1s4: timeout long" "r1s6 --> [*]: stop (done)"; do
    expect_output "$edge" cat one.mermaid
done
for edge in "r1start -> r1s1;" 'r1s1 -> r1s2 [label="enter"];' 'r1s3 -> r1s4 [label="timeout long"];' "peripheries=2"; do
    expect_output "$edge" cat one.dot
done

# For programs: the rows, where each is written, and the files.
check "a flow's states as JSON" "$AFRUN" chart --states flow.lua --json
cp "$OUT" states.json
cat >see.py <<'PY'
import json, sys
states = json.load(open(sys.argv[1]))
lines = [file["text"].split("\n") for file in states["files"]]
assert [file["name"] for file in states["files"]] == ["flow.lua", "lib.lua"], states["files"]
asker, plain = states["roles"]
assert [s["name"] for s in asker["states"]] == ["begin", "asking", "resting", "adding", "lonely", "in every state"]
assert plain == {"name": "plain", "states": []}
begin, asking, resting, adding, lonely, every = asker["states"]
assert begin["start"] and resting["may_end"] and adding["part"] == "sum" and every["any"]
assert begin["rows"][0]["to"] == ["asking", "resting"] and begin["defers"] == ["ask"] and every["ignores"] == ["other"]
for state, rows in ((begin, {"enter"}), (resting, {"stop", "tell", "ask"})):
    named = [row for row in state["rows"] if row["name"] in rows]
    assert len(named) == len(rows)
    for row in named:
        text = lines[0][row["line"] - 1]
        assert "function" in text and ("enter" in text or row["name"].capitalize() in text), (row, text)
assert resting["rows"][0]["failed"] is True and resting["rows"][3]["name"] == "after", resting
PY
check "each row is at its line" /usr/bin/python3 see.py states.json

# A part by itself, and a bundle.
cat >part.lua <<'LUA'
local af = require "af"
local Go = af.event "go"
return af.part { name = "one", roles = { a = function(at)
  return { start = "s", states = { s = { enter = function() return at.state("t") end }, t = { [Go] = function(party) return at.failed(party, "x") end } } }
end } }
LUA
expect_output "        enter → t" "$AFRUN" chart --states part.lua
expect_output "        go → failed" "$AFRUN" chart --states part.lua
check "a bundle" "$AFRUN" bundle flow.lua -o flow.afb
expect_output "timeout long → adding" "$AFRUN" chart --states flow.afb

# Names are no markup.
cat >hostile.lua <<'LUA'
local af = require "af"
local Go = af.event "<script>alert('go')</script>"
return af.flow { name = "hostile", mock = { r = 1 }, roles = { r = { start = "<script>\"x\"</script>", states = {
  ["<script>\"x\"</script>"] = { [Go] = "end" },
  ["end"] = { [Go] = "a\\\"];b -> c;]]>" },
  ["a\\\"];b -> c;]]>"] = { [Go] = function() return af.done() end },
} } } }
LUA
for form in text mermaid dot svg; do
    "$AFRUN" chart --states hostile.lua $([ $form = text ] || echo --$form) >hostile.$form
done
check "hostile names in an SVG, a graph and Mermaid stay names" /usr/bin/python3 - <<'PY'
import re, xml.etree.ElementTree as tree
root = tree.parse("hostile.svg").getroot()
names = {element.tag.split("}")[1] for element in root.iter()}
assert names <= {"svg", "title", "style", "rect", "text", "g", "path", "circle"}, names
assert any(element.text == '<script>"x"</script>' for element in root.iter())
text = open("hostile.svg").read()
assert "href" not in text and "url(" not in text and "<script" not in text
assert "prefers-color-scheme:dark" in text
graph = open("hostile.dot").read()
bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', graph)
assert "script" not in bare and graph.count("->") == bare.count("->") + 1, bare
assert bare.count("{") == bare.count("}") == 2
for line in open("hostile.mermaid"):
    assert "<" not in line and "]]" not in line.replace("[*]", ""), line
    assert not re.search(r"\bend\b", line), line
    assert line.count('"') in (0, 2), line
PY
if command -v dot >/dev/null; then check "graphviz takes it" dot -Tsvg hostile.dot -o /dev/null; else skip 1 "there is no dot"; fi

# In the picture of each flow that is shipped, words stay in their boxes, and boxes and lines apart.
for flow in "$ROOT"/flows/*.lua "$ROOT"/flows/protocols/*.lua; do
    case $flow in *_test.lua | */model_exchange.lua) continue ;; esac
    "$AFRUN" chart --states "$flow" --svg >"$(basename "$flow").svg"
done
check "nothing in a picture overlaps" /usr/bin/python3 - hostile.svg one.svg ./*.lua.svg <<'PY'
import re, sys, xml.etree.ElementTree as tree
def cells(text): return sum(2 if ord(c) > 0x2e80 else 1 for c in text)
def box(rect): return [float(rect.get(n)) for n in ("x", "y", "width", "height")]
for name in sys.argv[1:]:
    boxes, lines, texts = [], [], 0
    for group in tree.parse(name).getroot().iter("{http://www.w3.org/2000/svg}g"):
        rects = [r for r in group if r.get("class") == "box"]
        for path in group:
            if path.get("class") == "edge":
                lines.append([float(n) for n in re.fullmatch(r"M(\S+) (\S+)H(\S+)V(\S+)H(\S+)", path.get("d")).groups()])
        if not rects: continue
        x, y, w, h = box(rects[0])
        boxes.append((x, y, w, h))
        rows = {}
        for text in group.iter("{http://www.w3.org/2000/svg}text"):
            tx, ty, wide = float(text.get("x")), float(text.get("y")), 6.6 * cells(text.text)
            left = tx - wide / 2 if text.get("class") == "middle" else tx - wide if (text.get("class") or "").startswith("ends") else tx
            assert x <= left and left + wide <= x + w and y < ty - 8 and ty < y + h, (name, text.text)
            for other, end in rows.get(ty, []): assert left >= end or left + wide <= other, (name, text.text)
            rows.setdefault(ty, []).append((left, left + wide))
            texts += 1
    assert texts > 1, name
    for i, (x, y, w, h) in enumerate(boxes):
        for a, b, c, d in boxes[i + 1:]:
            assert x + w <= a or a + c <= x or y + h < b or b + d < y, (name, "boxes")
        for x1, y1, lane, y2, x2 in lines:
            assert not (x - 1 < lane < x + w + 1 and min(y1, y2) < y + h and max(y1, y2) > y), (name, "a line in a box")
    for one in lines:
        for other in lines:
            if one[2] == other[2] and one[3] != other[3]: # lanes that lead to two states
                assert max(one[1], one[3]) < min(other[1], other[3]) or min(one[1], one[3]) > max(other[1], other[3]), (name, "lanes")
PY
