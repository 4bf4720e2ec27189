#!/usr/bin/env python3
"""node_browser.py LINK FOLDER: the page of a node in Chromium, as its operator uses it. A line for each case. FOLDER has `again`, a
command that kills the node and starts it as it was; node_ui.sh says which parties there are."""
import os
import subprocess
import sys
import time
import urllib.parse

from selenium.webdriver.common.keys import Keys

from browser import Browser, run, speaks_chinese

link, folder = sys.argv[1:3]
address = link.split("/?")[0]
browser = Browser(patience=60)
driver, js, until, press, text = browser.driver, browser.js, browser.until, browser.press, browser.text


def look(task):
    js("location.hash = '#view=one&task=' + encodeURIComponent(arguments[0])", task)
    browser.shows("about", task)


def act(name, words):
    """An action, confirmed: what it says is as expected."""
    browser.click(name)
    until(lambda: js("document.getElementById('confirm').open"))
    assert words in text("confirm-title"), text("confirm-title")
    browser.click("yes")
    until(lambda: not js("document.getElementById('confirm').open"))


def label(task):
    return next((one for one in browser.options("parties-list") if f"task {task}:" in one), "")


def opens():
    browser.go(link)
    until(lambda: text("node") == "n" and len(browser.options("parties-list")) == 5)
    assert "token" not in driver.current_url, driver.current_url
    assert js("document.cookie") == ""
    assert text("verdict").startswith("✗ 5 parties, 1 held or broken, 1 launches wait"), text("verdict")


def shows_what_is_wrong_first():
    labels = browser.options("parties-list")
    assert "task t4: held since" in labels[0] and "it went wrong" in labels[0], labels
    assert "nothing has come from far" in label("t1"), labels


def names_stay_names():
    until(lambda: label("<script>t"))
    look("t1")
    browser.shows("timeline", "idle")
    look("<script>t")
    assert js("window.hurt") is None and js("document.querySelectorAll('script,img').length") == 1


def goes_by_keys():
    js("document.activeElement.blur()")
    press("1")
    until(lambda: browser.focus() == "parties-list")
    press(Keys.HOME)
    until(lambda: js("document.querySelector('#parties-list [aria-selected=true]')?.getAttribute('aria-posinset')") == "1")
    press("j", "j", "k")
    until(lambda: js("document.querySelector('#parties-list [aria-selected=true]').getAttribute('aria-posinset')") == "2")
    press("/")
    until(lambda: browser.focus() == "find")
    press("t4", Keys.ESCAPE)
    until(lambda: browser.focus() == "parties-list" and len(browser.options("parties-list")) == 5)
    press(Keys.HOME, Keys.ENTER)
    browser.shows("about", "t4")
    browser.shows("waits", "it went wrong")
    press("?")
    until(lambda: js("document.getElementById('help').open"))
    press(Keys.ESCAPE)
    until(lambda: not js("document.getElementById('help').open"))


def cancels():
    look("t2")
    browser.click("do-stop")
    until(lambda: js("document.getElementById('confirm').open") and browser.focus() == "no")
    press(Keys.ENTER)  # what has the focus changes nothing
    until(lambda: not js("document.getElementById('confirm').open"))
    browser.click("do-stop")
    press(Keys.ESCAPE)
    until(lambda: not js("document.getElementById('confirm').open"))
    assert '"what":"stop","task":"t2"' not in open(os.path.join(folder, "audit.log"), encoding="utf-8").read()
    browser.shows("waits", "waiting")


def sends_pauses_and_goes_on():
    look("t1")
    browser.click("do-send")
    until(lambda: js("document.getElementById('confirm').open") and browser.focus() == "event")
    press("go")
    js("document.getElementById('fields').focus()")
    js("document.getElementById('fields').select()")
    press('{"word":"<b>there"}')
    browser.click("yes")
    until(lambda: "<img src=x onerror=hurt=1>" in text("facts"))
    browser.shows("log-text", "went <b>there")
    browser.click("again")
    until(lambda: js("document.querySelectorAll('#timeline span').length") == 2)
    until(lambda: "go" in text("rows"))
    act("do-pause", "Pause: t1")
    browser.shows("waits", "paused")
    act("do-resume", "Resume: t1")
    browser.shows("waits", "waiting")
    assert js("window.hurt") is None


def tells_what_is_refused():
    browser.click("do-send")
    until(lambda: js("document.getElementById('confirm').open"))
    js("document.getElementById('event').value = 'nothing'")
    browser.click("yes")
    until(lambda: text("verdict").startswith("✗") and "nothing" in text("verdict"))


