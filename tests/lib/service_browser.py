#!/usr/bin/env python3
"""service_browser.py URL TOKEN FOLDER: the page of `afrun serve` in Chromium. A line for each case. FOLDER has `again`, a command that
ends the service and starts it as it was; tasks T (busy) and '<script>window.hurt=1</script>' are there."""
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

from selenium.webdriver.common.keys import Keys

from browser import Browser, run, speaks_chinese

url, token, folder = sys.argv[1:4]
page = url + "/ui/"
browser = Browser(patience=60)
driver, js, until, press, text = browser.driver, browser.js, browser.until, browser.press, browser.text
EVIL = "<script>window.hurt=1</script>"


def ask(node, what, body):
    request = urllib.request.Request(f"{url}/node/{node}/fed-service/api/v2/{what}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    answer = json.load(urllib.request.urlopen(request, timeout=60))
    assert answer["code"] == 0, answer
    return answer["data"]


def push(sender, to, kind, size=10, task="T"):
    return ask(sender, "message/push", {"task_id": task, "channel": "federated", "node_id_list": [to], "message_title": "task_inside",
                                        "message_content": {"type": kind, "SECRETCONTENT": "x" * size}, "message_time": 1})


def take(node, task="T", **more):
    return ask(node, "message/pop", {"task_id": task, "channel": "federated", "max": 10, "lease_seconds": 60, "holder": "party-of-" + node, **more})


def sign_in(other=browser, at=page):
    other.go(at)
    other.until(lambda: other.js("document.getElementById('login').checkVisibility()"))
    other.js("document.getElementById('token').focus()")
    other.press(token, Keys.ENTER)
    other.until(lambda: other.text("verdict").startswith("✓"))


def tells_who_has_no_token():
    browser.go(page)
    until(lambda: js("document.getElementById('login').checkVisibility()"))
    assert not js("document.getElementById('main').checkVisibility()")
    js("document.getElementById('token').focus()")
    press("wrong-token-0123456789", Keys.ENTER)
    until(lambda: "not the admin's token" in text("wrong"))
    assert not js("document.getElementById('main').checkVisibility()")


def is_open_to_the_admin():
    sign_in()
    assert js("document.cookie") == ""
    assert token not in driver.current_url and token not in json.dumps(js("Object.entries(sessionStorage)"))
    until(lambda: any("task T, node b: " in label for label in browser.options("queues")))


def shows_queues_leases_and_polls():
    push("a", "b", "query", 2000)
    push("a", "b", "sync")
    given = take("b")
    assert len(given["messages"]) >= 2
    label = until(lambda: next((one for one in browser.options("queues") if "task T, node b" in one and "leased by party-of-b × 2" in one), None))
    assert "2 wait" in label and "the oldest" in label, label
    waits = threading.Thread(target=take, args=("c",), kwargs={"wait_seconds": 8})
    waits.start()
    until(lambda: "1 polls wait" in text("verdict"))
    ask("c", "federated/task/progress", {"task_id": "T", "progress_number": 42})
    until(lambda: js("""[...document.querySelectorAll('#queues [role=option]')].some((n) => n.textContent.includes('42 %'))"""))
    push("a", "c", "end")
    waits.join()


def names_stay_names():
    until(lambda: any(EVIL in label for label in browser.options("queues")))
    browser.js("document.getElementById('find').focus()")
    press("window.hurt")
    until(lambda: re.match(r"\d+ of \d+ rows", text("found")))
    press(Keys.ESCAPE)
    browser.js("location.hash = '#view=task&task=' + encodeURIComponent(arguments[0])", EVIL)
    browser.shows("about", EVIL)
    browser.shows("told", "<img src=x onerror=hurt=1>")
    assert js("window.hurt") is None and js("document.querySelectorAll('script,img').length") == 1


def selected():
    """Which task and node; how long its oldest has waited changes."""
    return js("document.querySelector('#queues [aria-selected=true]')?.getAttribute('aria-label')?.split(':')[0]")


def goes_by_keys():
    js("document.activeElement.blur()")
    press("1")
    until(lambda: browser.focus() == "queues")
    press(Keys.HOME)
    first = until(selected)
    press("j")
    until(lambda: selected() != first)
    press("k")
    until(lambda: selected() == first)
    press("/")
    until(lambda: browser.focus() == "find")
    press("task-that-is-not", Keys.ESCAPE)
    until(lambda: browser.focus() == "queues")
    press(Keys.HOME, Keys.ENTER)
    until(lambda: js("document.getElementById('task').checkVisibility()"))
    press("?")
    until(lambda: js("document.getElementById('help').open"))
    press(Keys.ESCAPE)
    until(lambda: not js("document.getElementById('help').open"))
    press("3")
    until(lambda: js("document.getElementById('rates').checkVisibility()"))


def shows_contracts_as_they_pass():
    browser.js("location.hash = '#view=task&task=T'")
    browser.shows("about", "T")
    browser.shows("passing", "contracts have passed")  # it is looked at from now on
    given = push("a", "b", "<b>model", 5000)
    until(lambda: js("document.getElementById('rows').textContent").count("<b>model · 5.0 kB") >= 1)
    taken = [one["message_uuid"] for one in take("b", again=True)["messages"]]
    assert given["message_uuid"] in taken
    ask("b", "message/ack", {"task_id": "T", "channel": "federated", "ack": taken, "holder": "party-of-b"})
    until(lambda: "acknowledged: <b>model" in js("document.getElementById('rows').textContent"))
    assert "SECRET" not in js("document.documentElement.outerHTML")
    assert "a" in text("names") and "b" in text("names")
    press("h")
    until(lambda: js("document.getElementById('hold').getAttribute('aria-pressed')") == "true")
    press("h")


def asks_for_nothing_that_it_is_told():
    """Tasks, rates and contracts come by themselves; a view that wants other things follows these."""
    js("performance.clearResourceTimings()")
    for kind in ("first-of-these", "second-of-these"):
        push("a", "b", kind)
        until(lambda: kind in js("document.getElementById('rows').textContent"))
    names = asked()
    assert not names, names
    js("document.getElementById('tab-rates').click()")
    until(lambda: js("document.querySelectorAll('#plots svg .line').length") == 9)
    js("document.getElementById('tab-audit').click()")
    browser.shows("lines", "ui_login")
    browser.js("location.hash = '#view=task&task=T'")
    push("a", "b", "third-of-these")
    until(lambda: "third-of-these" in js("document.getElementById('rows').textContent"))
    names = asked()
    assert set(names) == {"/ui/events"}, names


def asked():
    """What the page has asked for, and has been answered to the end, since it was asked before."""
    names = js("performance.getEntriesByType('resource').map((n) => n.name)")
    js("performance.clearResourceTimings()")
    return [urllib.parse.urlsplit(name).path for name in names]


def goes_on_by_polls_where_events_are_kept_back():
    proxy = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "cutting_proxy.py"), str(urllib.parse.urlsplit(url).port), "keep-events"],
                             stdout=subprocess.PIPE, text=True)
    other = Browser()
    try:
        sign_in(other, f"http://127.0.0.1:{proxy.stdout.readline().strip()}/ui/#view=task&task=T")
        other.until(lambda: "contracts have passed" in other.text("passing"))
        for kind in ("polled-first", "polled-second"):
            push("a", "b", kind)
            other.until(lambda: kind in other.js("document.getElementById('rows').textContent"))
        assert other.js("performance.getEntriesByType('resource').filter((n) => n.name.endsWith('/ui/live') || n.name.includes('/ui/live?')).length") >= 2
        other.until(lambda: other.text("verdict").startswith("✓"))
    finally:
        other.driver.quit()
        proxy.kill()
        proxy.wait()


