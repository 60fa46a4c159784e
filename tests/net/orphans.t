#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""orphans = ignore: a session that its process has closed gives its slot back at once, and once, though its peer is gone."""
import random

from killing import *

C2 = client_host(2)
FROZEN = address(2, 2)


def config(imap="ignore", **more):
    return service("imap", listen=PORT, cap=2, total=3, orphans=imap, **more) + service("pop", listen=POP, cap=2) \
        + service("outbound", user="uid", override=f"{UID} 100", orphans="ignore")


def held(name, who=FROZEN):
    return active(name, who)


def frozen_pair(listener):
    return Pair(listener, address(2), FROZEN, namespace=C2)


@contextlib.contextmanager
def frozen():
    with inside(C2):
        run("ip", "link", "set", "eth0", "down")
    try:
        yield
    finally:
        with inside(C2):
            run("ip", "link", "set", "eth0", "up")


def closed_by_server(*pairs):
    """Closed while data is on its way to a peer that is gone: orphans in FIN-WAIT-1."""
    for p in pairs:
        p.server.send(b"y")
        p.server.close()
        until(lambda: rows(id=p.inbound, orphan=True, state="FIN-WAIT-1"), "an orphan")


@contextlib.contextmanager
def files_of_root():
    """We connect as another, who cannot write the configuration."""
    libc.setfsuid(0)
    try:
        yield
    finally:
        libc.setfsuid(UID)


def enforce(text):
    with files_of_root():
        return Headcount(text)


@test
def ignored():
    """the slots of orphans are free at once, for the user and the total; where they count they are held; audit agrees with both"""
    with enforce(config()) as hc, listening(PORT, POP) as (imap, pop):
        a, b, c, d = (frozen_pair(listener) for listener in (imap, imap, pop, pop))
        equal((held("imap"), held("pop")), (2, 2), "active")
        with frozen():
            closed_by_server(a, b, c, d)
            equal((held("imap"), held("pop")), (0, 2), "active with orphans")
            equal(sorted(row["id"] for row in rows(service="imap")), sorted([a.inbound, b.inbound]), "sessions that are still listed")
            equal(headcount("audit")[0], 0, "audit")
            others = [Pair(imap), Pair(imap), Pair(imap, source=BOB)]  # the total is 3
            equal(held("imap", ALICE), 2, "another's")
            with inside(C1):
                bob = new_socket()
                bob.bind((BOB, 0))
                equal(bob.connect_ex((HERE, PORT)), errno.ECONNREFUSED, "connect over the total")
                bob.close()
            equal(kill("--service", "imap", "--orphan"), did(2), "kill of the orphans")
            for p in a, b:
                event = hc.wait_event(event__action="session-closed", headcount__session__id=p.inbound)
                equal((event["headcount.active"], event["headcount.cap"], event["event.reason"]), (0, 2, "killed"), "the event of its end")
            equal((held("imap"), held("imap", ALICE), held("imap", BOB)), (0, 2, 1), "active after the ends")
            equal(kill("--service", "pop"), did(2), "kill of the others")
            equal(held("pop"), 0, "active of pop")
        for p in a, b, c, d, *others:
            p.close()
        nothing_left("orphans")
        equal(ask("status")["losses"]["corrected"], 0, "corrections")


@test
def ends():
    """however it ends after its process has closed it, and whoever closes it, each session is released once"""
    with enforce(config()) as hc, listening(PORT) as imap:
        for how in "finished", "reset", "aborted", "outbound", "process":
            p, q = Pair(imap), Pair(imap)
            if how == "finished":
                p.server.close()
                p.client.close()
            elif how == "reset":  # the peer has data that it does not read
                p.server.send(b"y")
                p.server.close()
                p.client.close()
            elif how == "aborted":  # we have
                p.client.send(b"y")
                until(lambda: readable(p.server, 1), "a byte")
                p.server.close()
                p.client.close()
            elif how == "outbound":
                p.client.close()
                equal(active("outbound", UID), 1, "of the client")
                p.server.close()
            else:
                with Child(lambda channel: (answer(channel, "has it"), channel.recv(1)), keep=[p.server.fileno()]) as child:
                    child.hear()
                    p.server.close()
                    equal(held("imap", ALICE), 2, "another process has it still")
                    child.end()
                    until_equal(lambda: held("imap", ALICE), 1, "when that was killed")
                p.client.close()
            until_equal(lambda: (rows(id=p.inbound), rows(id=p.outbound), held("imap", ALICE), active("outbound", UID)), ([], [], 1, 1), f"{how}: left")
            event = hc.wait_event(event__action="session-closed", headcount__session__id=p.inbound)
            equal((event["headcount.active"], event["headcount.cap"]), (1, 2), f"{how}: its event")
            q.close()
            nothing_left(how)


