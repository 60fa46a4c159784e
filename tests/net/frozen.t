#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Peers that are gone: what tells them from those that are only quiet, in sessions, kill and the events of the end.

A client host whose link is down is frozen: nothing comes from it any more, and the kernel sends again what it was sent.
"""
from killing import *

C2 = client_host(2)
FROZEN = address(2, 2)
TCP_USER_TIMEOUT = 18


def link(up):
    with inside(C2):
        run("ip", "link", "set", "eth0", "up" if up else "down")


@contextlib.contextmanager
def frozen():
    """The second client's link is down; a neighbour's entry stays, so that packets really go out."""
    with inside(C2):
        mac = json.loads(run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    run("ip", "neigh", "replace", FROZEN, "lladdr", mac, "dev", "v2")
    link(False)
    try:
        yield
    finally:
        link(True)
        with inside(C2):  # IPv6 addresses went with the link
            for host in range(2, 6):
                run("ip", "addr", "replace", address(2, host, 6) + "/64", "dev", "eth0", "nodad")


def row_of(id):
    return [row for row in our_sessions() if row["id"] == id][0]


def frozen_pair(imap):
    return Pair(imap, address(2), FROZEN, namespace=C2)


@test
def idle():
    """idle, heard, the queue and what is unanswered of a frozen peer grow, though the kernel sends again and again"""
    with listening(PORT) as imap:
        quiet, busy = Pair(imap), frozen_pair(imap)
        with frozen():
            busy.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the second waits for a probe
            busy.server.send(bytes(1000))
            sent = time.monotonic()
            busy.server.send(bytes(500))
            until(lambda: row_of(busy.inbound)["unanswered"] >= 3, "three retransmissions")
            passed = int((time.monotonic() - sent) * 1000)
            row = row_of(busy.inbound)
            equal((row["idle_ms"] >= passed, row["heard_ms"] >= passed), (True, True), f"{passed} ms idle and unheard: {row}")
            equal((row["send_queue"], row["orphan"], row["state"]), (1500, False, "ESTAB"), "of the frozen one")
            row = row_of(quiet.inbound)
            equal((row["send_queue"], row["unanswered"], row["orphan"]), (0, 0, False), "of the quiet one")
            seconds = str(int(3 * SLOW) + passed // 1000)  # more than it takes to ask twice
            until(lambda: chosen("--service", "imap", "--unheard", seconds, "--idle", seconds) == sorted([quiet.inbound, busy.inbound]), "both unheard")
            quiet.client.send(b"y")
            equal(quiet.server.recv(1), b"y", "a byte")
            for option in "--idle", "--unheard":
                equal([r["id"] for r in ask("sessions", "--service", "imap", option, seconds)], [busy.inbound], f"sessions {option}")
                equal(chosen("--service", "imap", option, seconds), [busy.inbound], f"kill {option}")
        # What got through at last is sending, and its answer is heard.
        row = until(lambda: not (r := row_of(busy.inbound))["unanswered"] and r, "an answer", 60)
        equal((row["send_queue"], row["heard_ms"] < passed), (0, True), "after the answer")
        for p in quiet, busy:
            p.close()
    nothing_left("idle")


def keep_asking(s):
    """Probes each second, and for ever."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 100):
        s.setsockopt(socket.IPPROTO_TCP, option, value)


def fill_up(s):
    """Writes until the peer, which does not read, has closed its window."""
    s.setblocking(False)
    while writable(s, 0.5 * SLOW):
        with contextlib.suppress(BlockingIOError):
            s.send(bytes(65536))


def stale(*conditions):
    return sorted(row["id"] for row in ask("sessions", "--service", "imap", "--stale", *conditions))


@test
def evidence():
    """stale is a peer that left probes or data unanswered: not one that is quiet, nor one that answers and does not read"""
    with listening(PORT) as imap:
        quiet, answers, full = Pair(imap), Pair(imap), Pair(imap)
        written, probed, unasked = frozen_pair(imap), frozen_pair(imap), frozen_pair(imap)
        keep_asking(answers.server)
        fill_up(full.server)
        with frozen():
            keep_asking(probed.server)
            written.server.send(b"y")
            row = until(lambda: (r := row_of(written.inbound))["unanswered"] >= 3 and r, "three retransmissions")
            equal(row["stale"], row["idle_ms"] >= 10000, f"so soon: {row}")
            want = sorted([written.inbound, probed.inbound])
            until_equal(stale, want, "stale", 60)
            equal(sorted(row["id"] for row in our_sessions() if row["stale"]), want, "stale in all rows")
            equal(stale("--remote", HERE), [], "two conditions")
            for p in quiet, answers, full, unasked:
                row = row_of(p.inbound)
                equal((row["stale"], row["heard_ms"] is not None), (False, True), f"not asked, or answering: {row}")
            equal(kill("--service", "imap", "--stale"), did(2), "kill --stale")
            equal(stale(), [], "stale after that")
        equal([row_of(p.inbound)["state"] for p in (quiet, answers, full, unasked)], ["ESTAB"] * 4, "the others")
        for p in quiet, answers, full, written, probed, unasked:
            p.close()
    nothing_left("evidence")


