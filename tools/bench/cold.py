# SPDX-License-Identifier: GPL-2.0-only
"""A user's first sessions at the hosts of a fleet: what connect() takes, what the store is asked, and how far
cold = admit goes over the cap. Three hosts in namespaces and one store, by source-hash and random balancing."""
import collections
import heapq
import random
import selectors
import shutil
import socket
import statistics
import struct
import time

import storing
from report import Table
from world import *

USERS, FEW, SESSIONS, CAP, HOSTS = 240, 40, 6, 4, 3
STAY, PAUSE, GAP = 0.1, 0.3, 0.03  # seconds: of a session, from it to the user's next, from a user to the next one
LONG = 2                           # of a session among others of its user
LATE = 0.5                         # what took longer was sent again
VARIANTS = [("host", None, "source"), ("host", None, "random"), ("fleet", "wait", "source"), ("fleet", "wait", "random"),
            ("fleet", "admit", "source"), ("fleet", "admit", "random")]


def fleets():
    """The hosts of the network tests, which import it."""
    import fleets
    return fleets


class Clients:
    """Sessions of many users, in one loop: for each, whose how manieth it was, how long connect() took, and whether it was let in."""

    def __init__(self, servers, balance):
        self.servers, self.balance = servers, balance
        self.select, self.timers, self.random = selectors.DefaultSelector(), [], random.Random(1)
        self.open, self.order, self.done = 0, 0, []

    def after(self, seconds, then):
        self.order += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.order, then))

    def server(self, user):
        """By a hash of the user, or any."""
        n = hash(user) if self.balance == "source" else self.random.randrange(len(self.servers))
        return self.servers[n % len(self.servers)]

    def begin(self, user, number, stay, over):
        """One session, and over() when it has ended or was refused."""
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        s.bind((user, 0))
        s.setblocking(False)
        began = time.monotonic()
        s.connect_ex(self.server(user))
        self.open += 1
        self.select.register(s, selectors.EVENT_WRITE, lambda: self.answered(s, user, number, began, stay, over))

    def answered(self, s, user, number, began, stay, over):
        took = time.monotonic() - began
        error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self.select.unregister(s)
        self.done.append((user, number, took, not error))

        def end():
            s.close()
            self.open -= 1
            over()
        self.after(0 if error else stay, end)

    def one_by_one(self, user, number=0):
        """A user's sessions, one after the other."""
        if number < SESSIONS:
            self.begin(user, number, STAY, lambda: self.after(PAUSE * self.random.random(),
                                                                 lambda: self.one_by_one(user, number + 1)))

    def at_once(self, user):
        """More than the cap, all at the same time."""
        for number in range(SESSIONS):
            self.begin(user, number, LONG, lambda: None)

    def run(self, users, how):
        for i, user in enumerate(users):
            self.after(i * GAP, lambda user=user: how(user))
        while self.open or self.timers:
            wait = self.timers[0][0] - time.monotonic() if self.timers else 1
            for key, _ in self.select.select(max(0, min(wait, 1))):
                key.data()
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()
        return self.done


class Judge:
    """Reads the socket tables of all hosts over and over, in a process of its own. What is in two readings that follow
    each other was there in between, on all hosts at one moment. Tells for how long each user was over its cap, and by how much."""

    def __init__(self, channel, users):
        sampler = fleets().Sampler
        self.channel, self.users, self.over, self.since, self.most = channel, users, [], {}, 0
        samplers = []
        for n in range(1, HOSTS + 1):
            with harness.inside(f"c{n}"):  # SOCK_DIAG is of the namespace that the socket was made in
                samplers.append(sampler(lambda family, port, peer, peer_port, uid: (peer, peer_port) if port == 7143 else None))
        harness.answer(channel, "ready")
        channel.setblocking(False)
        before, rounds, began = set(), 0, time.monotonic()
        while not self.told():
            now = {(n, key) for n, s in enumerate(samplers) for key in s.dump(socket.AF_INET) if key}
            self.look(before & now, time.monotonic())
            before, rounds = now, rounds + 1
        channel.setblocking(True)
        harness.answer(channel, [self.over, self.most, (time.monotonic() - began) / rounds])
        channel.recv(1)

    def told(self):
        with contextlib.suppress(BlockingIOError):
            return bool(self.channel.recv(10))

    def look(self, there, now):
        counts = collections.Counter(peer for _, (peer, _) in there if peer in self.users)
        self.most = max(self.most, max(counts.values(), default=0))
        for user in list(self.since):
            if counts[user] <= CAP:
                self.over.append(round(1000 * (now - self.since.pop(user)), 1))
        for user, count in counts.items():
            if count > CAP:
                self.since.setdefault(user, now)


