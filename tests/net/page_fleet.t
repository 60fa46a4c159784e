#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The page's fleet: what status has of it, whatever the store says and hosts are called, and in a browser."""
from fleets import *
from paging import *

STORE = f"valkey://127.0.0.1:{STORE_PORT}"
EVIL = "<b>&\"'<img src=x onerror=alert(1)>\u202e"
TEXT = "document.getElementById('fleet').innerText"
# Where two letters of what follows the name are: of the name's, none may turn the rest around.
ORDER = """(() => { const text = document.getElementById('fleet-about').firstChild, range = document.createRange();
const left = (i) => { range.setStart(text, i); range.setEnd(text, i + 1); return range.getBoundingClientRect().left; };
return left(0) < left(5); })()"""


def fleet_at(store=STORE, **settings):
    return metrics_at(HTTP, section("fleet", store=store, lease=f"{LEASE}s", **settings) +
                      service("imap", listen=PORT, scope="fleet", cap=3) + service("pop", listen=PORT + 1, cap=3))


def part():
    return facts()["fleet"]


class Unkind(threading.Thread):
    """A store that answers each connection with this error, in its first line."""

    def __init__(self, words):
        super().__init__(daemon=True)
        self.words, self.listener = words, socket.create_server(("127.0.0.1", STORE_PORT))
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                peer = self.listener.accept()[0]
                peer.sendall(b"-" + self.words + b"\r\n")
                peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join(10 * SLOW)


@test
def as_status():
    """page.json has what status has; a store that goes is seen to be away, and to be back; without [fleet] there is none"""
    with Store() as store, Headcount(fleet_at(name="front1", alone="refuse")), listen("0.0.0.0", PORT):
        until(lambda: part() and part()["shards"][0]["stage"] == "ready", "the store to grant", 10 * LEASE)
        with inside("c1"):
            client = socket.create_connection((address(1), PORT))
        with client:
            until(lambda: part()["units"] == 1, "the unit of a client")
            ours, theirs = part(), ask("status")["fleet"]
            equal([ours[key] for key in ("name", "users", "units", "debts", "alone", "alone_unix_ms")],
                  [theirs[key] for key in ("name", "users", "units", "debts", "alone", "alone_since")], "the fleet")
            shard, other = ours["shards"][0], theirs["shards"][0]
            equal([shard[key] for key in ("stage", "members", "store", "why")],
                  [other["stage"], other["members"], other["server"], other["why"] or ""], "its store")
            equal((str(shard["epoch"]), 0 < shard["lease_ms"] <= 1000 * LEASE, shard["answer_us"] > 0),
                  (other["epoch"].partition(".")[0], True, True), f"its store: {shard}")
            equal([services()[name]["scope"] for name in ("imap", "pop", "inbound")], ["fleet", "host", "host"], "whose caps")
        store.end()
        until(lambda: part()["alone_unix_ms"], "that it is alone", 10 * LEASE)
        equal((part()["shards"][0]["stage"], part()["shards"][0]["lease_ms"]), ("alone", 0), "the store")
        store.begin()
        until(lambda: part()["shards"][0]["stage"] == "ready", "that it is back", 10 * LEASE)
        equal(part()["alone_unix_ms"], None, "alone since")
    with Headcount(metrics_at(HTTP, IMAP)):
        equal(part(), None, "a fleet that is not configured")


@test
def in_a_browser():
    """the browser shows it, marks the services, follows, and has no place for it where there is none"""
    with Store() as store, Headcount(fleet_at(name="front1")):
        with Browser(f"http://{HTTP}/") as page:
            until(lambda: page.rows("stores") and page.rows("stores")[0][1] == "ready", "a store that grants", 10 * LEASE)
            equal(page.rows("stores")[0][0], f"127.0.0.1:{STORE_PORT}", "the store")
            equal("This host is front1; it holds 0 units of 0 users" in page.of(TEXT), True, page.of(TEXT))
            marked = {row[0].split("\n")[0]: "of the fleet" in row[0] for row in page.rows("services")}
            equal([marked[name] for name in ("imap", "pop")], [True, False], "services that are marked")
            store.end()
            until(lambda: page.rows("stores")[0][1] == "alone", "that it is alone", 10 * LEASE)
            equal("alone = local says what a user may have here" in page.of(TEXT), True, page.of(TEXT))
            equal(page.complaints, [], "what it complains of")
    with Headcount(metrics_at(HTTP, IMAP)), Browser(f"http://{HTTP}/") as page:
        until(lambda: page.rows("services"), "services")
        equal(page.of("document.getElementById('fleet').hidden"), True, "no fleet")


@test
def hostile():
    """a host's name and a store's words are text, whatever they are, and the page is no wider for them"""
    words = b"ERR <img src=x onerror=alert(1)>\x1b[31m\xff" + b"x" * 100
    node = ["unshare", "-u", "sh", "-c", 'printf %s "$0" >/proc/sys/kernel/hostname && exec "$@"', EVIL]
    with Unkind(words), Headcount(fleet_at(), wrap=node):
        shard = until(lambda: part() and part()["shards"][0]["why"] and part()["shards"][0], "why there is no store")
        equal("<img src=x onerror=alert(1)>\x1b[31m\ufffd" in shard["why"], True, f"why: {shard['why']!r}")
        equal(part()["name"], EVIL, "the name")
        for dark, width in (False, 360), (True, 360), (False, 1280), (True, 1280):
            with Browser(f"http://{HTTP}/", width=width, height=800, dark=dark) as page:
                until(lambda: page.rows("stores"), "the store")
                equal("<img src=x onerror=alert(1)>" in page.rows("stores")[0][0], True, f"as text: {page.rows('stores')}")
                equal(f"This host is {EVIL};" in page.of(TEXT), True, page.of(TEXT))
                equal(page.of("document.querySelectorAll('img, b').length"), 0, "elements of theirs")
                equal(page.of(ORDER), True, "from left to right")
                equal(page.of("document.documentElement.scrollWidth <= innerWidth"), True, f"it fits in {width}")
                equal(page.complaints, [], "what it complains of")
                if "PICTURES" in os.environ:
                    page.picture(f"{os.environ['PICTURES']}/fleet-{width}-{'dark' if dark else 'light'}.png")


main()
