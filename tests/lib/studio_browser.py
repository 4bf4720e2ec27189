#!/usr/bin/env python3
"""studio_browser.py LINK FLOW [--short] [CASE…]: the studio's page in Chromium, as people use it. A line for each case, `ok NAME` or
`not ok NAME: WHY`. FLOW has a planted bug, and names that would be markup."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse

from selenium.webdriver.common.keys import Keys

from browser import Browser, run
from browser import speaks_chinese as in_chinese

link, flow = sys.argv[1:3]
address = link.split("/?")[0]
places = {urllib.parse.urlsplit(address).netloc}
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


browser = Browser(size=(1500, 950), bars=True, patience=60)
driver, js, until, press, text, wide, click = browser.driver, browser.js, browser.until, browser.press, browser.text, browser.wide, browser.click


def put(name, value):
    js("""((f, v) => { f.value = v; f.dispatchEvent(new Event("input", { bubbles: true })); })
        (document.getElementById("form").elements[arguments[0]], arguments[1])""", name, value)


def sampled():
    return until(lambda: re.fullmatch(r"(\d+) of 1000 seeds failed", text("sample")))


def fragment():
    return dict(urllib.parse.parse_qsl(js("location.hash.slice(1)"), keep_blank_values=True))


def selected():
    return js("""document.querySelector("#rows [aria-selected=true]")?.getAttribute("aria-label")""")


def row_of():
    """The number of the row that is selected."""
    return js("document.querySelector('#rows [aria-selected=true]')?.id.replace(/.*-/, '')")


def opens():
    driver.get(link)
    until(lambda: text("flow") == "<script>window.hurt=1</script>")
    until(lambda: js("document.querySelectorAll('#rows > div').length") > 5)
    assert "token" not in driver.current_url, driver.current_url
    assert js("document.cookie") == ""
    assert js("!!document.querySelector('#picture svg .state')")
    assert text("verdict").startswith("✓ ok"), text("verdict")


def reloads():
    driver.refresh()
    until(lambda: text("verdict").startswith("✓"))


def names_stay_names():
    assert js("window.hurt") is None
    assert js("document.querySelectorAll('script').length") == 1
    assert "<script>" in text("picture") and "<img" in text("rows"), text("rows")


def finds_the_bug():
    """From the page alone: a knob, the strip, a seed that fails, the cursor, the line."""
    put("drop", "0.3")
    count = int(sampled().group(1))
    assert count > 100, count
    failing = js("[...document.querySelectorAll('#strip .stuck')].map((n) => n.id)")
    assert len(failing) == count, (len(failing), count)
    js("document.getElementById(arguments[0]).click()", failing[0])
    until(lambda: js("document.body.dataset.seed") == failing[0][5:])
    assert text("verdict").startswith("✗ stuck"), text("verdict")
    js("document.getElementById('fail').click()")
    row = until(lambda: selected() if "stuck" in (selected() or "") else None)
    assert "asker-" in row, row
    here = until(lambda: js("document.querySelector('#text .here')?.textContent"))
    assert "function" in here and "Answer" in here, here
    until(lambda: js("document.querySelector('#parties .of summary').textContent").startswith("asker-"))
    def is_told(state): # once the picture was seen
        return state["seed"] == failing[0][5:] and state["drop"] == "0.3" and state["row"] == str(row_of())
    until(lambda: is_told(fragment()))


def comes_back_by_its_address():
    kept, row = driver.current_url, selected()
    driver.get("about:blank")
    driver.get(kept)
    until(lambda: selected() == row)
    assert js("document.getElementById('form').elements.drop.value") == "0.3"


def moves_by_keys():
    js("document.getElementById('chart').focus()")
    press(Keys.HOME)
    until(lambda: fragment()["row"] == "0")
    press("j")
    press(Keys.ARROW_DOWN)
    until(lambda: fragment()["row"] == "2")
    press("k")
    until(lambda: fragment()["row"] == "1")
    press("f")
    until(lambda: "stuck" in selected())
    press(Keys.ENTER)
    until(lambda: browser.focus() == "text")
    press("/")
    until(lambda: browser.focus() == "search")
    press("stuck")
    until(lambda: re.match(r"\d of \d+ rows", text("count")))
    press(Keys.ESCAPE)
    until(lambda: re.fullmatch(r"\d+ rows", text("count")))
    press("s")
    until(lambda: browser.focus() == "strip")
    press(Keys.ARROW_RIGHT, Keys.ENTER)
    seed = until(lambda: js("document.querySelector('#strip .now')?.id"))
    until(lambda: "seed-" + js("document.body.dataset.seed") == seed)
    js("document.activeElement.blur()")
    press("]")
    until(lambda: "seed-" + js("document.body.dataset.seed") == js("document.querySelector('#strip .now').id") != seed)
    press("e")
    until(lambda: text("verdict").startswith("✗"))
    press("?")
    until(lambda: js("document.getElementById('help').open"))
    press(Keys.ESCAPE)
    until(lambda: not js("document.getElementById('help').open"))


def reaches_all_by_tab():
    browser.tabs_reach({"fail", "help-open", "strip", "search", "pin", "trace", "chart", "parties", "picture", "text"}, 80)


def shows_what_changed():
    put("drop", "")
    put("seed", "1")
    until(lambda: text("verdict").startswith("✓") and js("document.body.dataset.seed") == "1")
    js("document.getElementById('chart').focus()")
    press(Keys.HOME)
    for _ in range(30):
        if js("document.querySelectorAll('#parties .of .changed').length"):
            break
        press("j")
    changed = js("document.querySelector('#parties .of .changed').textContent")
    assert "asked = " in changed, changed


def leads_to_lines():
    js("""[...document.querySelectorAll("#picture [role=link]")].find((n) => n.getAttribute("aria-label").includes("enter,")).focus()""")
    press(Keys.ENTER)
    until(lambda: "enter = function" in (js("document.querySelector('#text .here')?.textContent") or ""))
    assert js("document.querySelectorAll('#picture .seen .weight').length") > 0


def tells_a_wrong_knob():
    put("drop", "7")
    until(lambda: "expected a probability" in text("wrong"))
    put("drop", "")
    put("arg", "nobody=1")
    until(lambda: "the flow takes no such argument" in text("wrong"))
    put("arg", "")
    until(lambda: text("wrong") == "" and text("verdict").startswith("✓"))


def runs_again_when_saved():
    put("drop", "")
    source = open(flow, encoding="utf-8").read()
    with open(flow, "w", encoding="utf-8") as out:
        out.write(source.replace("mock = { asker = 2", "mock = { asker = 3"))
    until(lambda: "asker-3" in text("names"))
    with open(flow, "w", encoding="utf-8") as out:
        out.write("-- broken\n" + source + "}")
    until(lambda: re.search(r"flow\.lua:\d+|near", text("wrong")))
    with open(flow, "w", encoding="utf-8") as out:
        out.write(source)
    until(lambda: "asker-3" not in text("names") and text("verdict").startswith("✓"))


def fits(size):
    wide(size)
    for view in ("knobs", "check", "explore", "run", "held", "states", "source"):
        if js("document.getElementById('tab-' + arguments[0]).checkVisibility()", view):
            click("tab-" + view)
        until(lambda name=view: js("document.getElementById(arguments[0]).checkVisibility()", name))
        browser.is_sound((size, view))


def fits_all_widths():
    for size in (360, 700, 1100, 1500, 2560):
        fits(size)


def is_dark():
    light = js("getComputedStyle(document.body).backgroundColor")
    browser.dark(True)
    assert js("getComputedStyle(document.body).backgroundColor") != light
    fits(360)
    fits(1500)
    browser.dark(False)


def set_bound(name, value):
    js("""((f, v) => { f.value = v; f.dispatchEvent(new Event("input", { bubbles: true })); })
        (document.getElementById("bounds").elements[arguments[0]], arguments[1])""", name, value)


def afrun(*words, stdin=None):
    return subprocess.run([os.environ["PROGRAM"], *words], input=stdin, capture_output=True, text=True, timeout=120, check=False)


def offered():
    """The steps that are links, as words, behind the words of the path."""
    links = js("[...document.querySelectorAll('#next a')].map((n) => n.getAttribute('href'))")
    return [json.loads(dict(urllib.parse.parse_qsl(link[1:]))["path"]) for link in links]


def would_be(path, *bounds):
    """The same, of the command."""
    told = json.loads(afrun("check", flow, *bounds, "--explore", json.dumps(path), "--json").stdout)
    return [path + step["words"] for step in told["steps"]]


def checks():
    """Bounds, verdict, a counterexample beside its explanation, and on from there."""
    click("tab-check")
    set_bound("drop", "1")
    click("check-go")
    until(lambda: text("progress").startswith("✗ exhaustive: violations: 1"))
    js("document.querySelector('#found button').focus()")
    press(Keys.ENTER)
    until(lambda: "path" in fragment() and "the loss of" in text("why") and "stuck" in text("rows"))
    assert "asker-2: active [asking], waits for answer" in text("why"), text("why")
    click("from-here")
    until(lambda: text("rest").startswith("Stuck"))
    assert fragment()["view"] == "explore" and len(js("[...document.querySelectorAll('#path li')]")) == 4


def explores():
    """From any point of a counterexample: what the command offers there, each a link, and the way back."""
    path = json.loads(fragment()["path"])
    js("document.querySelectorAll('#path button')[1].click()")
    until(lambda: fragment().get("at") == "1" and len(offered()) == 4)
    assert offered() == would_be(path[:5], "--drop", "1")
    assert "the path's next step" in text("next")
    row = selected()
    assert "asker-1 → oracle-1" in row, row
    js("document.getElementById('chart').focus()")
    press(Keys.HOME)  # the cursor leads, too
    until(lambda: fragment().get("at") == "0" and offered() == would_be([], "--drop", "1"))
    js("[...document.querySelectorAll('#next a')].find((n) => n.textContent.includes('lost')).focus()")
    press(Keys.ENTER)
    until(lambda: json.loads(fragment()["path"])[0] == "drop" and len(offered()) == 1)
    driver.refresh()
    until(lambda: len(offered()) == 1 and text("verdict").startswith("explored: step 1 of 1"))
    js("document.getElementById('chart').focus()")
    press("u")
    until(lambda: text("verdict").startswith("explored: step 0 of 1"))
    driver.back()
    until(lambda: json.loads(fragment()["path"]) == path)
    until(lambda: text("rest").startswith("Stuck") or "at" in fragment())
    set_bound("duplicate", "1")
    click("explore-go")
    until(lambda: offered() == would_be([], "--drop", "1", "--duplicate", "1"))
    set_bound("duplicate", "")


def refuses_a_path():
    """One that cannot be walked, or read, is told of; the page goes on."""
    driver.get(address + "/#path=%5B%22crash%22%2C%22asker-1%22%5D")
    until(lambda: "step 1 cannot be done here" in text("wrong"))
    driver.get(address + "/#path=%5B%22")
    until(lambda: "no path that can be read" in text("wrong"))
    driver.get(address + "/#seed=1")
    until(lambda: text("verdict").startswith("✓"))


def cancels_a_check():
    click("tab-check")
    put("parties", "asker=9")
    for name in ("drop", "duplicate", "crash"):
        set_bound(name, "4")
    click("check-go")
    until(lambda: re.match(r"[\d,]+ states, depth \d+", text("progress")))
    first = text("progress")
    until(lambda: text("progress") != first)
    click("check-go")
    until(lambda: text("progress") == "cancelled" and text("check-go") == "Check")
    put("parties", "")
    for name in ("drop", "duplicate", "crash"):
        set_bound(name, "")
    until(lambda: text("verdict").startswith("✓"))


def exports():
    """What was explored, as a trace that replays and as a test that fails."""
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": os.getcwd()})
    click("tab-check")
    set_bound("drop", "1")
    click("check-go")
    until(lambda: text("progress").startswith("✗ exhaustive"))
    js("document.querySelector('#found button').click()")
    until(lambda: "path" in fragment())
    click("tab-explore")
    for button, name in (("export-trace", "explored.jsonl"), ("export-test", "explored_test.lua")):
        click(button)
        until(lambda n=name: os.path.exists(n) and os.path.getsize(n) > 0)
    done = afrun("replay", "explored.jsonl", flow)
    assert done.returncode == 0 and "all the same" in done.stdout, done
    done = afrun("test", "explored_test.lua")
    assert done.returncode == 1 and "is stuck in state 'asking'" in done.stdout, done


def drop_file(name):
    js("""((name, text) => { const all = new DataTransfer(); all.items.add(new File([text], name));
        document.getElementById("run").dispatchEvent(new DragEvent("drop", { dataTransfer: all, bubbles: true, cancelable: true })); })
        (arguments[0], arguments[1])""", name, open(name, encoding="utf-8").read())


def shows_a_trace():
    """A counterexample's trace that is dropped is explored, another one shown; what is none is told of."""
    drop_file("explored.jsonl")
    until(lambda: "path" in fragment() and "stuck" in text("rows"))
    afrun("run", flow, "--mock", "--seed", "3", "--trace", "run.jsonl", "--trace-data")
    driver.find_element("id", "trace").send_keys(os.path.abspath("run.jsonl"))
    until(lambda: text("verdict").startswith("run.jsonl · ok"))
    until(lambda: "path" not in fragment() and "asked = 1" in text("parties"))
    with open("run.jsonl", encoding="utf-8") as run, open("cut.jsonl", "w", encoding="utf-8") as cut:
        cut.write(run.readline())
    drop_file("cut.jsonl")
    until(lambda: text("verdict") == "cut.jsonl · no end" and text("count") == "0 rows" and text("parties") == "")
    drop_file(flow)
    until(lambda: text("wrong") != "" and text("verdict").startswith("✗"))
    put("seed", "1")
    until(lambda: text("verdict").startswith("✓"))