@test
def reloaded():
    """a reload that changes the setting holds for what is closed after it, and releases nothing twice"""
    with enforce(config("count")) as hc, listening(PORT) as imap:
        a, b = frozen_pair(imap), frozen_pair(imap)
        with frozen():
            closed_by_server(a)
            equal(held("imap"), 2, "active of an orphan that counts")
            reload(hc, config("ignore"))
            equal(held("imap"), 2, "what it has, it keeps")
            closed_by_server(b)
            equal(held("imap"), 1, "active, with one that gave its slot back")
            reload(hc, config("count"))
            equal((held("imap"), headcount("audit")[0]), (1, 0), "active, and audit, after another reload")
            equal(kill("--service", "imap"), did(2), "kill")
            equal(held("imap"), 0, "active at the end")
        for p in a, b:
            p.close()
        nothing_left("reloads")


def reload(hc, text):
    with files_of_root():
        hc.reload(text)


def come_and_go(channel, seed):
    """Sessions that end in every way, until told to stop; some orphans meet their peer's reset."""
    order = random.Random(seed)
    listener = listen("0.0.0.0", PORT + 10 + seed)
    answer(channel, "listening")
    while not readable(channel, 0):
        client = plain_connect(address(1), PORT + 10 + seed)
        server = listener.accept()[0]
        ends = [client, server]
        order.shuffle(ends)
        for s in ends:
            if order.random() < 0.5:
                s.send(b"y")
            if order.random() < 0.3:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for s in ends:
            if order.random() < 0.5:
                s.shutdown(socket.SHUT_WR)
        for s in ends:
            s.close()
    channel.recv(9)
    answer(channel, "done")


@test
def storm():
    """sessions that come and go on all CPUs, while reloads change the setting: every slot is given back, and once"""
    def text(how):
        return section("headcount", events="none") \
            + service("storm", listen=[PORT + 10 + i for i in range(2)], orphans=how) \
            + service("outbound", user="uid", override=f"{UID} 1000", orphans=how)
    with enforce(text("ignore")) as hc, contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(come_and_go, i, uid=UID)) for i in range(2)]
        for child in children:
            child.hear()
        for i in range(6):
            time.sleep(0.5)
            reload(hc, text("ignore" if i % 2 else "count"))
        for child in children:
            child.tell()
            child.hear()
        until_equal(lambda: (held("storm", address(1)), active("outbound", UID), rows()), (0, 0, []), "active, and sessions left")
        equal(user("storm", address(1), "opened") > 100, True, "sessions that there were")
        equal((headcount("audit")[0], ask("status")["losses"]["corrected"]), (0, 0), "audit, corrections")


@test
def found():
    """orphans from before headcount are not charged; one whose process has it is"""
    with listening(PORT) as imap, contextlib.ExitStack() as stack:
        with enforce(config()):
            a, b = frozen_pair(imap), frozen_pair(imap)
            stack.enter_context(frozen())
            closed_by_server(a)
        with enforce(config()):
            equal((held("imap"), len(rows(service="imap"))), (1, 2), "active, and sessions")
            equal(headcount("audit")[0], 0, "audit")
            equal(kill("--service", "imap"), did(2), "kill")
            equal(held("imap"), 0, "active at the end")
            for p in a, b:
                p.close()
            stack.close()
            nothing_left("before")


become(UID)
main()
