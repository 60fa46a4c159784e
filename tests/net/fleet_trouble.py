# SPDX-License-Identifier: GPL-2.0-only
"""What goes wrong with a fleet, for a while each."""
from fleet_world import *

# Seconds that a packet is late: less than a message is waited for (a fifth of the lease), more, or now less and now more.
LATE = (0.02, 0.2), (0.5, 0.8), (0.3, 0.9), (0.1, 2.5)


class Trouble:
    def __init__(self, world, random):
        self.world, self.random = world, random
        self.kinds = [self.host_cut, self.host_unheard, self.host_deaf, self.primary_cut, self.primary_unheard, self.primary_killed,
                      self.primary_stopped, self.daemon_killed, self.daemon_stopped, self.daemon_late, self.replica_stopped, self.wiped,
                      self.host_slow, self.host_heard_late, self.host_lossy, self.hosts_weather, self.servers_slow, self.servers_lossy]
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

    def shard(self, replicated=False):
        return self.random.choice([s for s in self.world.shards if len(s.numbers) > 1 or not replicated] or self.world.shards)

    def primary(self, replicated=False):
        """A shard, and the number of its primary."""
        shard = self.shard(replicated)
        return shard, shard.primary()

    # --- Links that are cut ------------------------------------------------------------------------

    @contextlib.contextmanager
    def links(self, sources, targets, both=False):
        sources, targets = list(sources), list(targets)
        with self.world.links.cut([(x, y) for x in sources for y in targets] + [(y, x) for x in sources for y in targets if both]):
            yield f"{sources} {'and' if both else 'to'} {targets}"

    def host_cut(self):
        return self.links(self.some(), self.shard().numbers, True)

    def host_unheard(self):
        return self.links(self.some(), self.shard().numbers)

    def host_deaf(self):
        return self.links(self.shard().numbers, self.some())

    def primary_cut(self):
        """From the other servers, and some hosts stay with it."""
        shard, primary = self.primary()
        return self.links([primary], shard.others(primary) + self.some(), True)

    def primary_unheard(self):
        shard, primary = self.primary(True)
        return self.links([primary], shard.others(primary) or self.some())

    # --- Links that delay and lose -----------------------------------------------------------------

    @contextlib.contextmanager
    def bad(self, sources, targets, both=False, loss=0, late=(0, 0)):
        sources, targets = list(sources), list(targets)
        pairs = [(x, y) for x in sources for y in targets] + [(y, x) for x in sources for y in targets if both]
        with self.world.links.impair(pairs, loss, *late):
            yield f"{sources} {'and' if both else 'to'} {targets}: {100 * loss:.0f} % lost, {late[0]} to {late[1]} s late"

    def host_slow(self):
        return self.bad(self.some(), self.shard().numbers, self.random.random() < 0.3, late=self.random.choice(LATE))

    def host_heard_late(self):
        """They have what they ask for, and do not know it yet, or do not want it any more."""
        return self.bad(self.shard().numbers, self.random.sample(list(HOSTS), 4), late=self.random.choice(LATE[1:]))

    def host_lossy(self):
        return self.bad(self.some(), self.shard().numbers, self.random.random() < 0.5, loss=self.random.choice((0.1, 0.3, 0.6)))

    def hosts_weather(self):
        """All of them, both ways."""
        return self.bad(HOSTS, self.shard().numbers, True, self.random.choice((0, 0.05, 0.2)), self.random.choice(LATE[:2]))

    def servers_slow(self):
        shard, primary = self.primary(True)
        return self.bad([primary], shard.others(primary) or self.some(), self.random.random() < 0.5, late=self.random.choice(LATE))

    def servers_lossy(self):
        shard, primary = self.primary(True)
        return self.bad([primary], shard.others(primary) or self.some(), self.random.random() < 0.5, self.random.choice((0.2, 0.5)))

    # --- Processes ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def stopped(self, process, what):
        process.send_signal(signal.SIGSTOP)
        try:
            yield what
        finally:
            process.send_signal(signal.SIGCONT)

    def primary_stopped(self):
        shard, n = self.primary()
        return self.stopped(shard.servers[n].process, f"server {n}")

    def replica_stopped(self):
        shard, primary = self.primary(True)
        n = (shard.others(primary) or [primary])[0]
        return self.stopped(shard.servers[n].process, f"server {n}")

    def daemon_stopped(self):
        n = self.random.choice(HOSTS)
        return self.stopped(self.world.hosts[n].process, f"host {n}")

    @contextlib.contextmanager
    def daemon_late(self):
        """It hears an answer late, and nothing after that."""
        n, (shard, primary) = self.random.choice(HOSTS), self.primary()
        server, daemon = shard.servers[primary].process, self.world.hosts[n].process
        with self.stopped(server, ""):
            time.sleep(0.6)  # there is a message under way, but no failover
            daemon.send_signal(signal.SIGSTOP)
        time.sleep(0.2)  # the answer is there
        with self.links([n], shard.numbers, True):
            time.sleep(0.7)
            daemon.send_signal(signal.SIGCONT)
            yield f"host {n}"

    @contextlib.contextmanager
    def primary_killed(self):
        shard, n = self.primary()
        server = shard.servers[n]
        server.process.kill()
        server.process.wait()
        yield f"server {n}"
        server.begin()

    @contextlib.contextmanager
    def daemon_killed(self):
        n = self.random.choice(HOSTS)
        self.world.hosts[n].end(signal.SIGKILL)
        yield f"host {n}"
        self.world.hosts[n] = self.world.hosts[n].again(self.world.config[n], "--pin")

    @contextlib.contextmanager
    def wiped(self):
        shard, n = self.primary()
        shard.servers[n].resp.ask("FLUSHALL")
        yield f"server {n}"