HELD = """local af = require "af"
local Go = af.event("go", { word = af.string })
local function took(party, event)
  party.data.took = (party.data.took or 0) + 1
  if event.word == "bad-word" then error "it went wrong" end
  return "second"
end
return af.flow { name = "held", mock = { a = 1, b = 1 }, roles = {
  a = { start = "first", states = { first = { [Go] = took }, second = { [Go] = took } } },
  b = { start = "quiet", states = { quiet = { may_end = true, [Go] = "quiet" } } } } }
"""


def shows_what_a_node_went_through():
    """An incident: what `afrun ctl trace` gives of a party that is held, dropped on the page of who has its flow."""
    os.makedirs("incident/flows")
    with open("incident/flows/held.lua", "w", encoding="utf-8") as out:
        out.write(HELD)
    at = ["--state", "incident/n"]
    node = subprocess.Popen([os.environ["PROGRAM"], "node", "--node", "n", "--bus", "local:incident/bus.db", "--flows", "incident/flows", "--no-watch", *at],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: afrun("ctl", "status", *at).returncode == 0)
        for words in (("launch", "held", "--task", "t", "--role", "a", "--peers", "a=n;b=far"), ("send", "t", "go", '{"word":"good-word"}'),
                      ("send", "t", "go", '{"word":"bad-word"}')):
            done = afrun("ctl", *words, *at)
            assert done.returncode == 0, done
        until(lambda: "held" in afrun("ctl", "status", *at).stdout)
        done = afrun("ctl", "trace", "t", "-o", "incident.jsonl", *at)
        assert done.returncode == 0, done
    finally:
        node.terminate()
        node.wait()
    drop_file("incident.jsonl")
    until(lambda: text("verdict").startswith("incident.jsonl"))
    until(lambda: len(browser.options("rows")) == 4)
    rows = browser.options("rows")
    for row, words in zip(rows, ("first", "its operator gives go", "second", "its operator gives go")):
        assert words in row, rows  # the last is what it is held by, which it has not taken
    assert "n" in text("names"), text("names")
    assert "good-word" not in js("document.documentElement.outerHTML"), "a journal's trace has no contents"
    js("document.activeElement.blur()")
    press("1")
    put("seed", "1")
    until(lambda: text("verdict").startswith("✓"))


