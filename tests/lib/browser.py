"""browser.py: what tests of pages share: Chromium, driven as people do, and what holds of every page."""
import json
import sys
import time
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service

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
# What a reader of screens would stumble over: a rule of axe-core's each.
FAULTS = """(() => {
  const all = (text) => [...document.querySelectorAll(text)].filter((n) => n.checkVisibility());
  const say = (rule, nodes) => nodes.map((n) => rule + ": " + n.outerHTML.slice(0, 120));
  const ids = [...document.querySelectorAll("[id]")].map((n) => n.id);
  const named = (n) => n.getAttribute("aria-label") || n.textContent.trim() || n.labels?.length || n.getAttribute("aria-labelledby");
  const refers = ["aria-labelledby", "aria-controls", "aria-activedescendant", "for"];
  const parents = { option: "[role=listbox]", tab: "[role=tablist]" };
  return [
    ...say("name", all("button,input,select,textarea,[tabindex='0'],[role=option],[role=link],[role=img],[role=listbox],dialog[open]").filter((n) => !named(n))),
    ...say("duplicate-id", [...document.querySelectorAll("[id]")].filter((n) => ids.indexOf(n.id) !== ids.lastIndexOf(n.id))),
    ...refers.flatMap((name) => say("valid " + name, all("[" + name + "]").filter((n) => n.getAttribute(name).split(" ").some((id) => !ids.includes(id))))),
    ...say("tabindex", all("[tabindex]").filter((n) => n.tabIndex > 0)),
    ...Object.entries(parents).flatMap(([role, parent]) => say("parent of " + role, all("[role=" + role + "]").filter((n) => !n.closest(parent)))),
    ...say("lang", document.documentElement.lang ? [] : [document.documentElement]),
    ...say("title", document.title ? [] : [document.head]),
    ...say("h1", all("h1").length === 1 ? [] : [document.body]),
    ...say("scrolls by keys", all("main *").filter((n) => /auto|scroll/.test(getComputedStyle(n).overflowY) && n.scrollHeight > n.clientHeight + 1
      && n.tabIndex < 0 && !n.querySelector("button,input,select,textarea,a[href],[tabindex]"))),
    ...say("long list scrolls", all("[role=listbox]").filter((n) => n.querySelector(":scope > .rows") && !/auto|scroll/.test(getComputedStyle(n).overflowY))),
    ...say("th", all("th").filter((n) => !n.getAttribute("scope"))),
  ];
})()"""


