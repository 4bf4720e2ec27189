"""Tries tokens at a service, and asks it with right ones meanwhile; used by e2e/serve_guesses.sh.

    guesses.py URL          prints TAP lines without a plan
    guesses.py URL leave    guesses until one waits, says so, and prints what that one is answered

The service believes a proxy at this address, so who asks is anybody."""

import http.client
import json
import statistics
import sys
import threading
import time
import urllib.parse

PARTS = urllib.parse.urlparse(sys.argv[1])
V2 = "/fed-service/api/v2"
LOGIN = "/alpha-med/fed-bass?cmb=Login"


def case(holds, name, why=""):
    print(f"{'ok' if holds else 'not ok'} {name}", flush=True)
    if not holds:
        print(f"#   {why}", flush=True)


def ask(path, body, token=None, address="192.0.2.1"):
    """The answer's status, and how long it took."""
    connection = http.client.HTTPConnection(PARTS.hostname, PARTS.port, timeout=30)
    head = {"Content-Type": "application/json", "X-Forwarded-For": address}
    if token:
        head["Authorization"] = f"Bearer {token}"
    began = time.monotonic()
    connection.request("POST", path, json.dumps(body), head)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, time.monotonic() - began


def pop(token, **kwargs):
    return ask(V2 + "/message/pop", {"task_id": "T", "channel": "federated"}, token, **kwargs)


def log_in(node, password, **kwargs):
    return ask(LOGIN, {"UserName": node, "Password": password}, **kwargs)


def at_once(count, attempt):
    """So many attempts together: what each came to, in the order of their numbers."""
    found = [None] * count

    def run(number):
        found[number] = attempt(number)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    return threads, found


def main():
    first = pop("wrong-0123456789")
    case(first[0] == 401 and first[1] < 0.3, "the first is answered at once", first)
    times = [pop(f"wrong-{i}-0123456789")[1] for i in range(20)]
    case(sum(times[15:]) > sum(times[:5]) + 0.5, "they are answered later and later", times)
    other = pop("wrong-0123456789", address="192.0.2.77")
    case(other[0] == 401 and other[1] < 0.15, "those of another address are not", other)
    right = [pop("token-of-a-0123456789") for _ in range(20)]
    case(all(status == 200 for status, _ in right) and statistics.median(took for _, took in right) < 0.05,
         "who has a right one is not slowed, at the same address", right)

    began = time.monotonic()
    threads, found = at_once(200, lambda number: pop(f"many-{number}-0123456789"))
    right = []
    while any(thread.is_alive() for thread in threads):
        right.append(pop("token-of-a-0123456789"))
        time.sleep(0.01)
    took = time.monotonic() - began
    case(all(status == 401 for status, _ in found), "200 at a time are all refused", found[:3])
    case(sum(wait > 0.9 for _, wait in found) > 150, "… most of them after a second", sorted(wait for _, wait in found)[::20])
    case(took < 10, "… and none after much more", took)
    case(all(status == 200 for status, _ in right) and statistics.median(wait for _, wait in right) < 0.25,
         "… while who has a right one goes on", right)

    times = [log_in("a", f"wrong-{i}", address=f"198.51.100.{i}") for i in range(20)]
    case(sum(wait for _, wait in times[15:]) > sum(wait for _, wait in times[:5]) + 0.5,
         "passwords for one name are slowed from whatever address", times)
    good = log_in("a", "token-of-a-0123456789")
    case(good[0] == 200 and good[1] < 0.3, "… but for the right one", good)
    times = [pop("wrong-0123456789", address=f"2001:db8:7:7::{i:x}")[1] for i in range(1, 21)]
    case(sum(times[15:]) > sum(times[:5]) + 0.5, "addresses of one network of IPv6 are one", times)


def leave():
    threads, found = at_once(60, lambda number: pop(f"wrong-{number}-0123456789"))
    while sum(result is not None for result in found) < 15:
        time.sleep(0.01)
    print("waits", flush=True)
    for thread in threads:
        thread.join()
    print(found[-1])


leave() if sys.argv[2:] == ["leave"] else main()