LONG = """local af = require "af"
local Ping = af.event("ping", { n = af.integer })
local Rare = af.event("rare", { n = af.integer })
local function play(party, event, from)
  if event.n >= 100000 then return af.done() end
  party:send(from, (event.n % 1000 == 0 and Rare or Ping) { n = event.n + 1 })
  if event.n >= 99999 then return af.done() end
end
local function side(enter) return { start = "play", states = { play = { enter = enter, [Ping] = play, [Rare] = play } } } end
return af.flow { name = "long", mock = { a = 1, b = 1 }, roles = { b = side(),
  a = side(function(party) party:send(party:nodes("b"), Ping { n = 1 }) end) } }
"""


def many_rows():
    """100,000 rows of a real run: only those in sight are there, a filter takes no longer than an eye notices, scrolling is smooth."""
    with open("long.lua", "w", encoding="utf-8") as out:
        out.write(LONG)
    done = afrun("run", "long.lua", "--mock", "--until", "1000h", "--trace", "long.jsonl", "-q")
    assert done.returncode == 0, done
    driver.find_element("id", "trace").send_keys(os.path.abspath("long.jsonl"))
    until(lambda: text("verdict").startswith("long.jsonl"), 120)
    count = int(re.match(r"\d+", text("count")).group())
    assert count >= 100000, count
    (first, _), (again, kept), _ = browser.filters("search", "nothing says so", "rare", "")
    took = js("""(async () => {
      const box = document.getElementById("chart"), frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      const frames = [], drawn = [];
      for (let i = 1; i <= 40; i++) { const begun = performance.now(); box.scrollTop = i * 97000; await frame();
        frames.push(performance.now() - begun); drawn.push(document.querySelectorAll("#rows > div").length); }
      box.focus();
      return { slowest: Math.max(...frames), middle: frames.sort((a, b) => a - b)[20], drawn: Math.max(...drawn) };
    })()""")
    press(Keys.END)
    until(lambda: js("!!document.getElementById(arguments[0])", f"row-{count - 1}"))
    assert kept.startswith("99 of") and took["drawn"] < 100, (kept, took)
    print(f"# {count} rows: filter {first:.0f} ms the first time, then {again:.0f} ms; a frame while scrolling "
          f"{took['middle']:.0f} ms, the slowest {took['slowest']:.0f} ms", flush=True)
    put("seed", "1")
    until(lambda: text("verdict").startswith("✓"))


