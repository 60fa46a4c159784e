#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: it needs both CPUs
"""excess = evict: a stale session of the same user makes room for a newcomer, and never an active one."""
from evicting import *


@test
def idle():
    """the longest idle makes room, and that is told with what it was and for whom; who is there keeps his session"""
    with Headcount(imap()) as hc, sessions(ALICE, ALICE, ALICE, BOB) as (first, second, third, bob):
        second.talk()
        idle_for(1)
        for s in first, third:
            s.talk()
        idle_for(2.2 * SLOW)
        with Newcomers(1) as one:
            equal(one.wait(), {"in": 1}, "the newcomer")
            equal([s.open() for s in (first, second, third, bob)], [True, False, True, True], "who stays")
            event = hc.wait_event(event__action="session-killed", rule__name="imap")
            want = {"event.reason": "evict", "source.ip": ALICE, "source.port": second.port, "headcount.user": ALICE,
                    "headcount.killed_by.id": "0", "headcount.evicted.evidence": "idle", "headcount.unanswered": 0,
                    "headcount.evicted.for.ip": ALICE, "headcount.evicted.for.port": one.ports[0]}
            equal({key: event.get(key) for key in want}, want, "session-killed")
            equal(event["headcount.idle_ms"] >= 3000 and event["headcount.heard_ms"] >= 3000, True, f"how long: {event}")
            end = hc.wait_event(event__action="session-closed", rule__name="imap", event__reason="evict")
            equal((end["source.port"], end["headcount.active"]), (second.port, 2), "session-closed")
            fine(hc, 4)
            page = headcount("metrics")[1]
            equal(re.findall(r'headcount_sessions_closed_total\{service="imap",reason="(\w+)"\} ([1-9]\d*)', page),
                  [("evict", "1")], "metrics")
        equal(len(evictions(hc)), 1, "evictions")


@test
def dead():
    """a dead peer's session goes before those that are longer idle, and is one although it is not idle for evict_idle"""
    with Headcount(imap(cap=4, evict_idle="1h")) as hc, sessions(*[ALICE] * 4) as held:
        for s in held[2:]:
            s.vanish()
        idle_for(STALE)
        until(lambda: len(ask("sessions", "--service", "imap", "--stale")) == 2, "two stale sessions", 30)
        for s in held[:2]:
            s.talk()
        with Newcomers(2) as two:
            equal(two.wait(), {"in": 2}, "the newcomers")
            equal([s.open() for s in held], [True, True, False, False], "who stays")
            until_equal(lambda: sorted(e[:2] for e in evictions(hc)), sorted((s.port, "unanswered") for s in held[2:]), "what is told")
            for_whom(hc, two)
            event = [e for e in hc.events if e["event.action"] == "session-killed"][0]
            equal(event["headcount.unanswered"] >= 3 and event["headcount.heard_ms"] >= 1000 * STALE, True, f"evidence: {event}")
            fine(hc, 4)
            with Newcomers(1) as third:
                equal(third.wait(), {"ECONNREFUSED": 1}, "nobody else is dead")


@test
def same_port():
    """a client that comes back from the port of its evicted session gets a RST at once, and then is a newcomer"""
    with Headcount(imap(cap=2, evict_idle="1h")) as hc, sessions(ALICE, ALICE) as held:
        for s in held:
            s.vanish()
        idle_for(STALE)
        until(lambda: len(ask("sessions", "--service", "imap", "--stale")) == 2, "two stale sessions", 30)
        with Newcomers(1) as one:
            equal(one.wait(), {"in": 1}, "the newcomer")
            went, = until(lambda: evictions(hc), "an eviction")
            gone = next(s for s in held if s.port == went[0])
            gone.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.client.close()  # by a RST, as of a client that is back

            def comes():
                with new_socket(socket.AF_INET, C1) as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.settimeout(30 * SLOW)
                    s.bind((ALICE, gone.port))
                    code = s.connect_ex((HERE, PORT))
                    return errno.errorcode.get(code, "in")
            equal(comes(), "ECONNREFUSED", "who comes from that port")
            equal(comes(), "in", "who comes again")
            until_equal(lambda: [e[2] for e in evictions(hc)], [one.ports[0], gone.port], "for whom")


@test
def elsewhere():
    """a laptop whose link is down: its user gets in from another address, by uid"""
    config = imap(user="uid", cap=2, evict_idle="1h")
    with Headcount(config) as hc, sessions(FAR, FAR, namespace=C2, where=HERE2) as held:
        mac = json.loads(run("ip", "-n", C2, "-j", "link", "show", "eth0"))[0]["address"]
        run("ip", "neigh", "replace", FAR, "lladdr", mac, "dev", "v2")
        run("ip", "-n", C2, "link", "set", "eth0", "down")
        for s in held:
            s.server.send(b"x")
        idle_for(STALE)
        until(lambda: len(ask("sessions", "--service", "imap", "--stale")) == 2, "two stale sessions", 30)
        with Newcomers(1) as one:
            equal(one.wait(), {"in": 1}, "the newcomer")
            equal([e[1:] for e in until(lambda: evictions(hc), "an eviction")], [("unanswered", one.ports[0])], "what is told")
            fine(hc, 2)
        run("ip", "-n", C2, "link", "set", "eth0", "up")


