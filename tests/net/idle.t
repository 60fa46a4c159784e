#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: it closes what is idle outbound, whosever it is
"""idle = TIME: who has had no payload for that long is closed by headcount; who has, or is exempt, is not."""
from clients import *

client_host(1)
PORT, OTHER = 7143, 7144
HERE, ALICE, BOB, CAROL = address(1, 1), address(1, 2), address(1, 3), address(1, 4)
METRICS = "127.0.0.1:9436"


class Session:
    """A client's connection and the server's side of it."""

    def __init__(self, listener, where, port, source=None, namespace="c1"):
        self.client = new_socket(namespace=namespace)
        if source:
            self.client.bind((source, 0))
        self.client.connect((where, port))
        self.server = listener.accept()[0]

    def talk(self):
        self.server.send(b"x")
        self.client.recv(1)

    def open(self):
        self.client.setblocking(False)
        try:
            return self.client.recv(1) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.client.setblocking(True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.close()


def ends(hc, session):
    """What is told of its end: action, reason, and by whom."""
    port = session.client.getsockname()[1]
    return [(e["event.action"], e.get("event.reason"), e.get("headcount.killed_by.id")) for e in list(hc.events)
            if e.get("source.port") == port and e.get("rule.name") in ("imap", "pop")
            and e["event.action"] in ("session-killed", "session-closed")]


def outlive(session, others):
    """Until it is closed; the others talk meanwhile."""
    def closed():
        for other in others:
            other.talk()
        time.sleep(0.2)
        return not session.open()
    until(closed, "the idle session to be closed", 30)


TOLD = [("session-closed", "idle", None), ("session-killed", "idle", "0")]


@test
def closed():
    """the idle one is closed and told so; one that talks, that an override exempts or gives more, or of another service is not"""
    config = section("headcount", metrics=METRICS) \
        + service("imap", listen=PORT, idle="10s", override=[f"{BOB} idle=never", f"{CAROL} idle=1h"]) \
        + service("pop", listen=OTHER)
    with listen("0.0.0.0", PORT) as imap, listen("0.0.0.0", OTHER) as pop, Headcount(config) as hc, \
            Session(imap, HERE, PORT, ALICE) as idle, Session(imap, HERE, PORT, ALICE) as busy, \
            Session(imap, HERE, PORT, BOB) as never, Session(imap, HERE, PORT, CAROL) as later, \
            Session(pop, HERE, OTHER, ALICE) as other:
        outlive(idle, [busy])
        until_equal(lambda: sorted(ends(hc, idle), key=str), sorted(TOLD, key=str), "what is told of the idle one")
        closed, = [e for e in hc.events if e.get("event.reason") == "idle" and e["event.action"] == "session-closed"
                   and e["source.port"] == idle.client.getsockname()[1]]
        equal(closed["headcount.idle_ms"] >= 10000, True, f"idle_ms: {closed['headcount.idle_ms']}")
        equal([s.open() for s in (busy, never, later, other)], [True] * 4, "the others")
        page = headcount("metrics")[1]
        equal(re.findall(r'headcount_sessions_closed_total\{service="imap",reason="(\w+)"\} ([1-9]\d*)', page),
              [("idle", "1")], "metrics")
        # A reload: at once for what has been idle for that long.
        hc.reload(service("imap", listen=PORT, override=f"{BOB} idle=10s") + service("pop", listen=OTHER, idle="10s"))
        outlive(other, [busy])
        outlive(never, [busy])
        equal([s.open() for s in (busy, later)], [True] * 2, "the others after the reload")
        until_equal(lambda: sorted(ends(hc, other), key=str), sorted(TOLD, key=str), "what is told of the other")


@test
def elsewhere():
    """in the namespaces of the configuration, those of a reload too, and outbound"""
    where = section("headcount", netns="c1")
    config = service("imap", listen=PORT, idle="10s") + service("outbound", idle="10s")
    with listen("0.0.0.0", PORT, "c1") as there, listen("127.0.0.1", OTHER) as here, Headcount(config) as hc, \
            Session(there, ALICE, PORT, namespace=None) as out, Session(here, "127.0.0.1", OTHER, namespace=None) as local:
        outlive(local, [out])
        hc.reload(where + service("imap", listen=PORT, idle="10s"))
        outlive(out, [])
        event = hc.wait_event(event__action="session-killed", rule__name="imap")
        equal(event["event.reason"], "idle", "reason")


@test
def at_home():
    """outbound sessions of the namespace of run, which the configuration does not name"""
    config = section("headcount", netns="c1") + service("outbound", idle="10s")
    with listen("127.0.0.1", OTHER) as here, Headcount(config) as hc, \
            Session(here, "127.0.0.1", OTHER, namespace=None) as local:
        outlive(local, [])
        equal(hc.wait_event(event__action="session-killed", rule__name="outbound")["event.reason"], "idle", "reason")


@test
def labels():
    """what an override says of a label holds for whoever has it"""
    config = service("imap", listen=PORT, user="label", idle="10s", override=["adm* idle=never", "eve 5"])
    with listen("0.0.0.0", PORT) as imap, Headcount(config), Session(imap, HERE, PORT, ALICE) as admin, \
            Session(imap, HERE, PORT, ALICE) as eve, Session(imap, HERE, PORT, ALICE) as nobody:
        admin.server.setsockopt(0x6863, 1, b"admin")  # SOL_HEADCOUNT, HEADCOUNT_LABEL
        eve.server.setsockopt(0x6863, 1, b"eve")
        outlive(eve, [])
        outlive(nobody, [])
        equal(admin.open(), True, "who is exempt")


main()
