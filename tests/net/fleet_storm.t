#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A storm on a fleet: six headcounts and three servers with Sentinels, while links are cut, servers and daemons die and stop.

STORM_SECONDS (22) is how long each of the two storms lasts, STORM_SEED which one it is, STORM_KINDS what goes wrong (all)."""
import random

from fleet_judge import *

SECONDS = float(os.environ.get("STORM_SECONDS", 22))
SEED = int(os.environ.get("STORM_SEED", time.time_ns() % 100000))
STARVES = 10 * SLOW  # seconds: 4 at most by the protocol, a lease if a replica comes back, and a client's retransmission
SETTLES = 12 * LEASE * SLOW  # after a fault: election, an epoch that learns, members that are expelled, debt


class Trouble:
    """What goes wrong, for a while each."""

    def __init__(self, world, random):
        self.world, self.random = world, random
        self.kinds = [self.host_cut, self.host_unheard, self.host_deaf, self.primary_cut, self.primary_unheard, self.primary_killed,
                      self.primary_stopped, self.daemon_killed, self.daemon_stopped, self.daemon_late, self.replica_stopped, self.wiped]
        self.kinds = [kind for kind in self.kinds if kind.__name__ in os.environ.get("STORM_KINDS", kind.__name__).split(",")]
        self.left = []

    def one(self):
        """A kind that was not there yet, or any; two at once now and then."""
        for _ in range(1 + (self.random.random() < 0.3)):
            if not self.left:
                self.left = self.random.sample(self.kinds, len(self.kinds))
            yield self.left.pop()

    def for_long(self):
        """Less than a lease, or more."""
        return self.random.choice((0.4, 0.8, 1.5, 2)) * LEASE

    def some(self):
        return self.random.sample(list(HOSTS), self.random.choice((1, 1, 2, 3)))

    @contextlib.contextmanager
    def links(self, sources, targets, both=False):
        with self.world.cut(sources, targets, both):
            yield f"{list(sources)} {'and' if both else 'to'} {list(targets)}"

    def host_cut(self):
        return self.links(self.some(), SERVERS, True)

    def host_unheard(self):
        return self.links(self.some(), SERVERS)

    def host_deaf(self):
        return self.links(SERVERS, self.some())

    def primary_cut(self):
        """From the other servers, and some hosts stay with it."""
        primary = self.world.primary()
        return self.links([primary], [n for n in SERVERS if n != primary] + self.some(), True)

    def primary_unheard(self):
        primary = self.world.primary()
        return self.links([primary], [n for n in SERVERS if n != primary])

    @contextlib.contextmanager
    def stopped(self, process, what):
        process.send_signal(signal.SIGSTOP)
        try:
            yield what
        finally:
            process.send_signal(signal.SIGCONT)

    def primary_stopped(self):
        n = self.world.primary()
        return self.stopped(self.world.servers[n].process, f"server {n}")

    def replica_stopped(self):
        n = [n for n in SERVERS if n != self.world.primary()][0]
        return self.stopped(self.world.servers[n].process, f"server {n}")

    def daemon_stopped(self):
        n = self.random.choice(HOSTS)
        return self.stopped(self.world.hosts[n].process, f"host {n}")

    @contextlib.contextmanager
    def daemon_late(self):
        """It hears an answer late, and nothing after that."""
        n, server = self.random.choice(HOSTS), self.world.servers[self.world.primary()].process
        daemon = self.world.hosts[n].process
        with self.stopped(server, ""):
            time.sleep(0.6)  # there is a message under way, but no failover
            daemon.send_signal(signal.SIGSTOP)
        time.sleep(0.2)  # the answer is there
        with self.links([n], SERVERS, True):
            time.sleep(0.7)
            daemon.send_signal(signal.SIGCONT)
            yield f"host {n}"

    @contextlib.contextmanager
    def primary_killed(self):
        n = self.world.primary()
        self.world.servers[n].process.kill()
        self.world.servers[n].process.wait()
        yield f"server {n}"
        self.world.servers[n].begin()

    @contextlib.contextmanager
    def daemon_killed(self):
        n = self.random.choice(HOSTS)
        self.world.hosts[n].end(signal.SIGKILL)
        yield f"host {n}"
        self.world.hosts[n] = self.world.hosts[n].again(self.world.config[n], "--pin")

    @contextlib.contextmanager
    def wiped(self):
        n = self.world.primary()
        self.world.servers[n].resp.ask("FLUSHALL")
        yield f"server {n}"


def storm(world, random, seconds):
    """Faults, one after the other, each time until all is well. Returns when it was, and whether it was so at last."""
    trouble, calm = Trouble(world, random), []
    began = healed = time.monotonic()
    while True:
        with contextlib.suppress(Late):
            until(world.settled, "the fleet to settle", SETTLES)
            say(f"{time.monotonic() - began:6.1f} all is well, {time.monotonic() - healed:.1f} s later")
            calm.append([time.monotonic(), None])
            time.sleep(2)
            calm[-1][1] = time.monotonic()
        if not calm or calm[-1][0] < healed or calm[-1][1] - began > seconds:
            return calm, bool(calm) and calm[-1][0] > healed
        with contextlib.ExitStack() as stack:
            for kind in trouble.one():
                what, lasts = stack.enter_context(kind()), trouble.for_long()
                say(f"{time.monotonic() - began:6.1f} {kind.__name__} {what}, {lasts:.1f} s")
                time.sleep(lasts)
        healed = time.monotonic()


def rage(world, balance):
    """A storm with this balancing."""
    chance = random.Random(f"{SEED} {balance}")
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(contextlib.closing(listen("0.0.0.0", PORT, f"c{n}"))) for n in HOSTS]
        fleets = {n: open_fleet(world.hosts[n]) for n in HOSTS}
        judge = stack.enter_context(Child(Judge, fleets, "/run/judged", keep=fleets.values()))
        judge.hear()
        clients = stack.enter_context(Child(Storm, listeners, 8, balance, SEED, "/run/attempts", keep=[l.fileno() for l in listeners]))
        clients.hear()
        calm, well = storm(world, chance, SECONDS)
        clients.tell()
        clients.hear()
        judge.tell()
        rounds = judge.hear()
    verdict = Verdict("/run/judged", "/run/attempts", calm)
    say(f"{balance}: {rounds} looks, a user at its cap in {verdict.full} changes; debt was allowed for {verdict.debt:.1f} s; {dict(verdict.outcomes)}")
    say(f"while all was well and there was room: {verdict.room} attempts refused, for {verdict.longest:.1f} s at most")
    equal(verdict.over[:3], [], "more sessions than the cap")
    equal(verdict.alone[:3], [], "sessions that began at a host whose lease was over")
    equal(well, True, "all was well again when nothing was wrong any more")
    equal(verdict.full > 0 and verdict.outcomes["refused"] > 0 and verdict.outcomes["ok"] > 50, True, "it was a storm")
    equal(verdict.longest < STARVES, True, f"nobody was refused for {verdict.longest:.1f} s though there was room")


@test
def storms():
    """no user has more than its cap at six hosts, whatever goes wrong, with random and with sticky balancing"""
    signal.alarm(int((2 * SECONDS + 150) * SLOW))
    say(f"STORM_SEED={SEED} STORM_SECONDS={SECONDS:.0f}")
    with contextlib.ExitStack() as stack:
        world = World("storm", stack)
        for balance in "random", "sticky":
            rage(world, balance)


main()
