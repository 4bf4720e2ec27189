#!/usr/bin/env python3
"""studio_browser.py LINK FLOW [--short] [CASE…]: the studio's page in Chromium, as people use it. A line for each case, `ok NAME` or
`not ok NAME: WHY`. FLOW has a planted bug, and names that would be markup."""
import json
import re
import sys
import time
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

link, flow = sys.argv[1:3]
address = link.split("/?")[0]


def start(*arguments):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1500,950",
                     "--disable-background-networking", "--disable-component-update", "--no-first-run", *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


driver = start()


def js(text, *values):
    return driver.execute_script("return (" + text + ")", *values)


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            found = what()
        except (JavascriptException, StaleElementReferenceException):
            found = None
        if found:
            return found
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def press(*keys):
    driver.switch_to.active_element.send_keys(*keys)


def text(name):
    return js("document.getElementById(arguments[0]).textContent", name)


def put(name, value):
    js("""((f, v) => { f.value = v; f.dispatchEvent(new Event("input", { bubbles: true })); })
        (document.getElementById("form").elements[arguments[0]], arguments[1])""", name, value)


def sampled():
    return until(lambda: re.fullmatch(r"(\d+) of 1000 seeds failed", text("sample")))


def fragment():
    return dict(urllib.parse.parse_qsl(js("location.hash.slice(1)"), keep_blank_values=True))


def selected():
    return js("""document.querySelector("#rows [aria-selected=true]")?.getAttribute("aria-label")""")


def wide(size):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": size, "height": 800, "deviceScaleFactor": 1, "mobile": size < 800})


