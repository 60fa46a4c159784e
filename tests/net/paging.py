# SPDX-License-Identifier: GPL-2.0-only
"""The page's tests: a service with clients of its own, page.json, names that outsiders would choose."""
from browser import *

client_host(1)
PORT, HTTP, OTHERS = 7143, "127.0.0.1:9435", "0.0.0.0:9435"
ALICE, BOB = address(1, 2), address(1, 3)
IMAP = service("imap", listen=PORT, user="client/32/64", cap=3)
SOL, LABEL = 0x6863, 1
HOSTILE = [b"<script>alert(1)</script>", b'"><img src=x onerror=alert(1)>', b"'`${x}\\", b"\x01\x1b[31mred\x7f",
           b"\xe2\x80\xaeright to left", "gr\u00fc\u00df \u4e2d".encode(), b"cut \xe4\xb8", b"\xff\xfe"]


def facts(where=HTTP):
    status, headers, body = get(where, "/page.json")
    equal(status, 200, f"status of page.json: {body[:200]}")
    return json.loads(body)


def services(found=None):
    return {s["name"]: s for s in (found or facts())["services"]}


@contextlib.contextmanager
def held(count, source=ALICE, port=PORT):
    """Sessions of one client, its ends and the server's."""
    with listen("0.0.0.0", port) as listener, contextlib.ExitStack() as ends:
        pairs = []
        for _ in range(count):
            with inside("c1"):
                client = ends.enter_context(socket.socket())
                client.bind((source, 0))
                client.connect((address(1), port))
            pairs.append((client, ends.enter_context(listener.accept()[0])))
        yield pairs


def refused(times, source=ALICE, port=PORT):
    for _ in range(times):
        with inside("c1"), socket.socket() as s:
            s.bind((source, 0))
            equal(s.connect_ex((address(1), port)), errno.ECONNREFUSED, "a connect over the cap")


def page_rows(*words):
    return {(u["service"], u["user"]): u for u in facts()["users"] if u["service"] in words and u["active"]}


@contextlib.contextmanager
def frozen():
    """Nothing comes from the client host any more; a neighbour's entry stays, so that packets really go out."""
    with inside("c1"):
        mac = json.loads(run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    run("ip", "neigh", "replace", ALICE, "lladdr", mac, "dev", "v1")
    with inside("c1"):
        run("ip", "link", "set", "eth0", "down")
    try:
        yield
    finally:
        with inside("c1"):
            run("ip", "link", "set", "eth0", "up")


@contextlib.contextmanager
def named(comm):
    """This thread has another name: of whoever listens."""
    libc.prctl(PR_SET_NAME, comm)
    try:
        yield
    finally:
        libc.prctl(PR_SET_NAME, b"python3")