# A chart in elements of its own, as the page's.
CHART = """const { sequence } = await import("/chart.js"), div = (name) => { const n = document.createElement("div"); n.className = name; return n; };
  const box = div("chart"), names = div("names"), into = div(""); box.append(names, into);
  document.querySelector(".charts").replaceChildren(box); const chart = sequence(box, names, into);"""


def tells_names_apart():
    """Where names are cut they are still told apart, and notes end within the chart."""
    wide(360)
    click("tab-run")
    names, over = until(lambda: js("""(async () => { """ + CHART + """
      chart.show({ parties: [1, 2, 3].map((n) => ({ id: "participant-" + n, role: "participant" })),
        rows: [{ t: 0, kind: "finding", level: "bad", party: "participant-2", text: "stuck in a state, waits for word ".repeat(9) }] });
      chart.filter();
      const all = [...names.querySelectorAll("span")], note = into.querySelector("svg text");
      return [all.map((n) => n.textContent), [...all.filter((n) => n.scrollWidth > n.clientWidth).map((n) => n.textContent),
        ...(note.getBoundingClientRect().left < into.querySelector("time").getBoundingClientRect().right ? ["the note, at the time"] : []),
        ...(note.getBoundingClientRect().right > into.getBoundingClientRect().right ? ["the note"] : [])]];
    })()"""))
    assert len(set(names)) == 3 and names[2].endswith("-3"), names
    assert not over, over
    wide(1500)
    driver.refresh()
    until(lambda: text("verdict").startswith("✓"))