@test
def heard():
    """a peer that only acknowledges is heard, and one that does not read keeps what waits in the queue"""
    with listening(PORT) as imap:
        p = Pair(imap)
        until(lambda: row_of(p.inbound)["heard_ms"] >= 2000 * SLOW, "two seconds")
        until(lambda: p.server.send(b"y") and row_of(p.inbound)["heard_ms"] < 2000 * SLOW, "an ACK that is heard")
        sent = 0
        p.server.setblocking(False)
        while writable(p.server, 0.5 * SLOW):
            with contextlib.suppress(BlockingIOError):
                sent += p.server.send(bytes(65536))
        row = row_of(p.inbound)
        equal(0 < row["send_queue"] < sent, True, f"queue of {sent} bytes: {row['send_queue']}")
        p.close()
    nothing_left("heard")


@test
def orphans():
    """a session that its process has closed while the peer is gone is an orphan; states are conditions"""
    with listening(PORT) as imap:
        alive, a, b = Pair(imap), frozen_pair(imap), frozen_pair(imap)
        with frozen():
            a.server.send(b"y")
            a.server.close()
            row = until(lambda: (r := row_of(a.inbound))["orphan"] and r, "an orphan")
            equal((row["state"], row["send_queue"], row["holder_pid"], row["holders"]), ("FIN-WAIT-1", 1, None, 0), "the orphan")
            equal(row["half_closed_ms"] is not None, True, f"half-closed by ourselves: {row}")
            alive.client.shutdown(socket.SHUT_WR)
            until_equal(lambda: row_of(alive.inbound)["state"], "CLOSE-WAIT", "state")
            for want, *given in [([a], "--orphan"), ([a], "--state", "fin-wait-1"), ([a, b], "--state", "FIN-WAIT-1,established"),
                                 ([b], "--state", "ESTAB"), ([alive], "--state", "close-wait"), ([], "--orphan", "--state", "estab")]:
                ids = sorted(p.inbound for p in want)
                equal(chosen("--service", "imap", *given), ids, f"kill {given}")
                equal([r["id"] for r in ask("sessions", "--service", "imap", *given)], ids, f"sessions {given}")
            equal(kill("--service", "imap", "--orphan")["closed"], 1, "kill --orphan")
        for p in alive, a, b:
            p.close()
    nothing_left("orphans")


HALF_CLOSED_ROUND = 100  # what it is too short by at most, in ms: 8 ticks, on a kernel with 100 of them a second


def about(ms, low, high, what):
    equal(low - HALF_CLOSED_ROUND <= ms <= high, True, f"half-closed, {what}: {ms} of {low} to {high} ms")


@test
def half_closed():
    """half-closed since the first FIN, whichever side's: whatever is sent and acknowledged after it, and to the end"""
    with listening(PORT) as imap:
        p, q = Pair(imap), Pair(imap)
        ids = [p.inbound, q.inbound]
        equal([row_of(id)["half_closed_ms"] for id in ids], [None, None], "half-closed")
        before = time.monotonic()
        p.client.shutdown(socket.SHUT_WR)
        q.server.shutdown(socket.SHUT_WR)
        until_equal(lambda: [row_of(id)["state"] for id in ids], ["CLOSE-WAIT", "FIN-WAIT-2"], "states")
        after = time.monotonic()
        time.sleep(1.5)
        # It is no longer than that since the peer was heard.
        p.server.send(b"x")
        q.client.send(b"x")
        equal((p.client.recv(1), q.server.recv(1)), (b"x", b"x"), "after the FIN")
        for id in ids:
            low = (time.monotonic() - after) * 1000
            row = row_of(id)
            about(row["half_closed_ms"], low, (time.monotonic() - before) * 1000, id)
            equal(row["heard_ms"] < row["half_closed_ms"], True, f"heard since then: {row}")
        # Nor does the second FIN begin it anew.
        low = (time.monotonic() - after) * 1000
        q.client.close()
        p.server.close()
        p.client.close()
        for pair, orphan in (p, True), (q, False):
            event = hc.wait_event(event__action="session-closed", headcount__session__id=pair.inbound)
            about(event["headcount.half_closed_ms"], low, (time.monotonic() - before) * 1000, "at the end")
            equal(event["headcount.orphan"], orphan, f"was it an orphan? {event}")
        q.server.close()
    nothing_left("half-closed")


@test
def end():
    """the event of the end says when the peer was heard last, what it has not acknowledged and not answered"""
    with listening(PORT) as imap:
        p, fine = frozen_pair(imap), Pair(imap)
        with frozen():
            p.server.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 1500)
            p.server.send(bytes(300))
            event = hc.wait_event(event__action="session-closed", headcount__session__id=p.inbound)
            equal((event["event.reason"], event["headcount.send_queue"], event["headcount.unanswered"] >= 2, event["headcount.heard_ms"] >= 1400),
                  ("timed-out", 300, True, True), f"the end of a frozen one: {event}")
            equal((event["headcount.idle_ms"] >= 1400, event["headcount.orphan"], event["headcount.half_closed_ms"]), (True, False, None), f"{event}")
        fine.client.send(b"y")
        equal(fine.server.recv(1), b"y", "a byte")
        fine.client.close()
        until_equal(lambda: row_of(fine.inbound)["state"], "CLOSE-WAIT", "state")
        fine.server.close()
        event = hc.wait_event(event__action="session-closed", headcount__session__id=fine.inbound)
        equal((event["headcount.send_queue"], event["headcount.unanswered"], event["headcount.heard_ms"] >= 0), (0, 0, True), f"{event}")
        p.close()
    nothing_left("the end")


with Headcount(CONFIG) as hc:
    become(UID)
    main()
