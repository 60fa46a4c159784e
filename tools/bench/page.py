# SPDX-License-Identifier: GPL-2.0-only
"""What the page for people costs with full tables: the daemon's processor time, by how many look."""
import os
import socket
import threading
import time

from holders import Holders
from report import GOAL, Table
from variants import *

USERS, CONNECTIONS, SECONDS = 50000, 50000, 30
SOCKET = "/run/bench-page.sock"
TOP = f"[headcount]\nmetrics = unix:{SOCKET}\n"


def used_ns(pid):
    """By all its threads."""
    used = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            used += int(file.read().split()[0])
    return used


def ask():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(SOCKET)
        s.sendall(b"GET /page.json HTTP/1.1\r\nHost: bench\r\n\r\n")
        answer = b"".join(iter(lambda: s.recv(1 << 16), b""))
    if b"200 OK" not in answer:
        raise RuntimeError(f"no page: {answer[:200]}")
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def look(over):
    while not over.wait(2):
        ask()


def share(pid, viewers):
    """The part of a core that it used while so many looked."""
    over = threading.Event()
    threads = [threading.Thread(target=look, args=(over,)) for _ in range(viewers)]
    for thread in threads:
        thread.start()
    before, began = used_ns(pid), time.monotonic()
    time.sleep(SECONDS)
    used, seconds = used_ns(pid) - before, time.monotonic() - began
    over.set()
    for thread in threads:
        thread.join()
    return used / seconds / 1e9


def run(options):
    fresh_namespace()
    table = Table(f"The page, {USERS:,} users, {2 * CONNECTIONS:,} sessions, for {SECONDS} s", {
        "viewers": ("who look", "d"), "core": ("of a core", ".2%"), "more": ("more than with nobody", ".2%"),
        "users": ("age of its users, s", ".1f"), "stale": ("of its dead peers, s", ".1f"), **GOAL})
    with caps_events(top=TOP, more="emit = none") as child, Holders(CONNECTIONS, USERS) as holders:
        holders.hold(CONNECTIONS)
        time.sleep(5)
        idle = share(child.pid, 0)
        table.add(viewers=0, core=idle, more=0)
        for viewers in 1, 10:
            more = share(child.pid, viewers) - idle
            found = ask()
            if found["users_count"] < USERS:
                raise RuntimeError(f"only {found['users_count']} users")
            table.add(viewers=viewers, core=more + idle, more=more, users=found["users_ms"] / 1000,
                      stale=found["stale_ms"] / 1000, **table.goal(more, most=0.01))
    return [table]