def shows_dead_letters():
    uuid = push("a", "b", "odd")["message_uuid"]
    take("b")
    ask("b", "message/ack", {"task_id": "T", "channel": "federated", "holder": "party-of-b", "ack": [], "reject": [{"uuid": uuid, "reason": "no such event"}]})
    browser.shows("told", "no such event")
    js("document.getElementById('tab-tasks').click()")
    until(lambda: any("1 dead letters" in label for label in browser.options("queues")))


def shows_rates_and_refusals():
    js("document.getElementById('tab-rates').click()")
    for _ in range(3):
        push("a", "b", "query")
    until(lambda: js("document.querySelectorAll('#plots svg .line').length") == 9)
    until(lambda: float(js("document.querySelector('#plots svg').getAttribute('aria-label')").split(": ")[1].split("/")[0].replace("–", "0")) >= 0)
    browser.shows("refusals", "ui_login")
    browser.shows("refusals", "401")
    browser.shows("limits", "polls")


def shows_the_audit_log():
    js("document.getElementById('tab-audit').click()")
    browser.shows("lines", "ui_login")
    browser.shows("lines", "create_task")
    assert token not in js("document.documentElement.outerHTML")


def stays_through_a_restart():
    """A service that goes away is told, and is picked up where it comes back: the cookie is good there, too."""
    subprocess.run([os.path.join(folder, "again"), "stop"], check=True)
    until(lambda: text("verdict").startswith("✗ The service has not answered for"))
    subprocess.run([os.path.join(folder, "again"), "start"], check=True)
    until(lambda: text("verdict").startswith("✓"))
    js("document.getElementById('tab-tasks').click()")
    until(lambda: any("task T, node b" in label for label in browser.options("queues")))
    asked()
    push("a", "c", "after-it-has-come-back")
    until(lambda: any("task T, node c: 1 wait" in label for label in browser.options("queues")))
    names = asked()
    assert not names, names  # it is told, as before