class Browser:
    def __init__(self, *arguments, size=(1300, 900), bars=False, patience=30):
        self.patience = patience
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={size[0]},{size[1]}",
                         "--disable-background-networking", "--disable-component-update", "--no-first-run", *([] if bars else ["--hide-scrollbars"]), *arguments):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def go(self, url):
        self.driver.get(url)

    def js(self, text, *values):
        return self.driver.execute_script("return (" + text + ")", *values)

    def until(self, what, seconds=None):
        end = time.monotonic() + (seconds or self.patience)
        while True:
            try:
                found = what()
            except (JavascriptException, StaleElementReferenceException):
                found = None
            if found:
                return found
            assert time.monotonic() < end, "it did not come to be: " + str(self.text("verdict") + self.js("document.body.innerText"))[:900]
            time.sleep(0.02)

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def focus(self):
        return self.js("document.activeElement.id")

    def text(self, name):
        return self.js("document.getElementById(arguments[0])?.textContent ?? ''", name)

    def shows(self, name, words):
        return self.until(lambda: words in self.js("document.getElementById(arguments[0]).innerText", name))

    def click(self, name):
        self.until(lambda: self.js("document.getElementById(arguments[0])?.checkVisibility()", name))
        self.js("document.getElementById(arguments[0]).click()", name)

    def options(self, name):
        return self.js("[...document.querySelectorAll('#' + arguments[0] + ' [role=option]')].map((n) => n.getAttribute('aria-label'))", name)

    def wide(self, size):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": size, "height": 800, "deviceScaleFactor": 1, "mobile": size < 800})

    def dark(self, on):
        features = [{"name": "prefers-color-scheme", "value": "dark"}] if on else []
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def picture(self, path, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        time.sleep(0.3)  # lists are drawn again in their new size
        self.driver.save_screenshot(path)

    def is_sound(self, where=""):
        over = self.js("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, (where, over)
        faults = self.js(FAULTS)
        assert not faults, (where, faults[:4])
        low = self.js(CONTRAST)
        assert not low, (where, low[:4])

    def fits(self, views):
        """Each view, at each width, light and dark: nothing beyond the edge, all readable and named."""
        for is_dark in (False, True):
            self.dark(is_dark)
            for size in (360, 700, 1300, 2560) if not is_dark else (360, 1300):
                self.wide(size)
                for view in views:
                    self.js("document.getElementById('tab-' + arguments[0]).click()", view)
                    self.until(lambda name=view: self.js("document.getElementById(arguments[0]).checkVisibility()", name))
                    self.is_sound((view, size, is_dark))
        self.dark(False)
        self.wide(1300)

    def counts_texts(self, planted):
        """A script for new documents that counts the texts that a search is made ready for, besides what it plants."""
        return self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": planted + """
          window.lowered = 0;
          { const real = String.prototype.toLowerCase;
            String.prototype.toLowerCase = function () { window.lowered++; return real.call(this); }; }"""})

    def filters_ready(self, name, rows, *words):
        """As filters(), once the page has made itself ready for a search, unasked: then a search looks at no row's text anew, but where
        something was news meanwhile."""
        self.until(lambda: self.js("window.lowered") >= rows)
        for _ in range(5):
            before = self.js("window.lowered")
            told = self.filters(name, *words)
            if self.js("window.lowered") - before <= len(words):
                return told
        raise AssertionError(f"the rows' texts are made for a search: {self.js('window.lowered') - before}")

    def filters(self, name, *words):
        """How long the page is at work for each of these words, in ms, from the key to the picture, and what it then tells of the count."""
        return self.js("""(async (name, words) => {
          const field = document.getElementById(name), told = [];
          const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
          await new Promise((resolve) => setTimeout(resolve, 1500)); // as a person who sees it first
          for (const one of words) {
            const begun = performance.now();
            field.value = one;
            field.dispatchEvent(new Event("input", { bubbles: true }));
            await frame();
            told.push([performance.now() - begun, (document.getElementById("count") ?? document.getElementById("found")).textContent]);
          }
          return told;
        })(...arguments)""", name, words)

    def tabs_reach(self, wanted, presses=60):
        self.js("document.activeElement.blur()")
        seen = set()
        for _ in range(presses):
            ActionChains(self.driver).send_keys("\ue004").perform()  # not into what takes a file's name
            seen.add(self.focus())
        assert set(wanted) <= seen, set(wanted) - seen

    def asked_only(self, places, silent=()):
        """No request has left for elsewhere, and nothing was complained of."""
        wanted = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith(("data:", "chrome:", "about:", "devtools:", "blob:")):
                    wanted.add(urllib.parse.urlsplit(url).netloc)
        assert wanted == set(places), wanted
        said = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        said = [text for text in said if not any(part in text for part in silent)]
        assert not said, said


def speaks_chinese(go):
    """A browser that speaks Chinese, and whether all words of the page do, once go() has been through it."""
    other = Browser("--lang=zh-CN", "--accept-lang=zh-CN")
    try:
        go(other)
        assert other.js("document.documentElement.lang") == "zh-CN"
        words = other.js("""[...document.querySelectorAll("[data-w],[data-label]")]
            .map((n) => n.hasAttribute("data-w") ? n.textContent : n.getAttribute("aria-label")).filter((t) => !/[\\u4e00-\\u9fff]/.test(t))""")
        assert not words, words
    finally:
        other.driver.quit()


def run(cases, this_file):
    """A line for each case, `ok NAME` or `not ok NAME: WHY`; at the end `ok ends`."""
    for case in cases:
        name = case.__name__.replace("_", " ")
        try:
            case()
            print("ok", name, flush=True)
        except Exception as error:  # pylint: disable=broad-except
            place = error.__traceback__
            while place.tb_next and place.tb_next.tb_frame.f_code.co_filename == this_file:
                place = place.tb_next
            print(f"not ok {name}: line {place.tb_lineno}: {str(error)[:900]!r}", flush=True)
    print("ok ends")
    sys.stdout.flush()