def has_data_locked():
    look("t1")
    assert not js("document.getElementById('data').checkVisibility()")
    assert "count" not in js("document.getElementById('one').textContent")
    act("unlock", "Show the data: t1")
    browser.shows("data", '"count": 1')
    browser.shows("data", "secret of ")
    assert "strawberry" not in js("document.documentElement.outerHTML")
    look("t2")
    until(lambda: not js("document.getElementById('data').checkVisibility()") and text("data") == "")


def stops():
    look("t2")
    act("do-stop", "Stop: t2")
    browser.shows("waits", "failed")
    until(lambda: not js("document.getElementById('do-stop')"))


def tries_again_with_a_mended_flow():
    look("t4")
    act("do-retry", "Retry: t4")
    browser.shows("waits", "waiting")


def approves_and_refuses_launches():
    js("document.getElementById('tab-launches').click()")
    browser.shows("asked", "t5")
    for words in ("the operator", "asked.lua", "Not granted", "Check"):
        browser.shows("asked", words)
    browser.shows("asked", "✗ something was found: a is in state 'idle'")  # nobody ends it
    js("[...document.querySelectorAll('#asked button')].find((n) => n.getAttribute('aria-label') === 'Launch: t5').id = 'launch-t5'")
    act("launch-t5", "Launch: t5")
    browser.shows("asked", "nothing")
    subprocess.run([os.path.join(folder, "launch"), "t6"], check=True)
    browser.shows("asked", "t6")
    js("[...document.querySelectorAll('#asked button')].find((n) => n.getAttribute('aria-label') === 'Refuse: t6').id = 'refuse-t6'")
    act("refuse-t6", "Refuse: t6")
    browser.shows("asked", "nothing")
    js("document.getElementById('tab-all').click()")
    until(lambda: label("t5") and not label("t6"))


def reloads():
    js("document.getElementById('tab-flows').click()")
    browser.shows("files", "work.lua")
    js("[...document.querySelectorAll('#files button')].find((n) => n.getAttribute('aria-label').endsWith('reload do? work.lua')).click()")
    browser.shows("diff", "Reload would bring")
    browser.shows("diff", "version 1 → 2")
    changes = js("[...document.querySelectorAll('#diff tbody tr')].map((n) => n.innerText.replaceAll('\\t', ' '))")
    assert any("~ count 1 101" in one for one in changes) and any("+ added  true" in one for one in changes), changes
    assert "strawberry" not in js("document.documentElement.outerHTML")
    act("move", "Reload: work.lua")
    until(lambda: "versions 2" in js("[...document.querySelectorAll('#files .card')].find((n) => n.textContent.includes('work.lua')).textContent"))
    js("[...document.querySelectorAll('#files button')].find((n) => n.getAttribute('aria-label').endsWith('roll back do? work.lua')).click()")
    browser.shows("diff", "Roll back")


def stays_through_a_restart():
    """A node that goes away is told, and is picked up where it comes back."""
    subprocess.run([os.path.join(folder, "again"), "stop"], check=True)
    until(lambda: text("verdict").startswith("✗ The node has not answered for"))
    subprocess.run([os.path.join(folder, "again"), "start"], check=True)
    until(lambda: not text("verdict").startswith("✗ The node"))
    js("document.getElementById('tab-all').click()")
    until(lambda: "waiting" in label("t1"))


def asked():
    """What the page has asked for, and has been answered to the end, since it was asked before."""
    names = js("performance.getEntriesByType('resource').map((n) => n.name)")
    js("performance.clearResourceTimings()")
    return [urllib.parse.urlsplit(name).path for name in names]


def send(task, word):
    subprocess.run([os.path.join(folder, "send"), task, word], check=True)


def asks_for_nothing_that_it_is_told():
    """Parties, and the log of the one that is looked at, come by themselves."""
    look("t1")
    until(lambda: text("read").endswith("rows"))
    asked()
    for word in ("once", "again"):
        send("t1", word)
        until(lambda said=word: said in text("log-text"))
    names = asked()
    assert not names, names
    js("document.getElementById('tab-all').click()")
    send("t1", "unseen")
    until(lambda: "in state <img" in label("t1") or "in state idle" in label("t1"))
    look("t1")
    browser.shows("log-text", "unseen")
    names = asked()
    assert set(names) == {"/api/events"}, names


