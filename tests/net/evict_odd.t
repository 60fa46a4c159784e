#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: it needs both CPUs
"""excess = evict where it is odd: forged SYNs, others' sessions, labels, reloads, namespaces out of reach, a daemon that is gone."""
from evicting import *


@test
def forged():
    """SYNs that were forged in a user's name cost him no session: what they hold comes back"""
    with Headcount(imap(cap=8)) as hc, sessions(ALICE, ALICE, ALICE) as held:
        idle_for(2.2 * SLOW)
        with inside(C1):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with raw:
            for i in range(20):
                raw.sendto(packet(ALICE, 4000 + i, HERE, PORT), (HERE, 0))
        hc.wait_event(event__action="session-refused", rule__name="imap")
        idle_for(1)
        equal([s.open() for s in held], [True] * 3, "who stays")
        equal(evictions(hc), [], "evictions")


@test
def own():
    """a user's newcomer costs nobody else's session, nor one of another service"""
    config = imap(cap=2) + service("pop", listen=OTHER)
    with Headcount(config) as hc, sessions(BOB, BOB, CAROL, ALICE, ALICE) as held, sessions(ALICE, port=OTHER) as (pop,):
        idle_for(2.2 * SLOW)
        for s in held[3:]:
            s.talk()
        with Newcomers(1) as one:
            equal(one.wait(), {"ECONNREFUSED": 1}, "the newcomer")
        equal([s.open() for s in (*held, pop)], [True] * 6, "who stays")
        equal(evictions(hc), [], "evictions")


SOL, LABEL = 0x6863, 1  # SOL_HEADCOUNT, HEADCOUNT_LABEL


def give(session, label):
    """What setsockopt() of the label says: an errno's name, or ok."""
    try:
        session.server.setsockopt(SOL, LABEL, label)
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]


@test
def labels():
    """a label over its cap: EAGAIN while room is made, and then the label; EDQUOT if nothing is stale"""
    config = imap(user="label", cap=2)
    with Headcount(config) as hc, sessions(ALICE, BOB, CAROL, ALICE, BOB) as held:
        for s in held[:2]:
            equal(give(s, b"eve"), "ok", "labels below the cap")
        idle_for(2.2 * SLOW)
        held[1].talk()
        equal(give(held[2], b"eve"), "EAGAIN", "over the cap")
        until_equal(lambda: give(held[2], b"eve"), "ok", "once there is room")
        equal([s.open() for s in held], [False, True, True, True, True], "who stays")
        event = hc.wait_event(event__action="session-killed", rule__name="imap")
        want = {"event.reason": "evict", "headcount.user": "eve", "source.port": held[0].port,
                "headcount.evicted.for.ip": CAROL, "headcount.evicted.for.port": held[2].port}
        equal({key: event.get(key) for key in want}, want, "session-killed")
        for s in held[1:3]:
            s.talk()
        until_equal(lambda: give(held[3], b"eve"), "EDQUOT", "none stale")
        equal([s.open() for s in held[1:]], [True] * 4, "who stays, then")
        # The command waits by itself.
        idle_for(2.2 * SLOW)
        code, out, err = headcount("label", "--remote", f"{ALICE}:{held[3].port}", "eve")
        equal(code, 0, f"headcount label: {out}{err}")
        equal(len(evictions(hc)), 2, "evictions")
        # Each attempt is told once, by what it got.
        told = [e["headcount.excess"] for e in hc.events if e["event.action"] == "session-refused" and e["rule.name"] == "imap"]
        equal(collections.Counter(told), {"evict": 3, "reject": 1}, "refusals")
        until(lambda: user("imap", "eve", "active") == 2, "two sessions of eve")
        equal(headcount("audit")[0], 0, "audit")
        # Without the daemon, or what it makes room with, it is over the cap at once.
        os.kill(hc.process.pid, signal.SIGSTOP)
        idle_for(2.2 * SLOW)
        equal(give(held[4], b"eve"), "EDQUOT", "with a daemon that does not answer")
        os.kill(hc.process.pid, signal.SIGCONT)


@test
def reloaded():
    """a reload brings it, in the namespaces that it names"""
    where = section("headcount", netns="c1")
    with Headcount(service("imap", listen=PORT, cap=2)) as hc, listen("0.0.0.0", PORT, C1) as listener:
        hc.reload(where + imap(cap=2))
        held = hold(listener, HERE, HERE, namespace=None, where=ALICE)
        idle_for(2.2 * SLOW)
        with Newcomers(1, HERE, None, ALICE) as one:
            equal(one.wait(), {"in": 1}, "the newcomer")
            until_equal(lambda: evictions(hc), [(held[0].port, "idle", one.ports[0])], "who went")
        for s in held:
            s.close()


@test
def unreached():
    """a namespace that cannot be entered, as the process for that is stopped, keeps no room from users elsewhere"""
    where = section("headcount", netns=["/proc/self/ns/net", "c2"])
    with Headcount(where + imap(cap=2), "-v") as hc, sessions(ALICE, ALICE) as held:
        os.kill(int(re.search(r"\d+", hc.wait_said("started the process"))[0]), signal.SIGSTOP)
        idle_for(2.2 * SLOW)
        for _ in range(2):
            with Newcomers(1) as one:
                equal(one.wait(), {"in": 1}, "the newcomer")
        equal([s.open() for s in held], [False, False], "who went")
        until(lambda: ask("status")["losses"]["netns-unreached"] >= 2, "status to tell of each question")
        equal(len([line for line in hc.said if "does not answer" in line]), 1, f"told once: {hc.said}")


@test
def killed():
    """the daemon is stopped and killed while SYNs wait: they are refused, and the next daemon makes room again"""
    config = imap(cap=2)
    with Headcount(config, "--pin") as hc, sessions(ALICE, ALICE) as held:
        idle_for(2.2 * SLOW)
        os.kill(hc.process.pid, signal.SIGSTOP)
        with Newcomers(2) as waiting:
            idle_for(0.5)
            equal(waiting.outcomes, [None, None], "those who wait")
            os.kill(hc.process.pid, signal.SIGKILL)
            hc.end(signal.SIGKILL)
            equal(waiting.wait(), {"ECONNREFUSED": 2}, "those who waited")
        equal([s.open() for s in held], [True] * 2, "who stays")
        with Newcomers(1) as one:
            equal(one.wait(), {"ECONNREFUSED": 1}, "without a daemon")
        with Headcount(config, "--pin") as hc:
            with Newcomers(1) as one:
                equal(one.wait(), {"in": 1}, "with the next daemon")
                until_equal(lambda: evictions(hc), [(held[0].port, "idle", one.ports[0])], "who went")
                fine(hc, 2)
        headcount("detach")


main()