def fits_all_widths():
    browser.js("location.hash = '#view=task&task=T'")
    browser.fits(["tasks", "task", "rates", "audit"])


def reaches_all_by_tab():
    js("document.getElementById('tab-tasks').click()")
    browser.tabs_reach({"logout", "help-open", "tab-tasks", "find", "queues"})


def speaks_the_readers_tongue():
    def look(other):
        sign_in(other)
        other.until(lambda: "个轮询等待" in other.text("verdict"))
    speaks_chinese(look)


def many_rows():
    """100,000 nodes of a task, planted in what the service tells: those in sight alone are there, and a filter is no wait."""
    planted = browser.counts_texts("""{ const real = JSON.parse; JSON.parse = (text) => {
      const told = real(text);
      if (told?.data?.tasks) {
        const queues = Array.from({ length: 100000 }, (_, i) => ({ node_id: "node-" + i, channel: "federated", length: i % 7, oldest_s: 3 }));
        told.data.tasks = [{ task_id: "T", queues }];
      }
      return told;
    }; }""")
    driver.get(page + "#view=tasks")
    driver.refresh()
    until(lambda: text("found") == "100000 rows")
    (first, none), (again, kept), _ = browser.filters_ready("find", 100000, "nothing says so", "NODE-777", "")
    assert none == "0 of 100000 rows" and kept == "111 of 100000 rows", (none, kept)
    assert len(browser.options("queues")) < 100
    print(f"# 100000 nodes: filter {first:.0f} ms the first time, then {again:.0f} ms", flush=True)
    driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", planted)
    driver.refresh()
    until(lambda: text("found") != "" and "100000" not in text("found"))


def asks_nobody_else():
    browser.asked_only({urllib.parse.urlsplit(url).netloc}, silent=["401", "Failed to load resource", "ERR_CONNECTION_REFUSED"])


def is_not_framed():
    js("""(() => { const f = document.createElement("iframe"); f.id = "f"; f.src = "/ui/"; document.body.append(f); })()""")
    time.sleep(0.3)  # nothing is told of a frame that is refused
    assert js("document.getElementById('f').contentDocument?.getElementById('queues') ?? null") is None
    js("document.getElementById('f').remove()")


def pictures():
    if "--pictures" not in sys.argv:
        return
    browser.js("location.hash = '#view=task&task=T'")
    browser.picture(os.path.join(folder, "service_task.png"), 1100, 640)
    for view in ("tasks", "rates", "audit"):
        js("document.getElementById('tab-' + arguments[0]).click()", view)
        browser.picture(os.path.join(folder, f"service_{view}.png"), 1100, 640)
    browser.wide(360)
    for view in ("tasks", "task"):
        js("document.getElementById('tab-' + arguments[0]).click()", view)
        browser.picture(os.path.join(folder, f"service_{view}_360.png"), 360, 700)


def signs_out():
    js("document.getElementById('tab-tasks').click()")
    browser.click("logout")
    until(lambda: js("document.getElementById('login').checkVisibility()"))
    assert not js("document.getElementById('main').checkVisibility()")


run((tells_who_has_no_token, is_open_to_the_admin, shows_queues_leases_and_polls, names_stay_names, goes_by_keys, shows_contracts_as_they_pass,
     asks_for_nothing_that_it_is_told, shows_dead_letters, shows_rates_and_refusals, shows_the_audit_log, stays_through_a_restart,
     goes_on_by_polls_where_events_are_kept_back, reaches_all_by_tab, fits_all_widths, speaks_the_readers_tongue, many_rows, asks_nobody_else, is_not_framed, pictures, signs_out), __file__)
driver.quit()