def goes_on_by_polls_where_events_are_cut():
    proxy = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "cutting_proxy.py"), address.rsplit(":", 1)[1], "cut-events"],
                             stdout=subprocess.PIPE, text=True)
    other = Browser()
    try:
        place = f"http://127.0.0.1:{proxy.stdout.readline().strip()}/"
        other.go(place)
        for cookie in driver.get_cookies():
            other.driver.add_cookie({"name": cookie["name"], "value": cookie["value"]})
        other.go(place + "#view=one&task=t1")
        other.driver.refresh()
        for word in ("polled", "polled-again"):
            other.until(lambda: other.text("about") == "t1")
            send("t1", word)
            other.shows("log-text", word)
        assert other.js("performance.getEntriesByType('resource').filter((n) => n.name.endsWith('/api/ask')).length") >= 4
    finally:
        other.driver.quit()
        proxy.kill()
        proxy.wait()


def reaches_all_by_tab():
    look("t1")
    until(lambda: js("!!document.getElementById('do-stop')"))
    browser.tabs_reach({"help-open", "tab-one", "do-pause", "do-send", "do-stop", "timeline", "again", "chart", "unlock", "log"})


def fits_all_widths():
    look("t1")
    browser.fits(["all", "one", "launches", "flows"])


def speaks_the_readers_tongue():
    def go(other):
        other.go(address)
        assert "is open to the browser" in other.js("document.body.textContent")
        for cookie in driver.get_cookies():
            other.driver.add_cookie({"name": cookie["name"], "value": cookie["value"]})
        other.go(address)
        other.until(lambda: "个参与方" in other.text("verdict"))
        other.until(lambda: "等待中" in other.text("parties-list"))
    speaks_chinese(go)


def many_rows():
    """100,000 parties, planted in what the node tells: those in sight alone are there, and a filter is no wait."""
    planted = browser.counts_texts("""{ const real = JSON.parse; JSON.parse = (text) => {
      const told = real(text), one = told.parties?.[0];
      if (one?.status) told.parties = Array.from({ length: 100000 }, (_, i) => ({ ...one, task: "task-" + i, status: i % 9 ? "waiting" : "held" }));
      return told;
    }; }""")
    driver.get(address + "/#view=all")
    driver.refresh()
    until(lambda: text("found") == "100000 rows")
    (first, none), (again, kept), _ = browser.filters_ready("find", 100000, "nothing says so", "TASK-777", "")
    assert none == "0 of 100000 rows" and kept == "111 of 100000 rows", (none, kept)
    assert "held" in browser.options("parties-list")[0] and len(browser.options("parties-list")) < 100
    print(f"# 100000 parties: filter {first:.0f} ms the first time, then {again:.0f} ms", flush=True)
    driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", planted)
    driver.refresh()
    until(lambda: text("found") != "" and "100000" not in text("found"))


def asks_nobody_else():
    browser.asked_only({urllib.parse.urlsplit(address).netloc}, silent=["502", "Failed to load resource"])


def is_not_framed():
    js("""(() => { const f = document.createElement("iframe"); f.id = "f"; f.src = "/"; document.body.append(f); })()""")
    time.sleep(0.3)  # nothing is told of a frame that is refused
    assert js("document.getElementById('f').contentDocument?.getElementById('node') ?? null") is None
    js("document.getElementById('f').remove()")


def pictures():
    if "--pictures" not in sys.argv:
        return
    look("t1")
    browser.picture(os.path.join(folder, "node_one.png"), 1100, 900)
    for view in ("all", "launches", "flows"):
        js("document.getElementById('tab-' + arguments[0]).click()", view)
        browser.picture(os.path.join(folder, f"node_{view}.png"), 1100, 560)
    for view in ("all", "one"):
        js("document.getElementById('tab-' + arguments[0]).click()", view)
        browser.picture(os.path.join(folder, f"node_{view}_360.png"), 360, 700)


run((opens, shows_what_is_wrong_first, names_stay_names, goes_by_keys, cancels, sends_pauses_and_goes_on, tells_what_is_refused, has_data_locked,
     stops, tries_again_with_a_mended_flow, approves_and_refuses_launches, reloads, stays_through_a_restart,
     asks_for_nothing_that_it_is_told, goes_on_by_polls_where_events_are_cut, reaches_all_by_tab,
     fits_all_widths, pictures, speaks_the_readers_tongue, many_rows, asks_nobody_else, is_not_framed), __file__)
driver.quit()