def asked(hosts):
    return sum(shard["asks"] for host in hosts.values() for shard in host.fleet()["shards"])


def addresses(net, count):
    """Users that nobody has seen; they are all there, on lo."""
    harness.run("ip", "addr", "replace", f"{harness.NET}{net}.1/22", "dev", "lo")
    return [f"{harness.NET}{net + i // 200}.{i % 200 + 2}" for i in range(count)]


def measure(scope, cold, balance, count):
    """One fleet: newcomers, and then those who want more than the cap."""
    f, found = fleets(), {}
    settings = {"scope": scope, "cap": CAP, **({"cold": cold} if cold else {})}
    with f.Store(), f.fleet("cold", "-e", "none", hosts=range(1, HOSTS + 1), lease=10, **settings) as hosts:
        servers = [(harness.address(n, 2), 7143) for n in hosts]
        users, before = addresses(204, count), asked(hosts)
        clients = Clients(servers, balance)
        done = clients.run(users, clients.one_by_one)
        found["asks"] = (asked(hosts) - before) / len(done)
        for what, took in ("first", [d[2] for d in done if not d[1]]), ("later", [d[2] for d in done if d[1]]):
            found |= {what: statistics.median(took) * 1e3, what + "99": statistics.quantiles(took, n=100)[98] * 1e3,
                      what + "_late": 100 * sum(t > LATE for t in took) / len(took)}
        users = addresses(208, count)
        with harness.Child(lambda channel: Judge(channel, set(users))) as judge:
            judge.hear()
            clients = Clients(servers, balance)
            done = clients.run(users, clients.at_once)
            judge.tell()
            over, most, round_ = judge.hear()
            judge.tell()
        waited = [d[2] for d in done if d[3]]
        found |= {"in": statistics.median(waited) * 1e3, "in99": statistics.quantiles(waited, n=100)[98] * 1e3, "let_in": sum(d[3] for d in done) / len(done) * SESSIONS, "over": 100 * len(over) / count, "most": most,
                  "over_ms": statistics.median(over) if over else None, "over_max": max(over, default=None), "round": round_ * 1e3}
    return found


def run(options):
    count, chosen = FEW if options.quick else USERS, options.variants or ["host", "wait", "admit"]
    first = Table(f"Newcomers to a fleet of {HOSTS} hosts: {count} users with {SESSIONS} sessions each, one after the other; connect(), ms", {
        "scope": ("scope", "s"), "cold": ("cold", "s"), "balance": ("balanced by", "s"), "first": ("a user's first", ",.2f"), "first99": ("99 %", ",.1f"),
        "first_late": ("sent again, %", ".0f"), "later": ("later ones", ",.2f"), "later99": ("99 %", ",.1f"), "later_late": ("sent again, %", ".0f"),
        "asks": ("asks a session", ".2f")})
    over = Table(f"The same hosts: {count} users who want {SESSIONS} sessions at once, {CAP} of which the cap allows", {
        "scope": ("scope", "s"), "cold": ("cold", "s"), "balance": ("balanced by", "s"), "let_in": ("let in", ".2f"),
        "in": ("after, ms", ",.2f"), "in99": ("99 %", ",.0f"), "over": ("users over the cap, %", ".1f"),
        "most": ("most sessions", "d"), "over_ms": ("over for, ms", ".1f"), "over_max": ("at most", ".1f"),
        "round": ("a reading, ms", ".1f")})
    if not storing.SERVER or not shutil.which("redis-server"):
        first.notes.append("skipped: no redis-server")
        return [first]
    fresh_namespace()
    for scope, cold, balance in VARIANTS:
        if (cold or scope) not in chosen:
            continue
        found = measure(scope, cold, balance, count)
        for table in first, over:
            table.add(scope=scope, cold=cold, balance=balance, **{key: found[key] for key in table.columns if key in found})
    over.notes.append("over: by the socket tables of all hosts, read over and over; what is shorter than a reading is not seen")
    over.notes.append(f"a session stays for {LONG} s if it is let in; whoever is admitted and closed again counts as let in")
    return [first, over]
