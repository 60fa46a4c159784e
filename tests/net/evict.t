#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: it needs both CPUs
"""excess = evict: a stale session of the same user makes room for a newcomer, and never an active one."""
import ctypes

from clients import *
from rawtcp import *

C1, C2 = client_host(1), client_host(2)
PORT, OTHER = 7143, 7144
HERE, HERE2 = address(1, 1), address(2, 1)
ALICE, BOB, CAROL, FAR = address(1, 2), address(1, 3), address(1, 4), address(2, 2)
STALE = 10  # seconds that a peer is silent before it is dead by evidence
SO_ATTACH_FILTER = 26


def imap(cap=3, **more):
    return service("imap", **{"listen": PORT, "cap": cap, "excess": "evict", "evict_idle": "2s", "wait_max": "5m", **more})


class Session:
    """A client's connection and the server's side of it."""

    def __init__(self, listener, source=ALICE, namespace=C1, where=HERE, port=PORT):
        self.client = new_socket(family_of(where), namespace)
        self.client.bind((source, 0))
        self.client.connect((where, port))
        self.server = listener.accept()[0]
        self.port = self.client.getsockname()[1]

    def talk(self):
        self.server.send(b"x")
        self.client.recv(1)

    def vanish(self):
        """Nothing gets to the client any more, and the server has something for it."""
        program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF_RET: 0 bytes
        self.client.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))
        self.server.send(b"x")

    def open(self):
        self.server.setblocking(False)
        try:
            return self.server.recv(1) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.server.setblocking(True)

    def close(self):
        """By a RST: a FIN of who has vanished would come again and again, and pass for the next test's newcomer."""
        with contextlib.suppress(OSError):
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()
        self.server.close()


class Newcomers:
    """Connects, all at once; `outcomes` are in their order, once all of them have ended."""

    def __init__(self, count, source=ALICE, namespace=C1, where=HERE, port=PORT):
        self.sockets, self.outcomes = [], [None] * count
        for _ in range(count):
            s = new_socket(family_of(where), namespace)
            s.bind((source, 0))
            self.sockets.append(s)
        self.ports = [s.getsockname()[1] for s in self.sockets]
        self.threads = [threading.Thread(target=self.go, args=(i, where, port)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def go(self, i, where, port):
        code = self.sockets[i].connect_ex((where, port))
        self.outcomes[i] = errno.errorcode.get(code, "in")

    def wait(self):
        for thread in self.threads:
            thread.join(60 * SLOW)
        return collections.Counter(self.outcomes)

    def close(self):
        for s in self.sockets:
            s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wait()
        self.close()


def hold(listener, *sources, **how):
    """One of each client, the first is the longest idle."""
    held = []
    for source in sources:
        held.append(Session(listener, source, **how))
        time.sleep(0.02)  # the kernel's ticks tell their ages apart
    return held


@contextlib.contextmanager
def sessions(*sources, port=PORT, **how):
    with listen("::", port) as listener:
        held = hold(listener, *sources, port=port, **how)
        try:
            yield held
        finally:
            for s in held:
                s.close()


def idle_for(seconds):
    """Time in which all are idle: nothing shorter is the same."""
    time.sleep(seconds)


def evictions(hc):
    """Source port, evidence, and the newcomer's port of each, in their order."""
    return [(e["source.port"], e["headcount.evicted.evidence"], e["headcount.evicted.for.port"]) for e in list(hc.events)
            if e["event.action"] == "session-killed" and e.get("rule.name") == "imap"]


def for_whom(hc, newcomers):
    """One eviction for each newcomer. If one takes the slot that was made for another, that one's are two."""
    told = [e[2] for e in evictions(hc)]
    equal((len(told), set(told) - set(newcomers.ports)), (len(newcomers.ports), set()), f"for whom: {told}")


def fine(hc, held, newcomers=0):
    """What headcount counts is what ss shows, and audit finds nothing."""
    def same():
        seen = len([s for s in ss() if s.port == PORT])
        return seen == held == sum(r["active"] for r in ask("users") if r["service"] == "imap")
    until(same, f"{held} sessions in ss and in users")
    equal(headcount("audit")[0], 0, "audit")


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