def keeps_a_run_beside():
    """Two seeds side by side, filtered alike."""
    click("pin")
    kept = js("document.getElementById('beside').getAttribute('aria-label')")
    assert "✓ ok" in kept, kept
    put("seed", "2")
    until(lambda: js("document.body.dataset.seed") == "2")
    both = js("['rows', 'beside-rows'].map((n) => [...document.querySelectorAll('#' + n + ' > div')].map((m) => m.textContent).join())")
    assert both[0] != both[1] and all("answer" in one for one in both), both
    js("((n) => { n.value = 'done'; n.dispatchEvent(new Event('input', { bubbles: true })); })(document.getElementById('search'))")
    until(lambda: js("document.querySelectorAll('#beside-rows > div').length") == 2)
    js("((n) => { n.value = ''; n.dispatchEvent(new Event('input', { bubbles: true })); })(document.getElementById('search'))")
    click("pin")
    assert js("document.getElementById('beside').hidden")
    put("seed", "1")
    until(lambda: js("document.body.dataset.seed") == "1")


DOOMED = """local af = require "af"
local Rare = af.event("rare", {})
return af.flow { name = "doomed", mock = { one = 1 }, roles = { one = { start = "turning", states = {
  turning = { after = { 3600, "back" }, [Rare] = "lost" },
  back = { after = { 3600, "turning" } },
  lost = { enter = function() return af.done() end } } } } }
"""