# What is told of contrast: each text on what is behind it, by WCAG.
CONTRAST = """(() => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => { for (; node; node = node.parentElement) {
    const c = parse(getComputedStyle(node).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const low = [];
  for (const node of document.querySelectorAll("body *")) {
    if (!node.checkVisibility() || ![...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(node), ink = parse(node instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(node))].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push(node.tagName + "." + (node.getAttribute("class") || "") + " " + ratio.toFixed(2) + " " + node.textContent.slice(0, 20));
  }
  return low;
})()"""
NAMELESS = """[...document.querySelectorAll("button,input,select,textarea,[tabindex='0'],[role=option],[role=link]")]
  .filter((n) => n.checkVisibility() && !(n.getAttribute("aria-label") || n.textContent.trim() || n.labels?.length
    || n.getAttribute("aria-labelledby"))).map((n) => n.outerHTML.slice(0, 120))"""


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
    assert js("document.querySelector('#parties .of summary').textContent").startswith("asker-")
    state = fragment()
    assert state["seed"] == failing[0][5:] and state["drop"] == "0.3" and state["row"], state


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
    until(lambda: driver.switch_to.active_element.get_attribute("id") == "text")
    press("/")
    until(lambda: driver.switch_to.active_element.get_attribute("id") == "search")
    press("stuck")
    until(lambda: re.match(r"\d of \d+ rows", text("count")))
    press(Keys.ESCAPE)
    until(lambda: re.fullmatch(r"\d+ rows", text("count")))
    press("s")
    until(lambda: driver.switch_to.active_element.get_attribute("id") == "strip")
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
    js("document.activeElement.blur()")
    wanted = {"fail", "help-open", "strip", "search", "chart", "parties", "picture", "text"}
    seen = set()
    for _ in range(80):
        press(Keys.TAB)
        seen.add(driver.switch_to.active_element.get_attribute("id"))
    assert wanted <= seen, wanted - seen


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
    for view in ("knobs", "run", "held", "states", "source"):
        if size < 1100:
            js("document.getElementById('tab-' + arguments[0]).click()", view)
        until(lambda: js("document.getElementById(arguments[0]).checkVisibility()", view))
        over = js("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, (size, view, over)
        nameless = js(NAMELESS)
        assert not nameless, nameless
        low = js(CONTRAST)
        assert not low, (size, view, low[:5])


def fits_all_widths():
    for size in (360, 700, 1100, 1500, 2560):
        fits(size)


def is_dark():
    light = js("getComputedStyle(document.body).backgroundColor")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    assert js("getComputedStyle(document.body).backgroundColor") != light
    fits(360)
    fits(1500)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def many_rows():
    """100,000 rows: only those in sight are there, and a filter takes no longer than an eye notices."""
    took = js("""(async () => {
      const chart = await import("/chart.js");
      const rows = Array.from({ length: 100000 }, (_, i) => ({ t: i * 1000, kind: "deliver", level: "plain", party: "b", from: "a",
        event: i % 1000 ? "plain" : "rare", after: [{ party: "b", status: "active", state: "s", deferred: [], timers: [], coming: 0 }] }));
      chart.whenMoved(() => {});
      chart.show({ parties: [{ id: "a", role: "a" }, { id: "b", role: "b" }], rows });
      chart.filter("", "", "");
      chart.filter("warm", "", "");
      const begun = performance.now(), kept = chart.filter("rare", "", ""), took = performance.now() - begun;
      chart.filter("", "", "");
      chart.select(99999);
      return { took, kept, drawn: document.querySelectorAll("#rows > div").length, last: !!document.getElementById("row-99999") };
    })()""")
    assert took["kept"] == 100 and took["drawn"] < 100 and took["last"], took
    assert took["took"] < 400, took  # alone it is some 20 ms


def tells_names_apart():
    """Where names are cut they are still told apart, and notes end within the chart."""
    wide(360)
    js("document.getElementById('tab-run').click()")
    names, over = until(lambda: js("""(async () => {
      const chart = await import("/chart.js");
      chart.show({ parties: [1, 2, 3].map((n) => ({ id: "participant-" + n, role: "participant" })),
        rows: [{ t: 0, kind: "finding", level: "bad", party: "participant-2", text: "stuck in a state, waits for word ".repeat(9) }] });
      chart.filter("", "", "");
      const names = [...document.querySelectorAll("#names span")], note = document.querySelector("#rows svg text");
      return [names.map((n) => n.textContent), [...names.filter((n) => n.scrollWidth > n.clientWidth).map((n) => n.textContent),
        ...(note.getBoundingClientRect().left < document.querySelector("#rows time").getBoundingClientRect().right ? ["the note, at the time"] : []),
        ...(note.getBoundingClientRect().right > document.getElementById("rows").getBoundingClientRect().right ? ["the note"] : [])]];
    })()"""))
    assert len(set(names)) == 3 and names[2].endswith("-3"), names
    assert not over, over
    wide(1500)


def asks_nobody_else():
    wanted = set()
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            if not url.startswith(("data:", "chrome:", "about:", "devtools:")):
                wanted.add(urllib.parse.urlsplit(url).netloc)
    assert wanted == {urllib.parse.urlsplit(address).netloc}, wanted
    said = [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert not said, said


def speaks_chinese():
    other = start("--lang=zh-CN", "--accept-lang=zh-CN")
    try:
        other.get(address)
        assert "The studio is open to the browser" in other.find_element("tag name", "body").text
        for cookie in driver.get_cookies():
            other.add_cookie({"name": cookie["name"], "value": cookie["value"]})
        other.get(address)
        end = time.monotonic() + 60
        while not other.find_element("id", "verdict").text.startswith("✓") and time.monotonic() < end:
            time.sleep(0.05)
        assert other.execute_script("return document.documentElement.lang") == "zh-CN"
        words = other.execute_script("""return [...document.querySelectorAll("[data-w],[data-label]")]
            .map((n) => n.hasAttribute("data-w") ? n.textContent : n.getAttribute("aria-label"))
            .filter((t) => !/[\\u4e00-\\u9fff]/.test(t))""")
        assert not words, words
        assert "个参与方" in other.find_element("id", "verdict").text
        label = other.execute_script("""return (async () => {
          const chart = await import("/chart.js");
          chart.show({ parties: [{ id: "a" }, { id: "b" }], rows: [{ t: 0, kind: "deliver", level: "quiet", from: "a", party: "b", event: "e", mark: "copy, late" }] });
          chart.filter("", "", "");
          return document.querySelector("#rows svg text").textContent;
        })()""")
        assert label == "e (重复副本，迟到)", label
    finally:
        other.quit()


def is_not_framed():
    js("""(() => { const f = document.createElement("iframe"); f.id = "f"; f.src = "/"; document.body.append(f); })()""")
    time.sleep(0.3)  # nothing is told of a frame that is refused
    assert js("document.getElementById('f').contentDocument?.getElementById('flow') ?? null") is None


CASES = (opens, reloads, names_stay_names, shows_what_changed, tells_a_wrong_knob, finds_the_bug, comes_back_by_its_address, moves_by_keys,
         reaches_all_by_tab, leads_to_lines, runs_again_when_saved, fits_all_widths, is_dark, speaks_chinese, asks_nobody_else, many_rows,
         tells_names_apart, is_not_framed)
SHORT = (opens, names_stay_names, shows_what_changed, tells_a_wrong_knob, asks_nobody_else)

wanted_cases = [name for name in sys.argv[3:] if name != "--short"]
for case in SHORT if "--short" in sys.argv else CASES:
    if wanted_cases and case is not opens and case.__name__ not in wanted_cases:
        continue
    name = case.__name__.replace("_", " ")
    try:
        case()
        print("ok", name, flush=True)
    except Exception as error:  # pylint: disable=broad-except
        place = error.__traceback__
        while place.tb_next and place.tb_next.tb_frame.f_code.co_filename == __file__:
            place = place.tb_next
        print(f"not ok {name}: line {place.tb_lineno}: {str(error)[:600]!r}", flush=True)
driver.quit()
print("ok ends")