@test
def active():
    """none stale: refused, and nobody is closed; a peer that is only quiet for less than evict_idle is none"""
    with Headcount(imap(evict_idle="1h")) as hc, sessions(ALICE, ALICE, ALICE) as held:
        with Newcomers(3) as three:
            equal(three.wait(), {"ECONNREFUSED": 3}, "the newcomers")
        equal([s.open() for s in held], [True] * 3, "who stays")
        equal(evictions(hc), [], "evictions")
        fine(hc, 3)
        losses = ask("status")["losses"]
        equal(losses["evict-none"] >= 1, True, f"losses: {losses}")


@test
def two():
    """two newcomers at once cost two sessions, not four"""
    with Headcount(imap(cap=5)) as hc, sessions(*[ALICE] * 5) as held:
        idle_for(2.2 * SLOW)
        with Newcomers(2) as newcomers:
            equal(newcomers.wait(), {"in": 2}, "the newcomers")
            for_whom(hc, newcomers)
            equal([s.open() for s in held].count(True), 3, "who stays")
            fine(hc, 5)
            idle_for(1)
        equal(len(evictions(hc)), 2, "evictions")


@test
def lowered():
    """who has more than his cap, which was lowered, loses nothing: that would let nobody in"""
    with Headcount(imap(cap=4)) as hc, sessions(*[ALICE] * 4) as held:
        equal(headcount("cap", "imap", ALICE, "2")[0], 0, "cap")
        idle_for(2.2 * SLOW)
        with Newcomers(1) as one:
            equal(one.wait(), {"ECONNREFUSED": 1}, "the newcomer")
        equal(headcount("cap", "imap", ALICE, "4")[0], 0, "cap")
        equal([s.open() for s in held], [True] * 4, "who stays")

        def gets_in():
            with Newcomers(1) as one:
                return one.wait() == {"in": 1}
        until(gets_in, "a newcomer, once that is over")
        until_equal(lambda: [e[0] for e in evictions(hc)], [held[0].port], "who went")


@test
def ipv6():
    """the same over IPv6"""
    six = dict(where=address(1, 1, 6))
    with Headcount(imap(cap=2)) as hc, sessions(address(1, 2, 6), address(1, 2, 6), **six) as held:
        idle_for(2.2 * SLOW)
        with Newcomers(1, address(1, 3, 6), **six) as one:
            equal(one.wait(), {"in": 1}, "the newcomer, of the same prefix")
            event = hc.wait_event(event__action="session-killed", rule__name="imap")
            equal((event["source.port"], event["headcount.evicted.for.ip"]), (held[0].port, address(1, 3, 6)), f"{event}")
            fine(hc, 2)


@test
def flood():
    """a flood of connects costs no more than the stale sessions, and no more than evict_rate; who is active keeps his"""
    with Headcount(imap(cap=8)) as hc, sessions(*[ALICE] * 8) as held:
        idle_for(2.2 * SLOW)
        for s in held[:2]:
            s.talk()
        talking = threading.Event()

        def talk():
            while not talking.wait(0.3):
                for s in held[:2]:
                    s.talk()
        thread = threading.Thread(target=talk)
        thread.start()
        try:
            with Sampler(by_client(PORT)) as sampler, Newcomers(40) as many:
                got = many.wait()
                equal((got["in"], got["ECONNREFUSED"]), (6, 34), f"the newcomers: {got}")
                equal(sorted(e[0] for e in evictions(hc)), sorted(s.port for s in held[2:]), "who went")
            equal(sampler.most[ALICE] <= 8, True, f"never over the cap: {sampler.most}")
        finally:
            talking.set()
            thread.join()
        equal([s.open() for s in held[:2]], [True] * 2, "who is active")
    with Headcount(imap(cap=8, evict_rate=3)) as hc, sessions(*[ALICE] * 8) as held:
        idle_for(2.2 * SLOW)
        with Newcomers(20) as many:
            equal(many.wait(), {"in": 3, "ECONNREFUSED": 17}, "the newcomers, by evict_rate")
            with Newcomers(1) as one:
                equal(one.wait(), {"ECONNREFUSED": 1}, "one more in the same minute")
            equal(len(evictions(hc)), 3, "evictions")
            fine(hc, 8)
        losses = ask("status")["losses"]
        equal(losses["evict-rate"] >= 1, True, f"losses: {losses}")


@test
def exempt():
    """idle=never of an override holds against newcomers, too; not of a peer that is dead"""
    with Headcount(imap(cap=2, override=[f"{BOB} idle=never"])) as hc, sessions(BOB, BOB) as held:
        idle_for(2.2 * SLOW)
        with Newcomers(1, BOB) as one:
            equal(one.wait(), {"ECONNREFUSED": 1}, "the newcomer")
        held[1].vanish()
        idle_for(STALE)
        until(lambda: len(ask("sessions", "--service", "imap", "--stale")) == 1, "a stale session", 30)
        with Newcomers(1, BOB) as one:
            equal(one.wait(), {"in": 1}, "once a peer is dead")
            until_equal(lambda: evictions(hc), [(held[1].port, "unanswered", one.ports[0])], "who went")


main()