def covers_and_exports_what_has_no_end():
    """What a check has never come to is marked on the diagrams; a test of no way left fails as the check does."""
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": os.getcwd()})
    with open("doomed.lua", "w", encoding="utf-8") as out:
        out.write(DOOMED)
    process = of_another("doomed.lua")
    try:
        click("tab-check")
        click("check-go")
        until(lambda: text("progress").startswith("✗ exhaustive"))
        never = json.loads(afrun("check", "doomed.lua", "--json").stdout)["unreached"]
        marks = js("[...document.querySelectorAll('#picture .never title')].map((n) => n.textContent)")
        assert never and sorted(marks) == sorted("never reached: " + one["what"] for one in never), (marks, never)
        js("document.querySelector('#found button').click()")
        until(lambda: "path" in fragment() and text("verdict").startswith("explored"))
        if os.path.exists("explored_test.lua"):
            os.remove("explored_test.lua")
        click("tab-explore")
        click("export-test")
        until(lambda: os.path.exists("explored_test.lua") and os.path.getsize("explored_test.lua") > 0)
        done = afrun("test", "explored_test.lua")
        assert done.returncode == 1 and "is in state" in done.stdout, done
    finally:
        back_from(process)


SECOND = """local af = require "af"
local Ask = af.event("<img src=x onerror=hurt=1>", { question = af.string })
local Answer = af.event("answer", { text = af.string })
return af.flow { name = "<script>window.hurt=1</script>", version = 2, mock = { asker = 2, oracle = 1 },
  migrate = function(old)
    if old.role == "oracle" then error "not this one" end
    old.data.moved = true
    return { state = "waiting", data = old.data }
  end,
  roles = {
    asker = { start = "waiting", states = { waiting = { [Answer] = function(party, event) return af.done(event.text) end } } },
    oracle = { start = "<script>listening", states = { ["<script>listening"] = { may_end = true,
      [Ask] = function(party, event, from) party:send(from, Answer { text = "because" }) end } } },
  } }
"""


