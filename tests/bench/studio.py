#!/usr/bin/env python3
"""studio.py AFRUN FLOW RUNS: from a knob of the studio's page to the picture, in Chromium. Prints two medians, in microseconds: of runs with
another seed, until the frame with their rows is drawn; and of the floor, by turns: as many bytes from the program's memory, and a frame."""
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from browser import Browser

PACE_MS = 250  # a person's
ROUND = """const [seed, pace] = arguments, done = arguments[arguments.length - 1];
const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
const pause = () => new Promise((resolve) => setTimeout(resolve, pace));
(async () => {
  await pause();
  let begun = performance.now();
  const field = document.getElementById("form").elements.seed, came = new Promise((resolve) => new MutationObserver((_, observer) => {
    if (document.body.dataset.seed !== String(seed)) return;
    observer.disconnect();
    resolve();
  }).observe(document.body, { attributes: true }));
  field.value = seed;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await came;
  await drawn();
  const took = performance.now() - begun;
  await pause();
  begun = performance.now();
  document.getElementById("verdict").textContent = (await (await fetch("/chart.js", { cache: "no-store" })).text()).length;
  await drawn();
  done([took, performance.now() - begun]);
})();"""

afrun, flow, runs = sys.argv[1:]
studio = subprocess.Popen([afrun, "studio", flow, "--no-browser"], stdout=subprocess.PIPE, text=True)
browser = Browser()
try:
    browser.go(studio.stdout.readline().strip())
    browser.until(lambda: "1000" in browser.text("sample"))
    took = [browser.driver.execute_async_script(ROUND, seed, PACE_MS) for seed in range(2, 2 + int(runs))]
finally:
    browser.driver.quit()
    studio.terminate()
    studio.wait()
for which in range(2):
    print(round(statistics.median(one[which] for one in took) * 1000))
