#!/usr/bin/env python3
"""studio_pictures.py AFRUN FLOW FOLDER 'KNOB=VALUE&…' NAME=WIDTHxHEIGHT,en|zh,light|dark[,VIEW]…: pictures of the studio's page, FOLDER/NAME.png,
with the knobs given; at the row that fails, if one does. Those of flows/gallery: see its README."""
import base64
import collections
import os
import struct
import subprocess
import sys
import time
import zlib

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

afrun, flow, folder, knobs, *pictures = sys.argv[1:]
studio = subprocess.Popen([afrun, "studio", flow, "--no-browser"], stdout=subprocess.PIPE, text=True)
link = studio.stdout.readline().strip()
address, cookies = link.split("/?")[0] + "/", None


def start(tongue):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--lang=" + tongue, "--accept-lang=" + tongue):
        options.add_argument(argument)
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def settled(driver):
    end, last, since = time.monotonic() + 60, None, time.monotonic()
    while time.monotonic() < end:
        now = driver.execute_script("return document.getElementById('verdict').textContent + document.getElementById('sample').textContent"
                                    " + document.querySelectorAll('#rows > div').length")
        if now != last or "…" in now:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 1:
            return
        time.sleep(0.05)


def small(png):
    """The same picture in 256 colours, which is a third of the bytes."""
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        if kind == b"IHDR":
            wide, high, _, colour = struct.unpack(">IIBB", png[at + 8:at + 18])
        data += png[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    data, step = zlib.decompress(data), {2: 3, 6: 4}[colour]
    line, rows, above = wide * step, [], bytearray(wide * step)
    for start in range(0, len(data), line + 1):
        how, now = data[start], bytearray(data[start + 1:start + 1 + line])
        for i in range(line if how else 0):
            a, b, c = (now[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
            near = min((a, b, c), key=lambda v: abs(a + b - c - v))
            now[i] = now[i] + (0, a, b, (a + b) // 2, near)[how] & 255
        above = now
        rows.append([tuple(now[i:i + 3]) for i in range(0, line, step)])
    count = collections.Counter(dot for row in rows for dot in row)
    alike = collections.defaultdict(list)  # by the four upper bits of each part: the most frequent comes first
    for dot, many in count.most_common():
        alike[tuple(v >> 4 for v in dot)].append((many, dot))
    kept = [dots[0][1] for dots in sorted(alike.values(), key=lambda dots: -sum(many for many, _ in dots))[:256]]
    index = {dot: min(range(len(kept)), key=lambda k: sum((x - y) ** 2 for x, y in zip(dot, kept[k]))) for dot in count}
    body = b"".join(b"\0" + bytes(index[dot] for dot in row) for row in rows)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0)), (b"PLTE", bytes(v for dot in kept for v in dot)),
              (b"IDAT", zlib.compress(body, 9)), (b"IEND", b""))
    return png[:8] + b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)


for tongue in ("en", "zh"):
    wanted = [p.partition("=") for p in pictures if p.partition("=")[2].split(",")[1] == tongue]
    if not wanted:
        continue
    driver = start({"en": "en-US", "zh": "zh-CN"}[tongue])
    if cookies is None:  # the link is good once
        driver.get(link)
        cookies = driver.get_cookies()
    else:
        driver.get(address)
        for cookie in cookies:
            driver.add_cookie({"name": cookie["name"], "value": cookie["value"]})
    for name, _, spec in wanted:
        size, _, scheme, *view = spec.split(",")
        width, height = map(int, size.split("x"))
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 800})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        driver.get("about:blank")
        driver.get(address + "#" + knobs)
        settled(driver)
        driver.execute_script("document.getElementById('fail').click()")
        for tab in view:
            driver.execute_script("document.getElementById('tab-' + arguments[0]).click()", tab)
        settled(driver)
        with open(os.path.join(folder, name + ".png"), "wb") as out:
            out.write(small(base64.b64decode(driver.get_screenshot_as_base64())))
    driver.quit()
studio.terminate()