def of_another(path, *options):
    """A studio of another flow, in the same browser: its address; and the process."""
    process = subprocess.Popen([os.environ["PROGRAM"], "studio", path, "--no-browser", *options], stdout=subprocess.PIPE, text=True)
    other = process.stdout.readline().strip()
    places.add(urllib.parse.urlsplit(other).netloc)
    driver.get(other)
    until(lambda: text("verdict").startswith(("✓", "✗")) and js("document.querySelectorAll('#rows > div').length") > 0)
    return process


def back_from(process):
    process.send_signal(signal.SIGINT)
    process.wait()
    driver.get(address + "/#seed=1")
    until(lambda: text("verdict").startswith("✓"))


def tells_what_an_upgrade_does():
    """Of each party where the path stands: the state and the data that the second version makes of it, or why it refuses."""
    with open("second.lua", "w", encoding="utf-8") as out:
        out.write(SECOND)
    process = of_another(flow, "--upgrade", "second.lua")
    try:
        click("tab-explore")
        click("explore-go")
        until(lambda: "[asking] → [waiting]" in text("moved") and "moved = true" in text("moved") and "not this one" in text("moved"))
        assert "What second.lua makes of each" in text("moved") and "asked = 1" in text("moved"), text("moved")
        assert "asker-1 goes on with the second version" in text("next")
    finally:
        back_from(process)


def is_quick():
    """From a knob to the picture: told, and bounded far above what an eye waits for."""
    process = of_another(os.path.join(ROOT, "flows", "sync_state.lua"))
    try:
        took = js("""(async () => {
          const seed = document.getElementById("form").elements.seed, all = [];
          for (let i = 2; i < 10; i++) {
            await new Promise((resolve) => setTimeout(resolve, 250)); // a person's pace
            const begun = performance.now();
            seed.value = i;
            seed.dispatchEvent(new Event("input", { bubbles: true }));
            while (document.body.dataset.seed !== String(i)) await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            all.push(performance.now() - begun);
          }
          return all.sort((a, b) => a - b);
        })()""")
    finally:
        back_from(process)
    print(f"# sync_state, from knob to picture: {took[0]:.0f} ms at best, {took[4]:.0f} ms in the middle", flush=True)


PARTS = """local af = require "af"
local Ask, Answer = af.event("ask", {}), af.event("answer", {})
local Talk = af.part { name = "talk", roles = {
  one = function(at) return { start = "asking", states = {
    asking = { enter = function(party) party:send(party:nodes(at.role "two"), Ask {}) end, [Answer] = function() return at.state "asked" end },
    asked = { enter = function(party) party:send(party:nodes(at.role "two"), Ask {}) end,
      [Answer] = function(party) return at.done(party) end } } } end,
  two = function(at) return { start = "serving", states = { serving = { may_end = true,
    [Ask] = function(party, event, from) party:send(from, Answer {}) end } } } end } }
return af.flow { name = "folded", mock = { one = 1, two = 1 }, roles = {
  one = { start = "talk", states = { talk = Talk.one { done = "over" }, over = { enter = function() return af.done() end } } },
  two = { start = "talk", states = { talk = Talk.two {} } } } }
"""


