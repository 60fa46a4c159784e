#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""keepalive = TIME: a peer that does not answer is gone within it, and what the application sets later holds."""
from clients import *

client_host(1)
PORT, OTHER = 7143, 7144
HERE, CLIENT = address(1, 1), address(1, 2)
TIME = 10  # the least: silent for 1 s, 3 probes a second apart, gone after 4 s
OPTIONS = (socket.SO_KEEPALIVE, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, 18)  # TCP_USER_TIMEOUT


def options(s):
    """SO_KEEPALIVE, and of TCP: silence, interval, probes, TCP_USER_TIMEOUT."""
    return [s.getsockopt(socket.SOL_SOCKET if option == socket.SO_KEEPALIVE else socket.IPPROTO_TCP, option)
            for option in OPTIONS]


def untouched():
    with socket.socket() as s:
        return options(s)


SET, SET_60 = [1, 1, 1, 3, 4000], [1, 14, 4, 3, 26000]


def imap(time=TIME, **more):
    return service("imap", listen=PORT, **({"keepalive": time} if time else {}), **more) + service("pop", listen=OTHER)


@contextlib.contextmanager
def sessions(count, port=PORT, namespace=None, where="0.0.0.0", to=HERE, client="c1"):
    """Accepted sockets with their clients."""
    with listen(where, port, namespace) as listener, contextlib.ExitStack() as stack:
        pairs = []
        for _ in range(count):
            s = stack.enter_context(new_socket(namespace=client))
            s.connect((to, port))
            pairs.append((stack.enter_context(listener.accept()[0]), s))
        yield pairs


def row(s):
    """The row of an accepted session by its client's port."""
    peer = f"{s.getpeername()[0]}:{s.getpeername()[1]}"
    return [r for r in ask("sessions") if r["remote"] == peer and r["direction"] == "inbound"][0]


def link(state):
    run("ip", "-n", "c1", "link", "set", "eth0", state)


@test
def gone():
    """a peer whose link is down is gone, with data in flight or without, as timed-out; one that is there stays"""
    with Headcount(imap() + service("outbound", keepalive=TIME)) as hc:
        with sessions(3) as pairs, listen("0.0.0.0", OTHER, "c1") as there, \
                listen("127.0.0.1", PORT + 10) as local, plain_connect("127.0.0.1", PORT + 10) as stays:
            with plain_connect(CLIENT, OTHER) as outbound, there.accept()[0], local.accept()[0]:
                ids = {row(accepted)["id"] for accepted, _ in pairs}
                equal(options(stays), SET, "the one that is there")
                link("down")
                try:
                    pairs[1][0].send(b"at once")
                    # In the midst of the probes, the kernel sends no more of them.
                    until(lambda: row(pairs[2][0])["unanswered"] or not row(pairs[2][0])["keepalive_ms"], "a probe")
                    pairs[2][0].send(b"late")
                    for id in ids:
                        event = hc.wait_event(event__action="session-closed", headcount__session__id=id)
                        equal(event["event.reason"], "timed-out", "reason")
                    port = outbound.getsockname()[1]
                    event = hc.wait_event(event__action="session-closed", source__port=port, rule__name="outbound")
                    equal(event["event.reason"], "timed-out", "reason of an outbound session")
                finally:
                    link("up")
                equal([e for e in hc.events if e["event.action"] == "session-closed"
                       and e.get("source.port") == stays.getsockname()[1]], [], "ends of the session that is there")


@test
def shown():
    """the values are set at the end of the handshake, shown by sessions, policy and run --check; other services have none"""
    with Headcount(imap("60s")) as hc, sessions(1) as (pair,), sessions(1, OTHER) as (other,):
        equal(options(pair[0]), SET_60, "options of imap")
        equal(options(other[0]), untouched(), "options of pop")
        got = row(pair[0])
        equal((got["keepalive_ms"], got["user_timeout_ms"]), (26000, 26000), "what sessions shows")
        got = row(other[0])
        equal((got["keepalive_ms"], got["user_timeout_ms"]), (None, None), "of pop")
        equal("26s" in headcount("sessions", "-s", "imap")[1], True, "KEEP in the table")
        equal({s["service"]: s["keepalive_s"] for s in ask("policy")["services"] if s["service"] in ("imap", "pop")},
              {"imap": 60, "pop": None}, "policy")
        code, text, _ = headcount("run", "--check", "-c", hc.path)
        equal([line for line in text.splitlines() if line.startswith("keepalive in")],
              ["keepalive in imap: a peer that is silent for 14s is probed every 4s; the session ends when it has been "
               "silent, or what was sent unacknowledged, for 26s, both together within 1m00s"], "run --check")


@test
def application():
    """what the application sets later holds, through a reload as well, and sessions shows it"""
    with Headcount(imap("60s")) as hc, sessions(2) as (pair, off):
        pair[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 100)
        pair[0].setsockopt(socket.IPPROTO_TCP, 18, 0)
        off[0].setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
        hc.reload(imap("60s", cap=7))
        equal(options(pair[0]), [1, 100, 4, 3, 0], "options")
        got = row(pair[0])
        equal((got["keepalive_ms"], got["user_timeout_ms"]), (112000, None), "what sessions shows")
        got = row(off[0])
        equal((got["keepalive_ms"], got["user_timeout_ms"]), (None, 26000), "what sessions shows without SO_KEEPALIVE")


@test
def older():
    """sessions that are there get it at the start and at a reload that adds or changes it; without it they keep it"""
    with sessions(1) as (pair,):
        with Headcount(imap(), "--pin") as hc:
            equal(options(pair[0]), SET, "at the start")
            hc.reload(imap("60s"))
            equal(options(pair[0]), SET_60, "changed by a reload")
            hc.reload(imap(None))
            with sessions(1, OTHER) as (other,):
                equal(options(pair[0]), SET_60, "no longer asked for")
                equal(options(other[0]), untouched(), "another, new")
                hc.reload(imap(None).replace(f"listen = {OTHER}", f"listen = {OTHER}\nkeepalive = 10"))
                equal(options(other[0]), SET, "added by a reload")
                equal(options(pair[0]), SET_60, "of the other service")
        with Headcount(imap(), "--pin"):  # adopts
            equal(options(pair[0]), SET, "adopted with another configuration")
    equal(headcount("detach")[0], 0, "detach")


@test
def namespaces():
    """holds in every namespace that is enforced, at a reload too, and in no other"""
    client_host(2)
    with sessions(1, PORT, "c1", to=CLIENT, client=None) as (there,), \
            sessions(1, PORT, "c2", to=address(2, 2), client=None) as (elsewhere,):
        where = section("headcount", netns="c1")
        with Headcount(where + imap(None)) as hc:
            equal(options(there[0]), untouched(), "before")
            hc.reload(where + imap() + service("inbound", keepalive="10s"))
            equal(options(there[0]), SET, "in a namespace of the configuration")
            equal(options(elsewhere[0]), untouched(), "in another")
            with sessions(1, OTHER, "c2", to=address(2, 2), client=None) as (fresh,):
                equal(options(fresh[0]), untouched(), "new, in another")


main()
