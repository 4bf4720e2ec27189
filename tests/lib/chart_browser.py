#!/usr/bin/env python3
"""chart_browser.py RUN.html HOSTILE.html BAD.html: pages of `afrun chart --html` in Chromium, from files. A line for each case. RUN is one of
sync_state, BAD one of a flow that gets stuck, each with data; HOSTILE is of a trace whose names would be markup."""
import base64
import os
import re
import sys

from selenium.webdriver.common.keys import Keys

from browser import Browser, run, speaks_chinese

PAGES = ["file://" + os.path.abspath(path) for path in sys.argv[1:4]]
browser = Browser()
driver, js, until, press, text = browser.driver, browser.js, browser.until, browser.press, browser.text


def selected():
    return js("document.querySelector('#rows [aria-selected=true]')?.getAttribute('aria-label')") or ""


def put(name, value):
    js("""((n) => { n.value = arguments[1]; n.dispatchEvent(new Event("input", { bubbles: true })); })(document.getElementById(arguments[0]))""".replace(
        "arguments[1]", repr(value)), name)


def count():
    return [int(n) for n in re.findall(r"\d+", text("count"))]


def opens():
    browser.go(PAGES[0])
    until(lambda: text("verdict").startswith("✓ seed 1: ok · 4 parties, 4 done"))
    assert text("flow") == "sync_state version 1" and driver.title == text("flow"), text("flow")
    assert js("document.querySelectorAll('#rows > div').length") > 3


def shows_contents_and_data():
    js("document.getElementById('chart').focus()")
    for _ in range(40):
        press("j")
        if js("!!document.querySelector('#parties .event')") and js("!!document.querySelector('#parties .of .changed')"):
            break
    assert " → " in selected() and "sent at" in text("parties"), (selected(), text("parties"))
    row = js("new URLSearchParams(location.hash.slice(1)).get('row')")
    kept = selected()
    driver.refresh()
    until(lambda: selected() == kept)
    assert int(row) > 0


def closes_up_what_a_filter_leaves_out():
    every = count()[0]
    tall = js("document.getElementById('rows').offsetHeight")
    for name, value in (("search", "query"), ("party", "participant-2"), ("type", "query")):
        put(name, value)
        kept, told = until(lambda: count() if len(count()) == 2 else None)
        assert 0 < kept < every == told, (name, kept, told)
        assert js("document.getElementById('rows').offsetHeight") == tall // every * kept
        put(name, "")
        until(lambda: count() == [every])


def stretches_to_true_time():
    """Distances between rows are then in proportion to the time between them, where there is room for a row."""
    js("document.getElementById('chart').focus()")
    press("t")
    assert js("document.getElementById('time').checked")
    wide = js("""(() => { const told = JSON.parse(document.getElementById("told").textContent).rows, rows = [...document.querySelectorAll("#rows > div")]
        .map((n) => [told[Number(n.id.slice(4))].t, parseFloat(n.style.top)]).sort((a, b) => a[1] - b[1]);
      return rows.slice(1).map(([t, top], i) => [t - rows[i][0], top - rows[i][1]]); })()""")
    scales = [gap / dt for dt, gap in wide if gap > 44.5]
    assert len(scales) > 2 and max(scales) - min(scales) < 1e-4 * max(scales), wide
    assert all(gap >= 44 for _, gap in wide) and "↕" in text("rows"), wide
    press("t")
    until(lambda: "↕" not in text("rows"))


def goes_by_keys():
    press(Keys.HOME)
    until(lambda: "row=0" in js("location.hash"))
    press("/")
    assert browser.focus() == "search"
    press("nothing of the kind")
    until(lambda: count()[0] == 0)
    press(Keys.ESCAPE)
    until(lambda: len(count()) == 1)
    press("?")
    until(lambda: js("document.getElementById('help').open"))
    browser.is_sound("help")
    press(Keys.ESCAPE)
    browser.tabs_reach({"help-open", "search", "party", "type", "time", "chart", "parties"}, 20)


def fits_all_widths():
    for size in (360, 700, 1300, 2560):
        for is_dark in (False, True):
            browser.dark(is_dark)
            browser.wide(size)
            for view in ("run", "held"):
                if js("document.getElementById('tab-' + arguments[0]).checkVisibility()", view):
                    browser.click("tab-" + view)
                until(lambda name=view: js("document.getElementById(arguments[0]).checkVisibility()", name))
                browser.is_sound((view, size, is_dark))
            assert js("getComputedStyle(document.body).backgroundColor") == ("rgb(20, 23, 27)" if is_dark else "rgb(255, 255, 255)")
    browser.dark(False)
    browser.wide(1300)


def leads_to_the_failure():
    browser.go(PAGES[2])
    until(lambda: "✗" in text("verdict"))
    js("document.getElementById('chart').focus()")
    press("f")
    until(lambda: "stuck" in selected())
    assert "asker-1" in js("document.querySelector('#parties .of summary').textContent")


def prints_every_row():
    rows = js("""JSON.parse(document.getElementById("told").textContent).rows.length""")
    assert rows > js("document.querySelectorAll('#rows > div').length"), rows
    js("""window.addEventListener("beforeprint", () => { const drawn = [...document.querySelectorAll("#rows > div")];
        window.printed = [drawn.length, drawn.at(-1).id]; })""")
    paper = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert js("window.printed") == [rows, f"row-{rows - 1}"], js("window.printed")
    assert len(re.findall(rb"/Type /Page\b", paper)) >= rows * 44 // 1100, paper[-300:]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert js("['search', 'held', 'help-open', 'chart'].filter((n) => document.getElementById(n).checkVisibility())") == ["chart"]
    assert js("getComputedStyle(document.getElementById('chart')).overflow") == "visible"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    until(lambda: js("document.querySelectorAll('#rows > div').length") < rows)


def names_stay_names():
    browser.go(PAGES[1])
    until(lambda: js("document.querySelectorAll('#rows > div').length") > 1)
    js("document.getElementById('chart').focus()")
    press(Keys.END, "k")
    assert "</style><script>" in text("parties"), text("parties")
    assert js("window.hurt") is None and js("document.querySelectorAll('script').length") == 2 and not js("document.querySelectorAll('img').length")
    assert text("flow").startswith("</script>") and "<!--" in text("rows") and "<img" in text("rows"), text("rows")


def speaks_the_readers_tongue():
    def go(other):
        other.go(PAGES[0])
        other.until(lambda: "个参与方" in other.text("verdict"))
    speaks_chinese(go)


def asks_nobody():
    browser.asked_only({""})


run((opens, shows_contents_and_data, closes_up_what_a_filter_leaves_out, stretches_to_true_time, goes_by_keys, fits_all_widths,
     leads_to_the_failure, prints_every_row, names_stay_names, speaks_the_readers_tongue, asks_nobody), __file__)
driver.quit()