def folds_parts():
    with open("parts.lua", "w", encoding="utf-8") as out:
        out.write(PARTS)
    done = afrun("run", "parts.lua", "--mock", "--trace", "parts.jsonl", "--trace-data")
    assert done.returncode == 0, done
    drop_file("parts.jsonl")
    until(lambda: text("verdict").startswith("parts.jsonl"))
    all_rows = int(re.match(r"\d+", text("count")).group())
    assert "talk.asked" in text("rows") and js("document.getElementById('fold').checkVisibility()")
    click("fold")
    kept = re.fullmatch(r"(\d+) of (\d+) rows", until(lambda: text("count") if " of " in text("count") else None))
    assert int(kept.group(1)) < int(kept.group(2)) == all_rows, kept.group()
    assert "talk ▸" in text("rows") and "talk.asked" not in text("rows") and "over" in text("rows"), text("rows")
    click("fold")


LASSO = """local af = require "af"
local Again = af.event("again", { on = af.boolean })
return af.flow { name = "round", mock = { one = 1 },
  eventually = { settled = function(world) return world.parties["one-1"].state == "settled" end },
  roles = { one = { start = "turning", states = {
    turning = { enter = function(party) party:send("one-1", Again { on = true }) end, [Again] = "back" },
    back = { enter = function(party) party:send("one-1", Again { on = false }) end, [Again] = "turning" },
    settled = { may_end = true, ignore = { Again } } } } } }
"""


def marks_a_loop():
    """A lasso shows what comes again and again."""
    with open("lasso.lua", "w", encoding="utf-8") as out:
        out.write(LASSO)
    done = afrun("check", "lasso.lua", "--trace", "lasso.jsonl", "--json")
    assert json.loads(done.stdout)["violations"][0]["loop"] is not None, done
    drop_file("lasso.jsonl")
    until(lambda: text("verdict").startswith("lasso.jsonl") and "a loop begins" in text("rows"))
    inside = js("document.querySelectorAll('#rows .in-loop').length")
    assert 0 < inside < js("document.querySelectorAll('#rows > div').length"), inside


def asks_nobody_else():
    browser.asked_only(places, silent=places - {urllib.parse.urlsplit(address).netloc})  # the others have ended since


def speaks_chinese():
    def go(other):
        other.go(address)
        assert "The studio is open to the browser" in other.js("document.body.innerText")
        for cookie in driver.get_cookies():
            other.driver.add_cookie({"name": cookie["name"], "value": cookie["value"]})
        other.go(address)
        other.until(lambda: other.text("verdict").startswith("✓"), 60)
        assert "个参与方" in other.text("verdict")
        label = other.js("""(async () => { """ + CHART + """
          chart.show({ parties: [{ id: "a" }, { id: "b" }], rows: [{ t: 0, kind: "deliver", level: "quiet", from: "a", party: "b", event: "e", mark: "copy, late" }] });
          chart.filter();
          return into.querySelector("svg text").textContent;
        })()""")
        assert label == "e (重复副本，迟到)", label
    in_chinese(go)


def is_not_framed():
    js("""(() => { const f = document.createElement("iframe"); f.id = "f"; f.src = "/"; document.body.append(f); })()""")
    time.sleep(0.3)  # nothing is told of a frame that is refused
    assert js("document.getElementById('f').contentDocument?.getElementById('flow') ?? null") is None


CASES = (opens, reloads, names_stay_names, shows_what_changed, tells_a_wrong_knob, finds_the_bug, comes_back_by_its_address, moves_by_keys,
         reaches_all_by_tab, leads_to_lines, runs_again_when_saved, keeps_a_run_beside, checks, explores, refuses_a_path, cancels_a_check, exports,
         shows_a_trace, shows_what_a_node_went_through, folds_parts, marks_a_loop, covers_and_exports_what_has_no_end, tells_what_an_upgrade_does, is_quick, fits_all_widths, is_dark, speaks_chinese, many_rows, tells_names_apart, asks_nobody_else, is_not_framed)
SHORT = (opens, names_stay_names, shows_what_changed, tells_a_wrong_knob, checks, explores, asks_nobody_else)

named = [name for name in sys.argv[3:] if name != "--short"]
run([case for case in (SHORT if "--short" in sys.argv else CASES) if not named or case is opens or case.__name__ in named], __file__)
driver.quit()
