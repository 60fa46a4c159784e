# SPDX-License-Identifier: GPL-2.0-only
"""Six headcounts and the servers of one shard or two, with Sentinels where there are three, each in a namespace of its own."""
import hashlib

from fleet_links import *

HOSTS = range(1, 7)
REDIS, SENTINEL = 6379, 26379
PLAIN, LABEL, COLD = 7143, 7144, 7145  # ports of the services: a client waits, has a label, is admitted before it has a unit
CAPS = {PLAIN: 4, LABEL: 3, COLD: 4}
NAMES = {PLAIN: "plain", LABEL: "label", COLD: "cold"}
ALONE = 1  # cap_alone
Who = collections.namedtuple("Who", "address port")
WHO = [Who(f"{NET}200.{n}", port) for n, port in enumerate([PLAIN] * 3 + [LABEL] * 2 + [COLD] * 2, 1)]


def label_of(where):
    return b"label of " + where.encode()


def key_of(who):
    """As user/kernel/fleet_key.c has it: what the store calls the user."""
    kind = bytes([3, 0]) + label_of(who.address).ljust(64, b"\0") if who.port == LABEL \
        else bytes([0, 128]) + bytes(10) + b"\xff\xff" + socket.inet_aton(who.address)
    return hashlib.sha256(NAMES[who.port].encode().ljust(32, b"\0") + kind).digest()[:16]


def shard_of(who, shards):
    return int.from_bytes(key_of(who)[12:], "little") % shards


class Resp:
    """A connection to a server, which may hang: whatever happens, the answer is then None."""

    def __init__(self, n, port):
        self.where, self.socket = (address(n, 2), port), None

    def ask(self, *words):
        try:
            if not self.socket:
                self.socket = socket.create_connection(self.where, 0.3 * SLOW)
                self.file = self.socket.makefile("rb")
            self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            return self.read()
        except (OSError, ValueError):
            self.close()
            return None

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:].strip()
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"$" and int(rest) >= 0:
            return self.file.read(int(rest) + 2)[:-2].decode("latin-1")  # a key is any bytes
        if kind in (b"", b"-"):
            raise ValueError(line)
        return None if kind == b"$" else rest.decode()

    def close(self):
        if self.socket:
            self.file.close()
            self.socket.close()
        self.socket = None


class ReplicatedServer:
    """A redis-server with its Sentinel, in namespace cN."""

    def __init__(self, n, first):
        need("redis-server")
        self.n, self.first, self.folder, self.sentinel = n, first, f"/run/server{n}", None
        os.mkdir(self.folder)
        client_host(n)
        run("ip", "-n", f"c{n}", "route", "add", "default", "via", address(n, 1))
        self.begin(*([] if n == first else ["--replicaof", address(first, 2), str(REDIS)]))
        self.resp = Resp(n, REDIS)

    def begin(self, *options):
        self.process = self.start("--port", str(REDIS), "--save", "", "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0",
                                  "--repl-ping-replica-period", "1", "--repl-timeout", "5", *options)

    def watch(self):
        with open(f"{self.folder}/sentinel.conf", "w") as file:
            file.write(f"port {SENTINEL}\nprotected-mode no\nsentinel monitor fleet {address(self.first, 2)} {REDIS} 2\n"
                       "sentinel down-after-milliseconds fleet 1000\nsentinel failover-timeout fleet 3000\nsentinel parallel-syncs fleet 2\n")
        self.sentinel = self.start(f"{self.folder}/sentinel.conf", "--sentinel")

    def start(self, *options):
        first = options[:1] if options[0][0] == "/" else ()
        return start("nsenter", f"--net=/run/netns/c{self.n}", "redis-server", *first, "--dir", self.folder, "--protected-mode", "no",
                     *options[len(first):], stdout=open(f"{self.folder}/log", "a"), stderr=subprocess.STDOUT)

    def end(self):
        for process in filter(None, (self.process, self.sentinel)):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


class Shard:
    """A server alone, or three with their Sentinels."""

    def __init__(self, numbers, stack):
        self.numbers, self.servers = numbers, {}
        for n in numbers:
            self.servers[n] = ReplicatedServer(n, numbers[0])
            stack.callback(self.servers[n].end)
        for n in numbers:
            until(lambda: self.servers[n].resp.ask("PING") == "PONG", f"server {n}")
            if len(numbers) > 1:
                self.servers[n].watch()
        if len(numbers) > 1:
            where = ", ".join(f"{address(n, 2)}:{SENTINEL}" for n in numbers)
        self.store = f"sentinel://{where}/fleet" if len(numbers) > 1 else f"valkey://{address(numbers[0], 2)}:{REDIS}"

    def ready(self):
        if len(self.numbers) > 1:
            until(lambda: "connected_slaves:2" in (self.info(self.numbers[0]) or ""), "two replicas")
            sentinels = [Resp(n, SENTINEL) for n in self.numbers]
            until(lambda: all(self.knows_all(s.ask("SENTINEL", "MASTER", "fleet")) for s in sentinels), "the Sentinels to know each other", 30)

    @staticmethod
    def knows_all(answer):
        facts = dict(zip((answer or [])[::2], (answer or [])[1::2]))
        return (facts.get("num-slaves"), facts.get("num-other-sentinels")) == ("2", "2")

    def info(self, n):
        return self.servers[n].resp.ask("INFO", "replication")

    def primaries(self):
        """Those that have replicas, if any should have: of others no host takes an answer."""
        infos = {n: self.info(n) or "" for n in self.numbers}
        return [n for n in self.numbers if "role:master" in infos[n] and (len(self.numbers) == 1 or "connected_slaves:0" not in infos[n])]

    def primary(self):
        return until(self.primaries, "a primary with replicas", 30)[0]

    def others(self, n):
        return [other for other in self.numbers if other != n]

    def down(self):
        """What the primary has down, if its epoch grants to all hosts: {n of each member}, {units of each user}."""
        primaries = self.primaries()
        if len(primaries) != 1:
            return None
        got = [self.servers[primaries[0]].resp.ask("HGETALL", f"fleet:{key}") for key in ("members", "units")]
        if not all(got):
            return None
        members, units = (dict(zip(g[::2], g[1::2])) for g in got)
        ids = [key for key in members if len(key) == 16]
        there = {key: members[key].split()[1] for key in ids if members[key].split()[2] == "1"}
        if members.get("ready") != "1" or not len(there) == len(ids) == len(HOSTS):
            return None
        return there, {key.encode("latin-1"): sum(int(n) for n in re.findall(r"=(\d+)", value))
                       for key, value in units.items() if key != "epoch"}


class World:
    """Six hosts that are ready; `shards`: the numbers of the servers of each. Links can be cut and impaired, the other faults
    are the test's."""

    def __init__(self, stack, seed, shards, alone, keep):
        sysctl("net.ipv4.ip_forward", 1)
        self.links = Links(stack, seed)
        self.shards, self.alone = [Shard(numbers, stack) for numbers in shards], alone
        for shard in self.shards:
            shard.ready()
        self.homes = [shard_of(who, len(shards)) for who in WHO]  # of each user
        self.config = {n: self.configure(n, alone, keep) for n in HOSTS}
        self.hosts = {}
        for who in WHO:
            run("ip", "addr", "replace", f"{who.address}/32", "dev", "lo")
        for n in HOSTS:
            self.hosts[n] = Host(n, self.config[n], "--pin")
            stack.callback(lambda n=n: self.end_host(n))
        for host in self.hosts.values():
            host.ready()

    def configure(self, n, alone, keep):
        services = {PLAIN: {}, LABEL: {"user": "label", "labellers": "*"}, COLD: {"cold": "admit"}}
        return section("headcount", directions="inbound", events="none") + \
            section("fleet", store=[shard.store for shard in self.shards], lease=f"{LEASE}s", name=f"host{n}", alone=alone, keep=keep) + \
            "".join(service(NAMES[port], listen=port, scope="fleet", cap=CAPS[port], cap_alone=ALONE, **more)
                    for port, more in services.items())

    def end_host(self, n):
        host = self.hosts[n]
        if host.process.poll() is None:
            os.kill(host.process.pid, signal.SIGCONT)
        host.end()
        host.close()

    def down(self):
        """Of each shard, or None."""
        down = [shard.down() for shard in self.shards]
        return down if all(down) else None

    def units(self):
        """Of each user, what the stores have down."""
        down = until(self.down, "the stores to grant", 10 * LEASE)
        return [down[home][1].get(key_of(who), 0) for who, home in zip(WHO, self.homes)]

    def settled(self):
        """The units that are down are at most the cap, for as long as each member takes to say so again."""
        most = {key_of(who): CAPS[who.port] for who in WHO}

        def over(down):
            return [key for _, units in down for key, count in units.items() if count > most[key]]
        first = self.down()
        if not first or over(first):
            return False
        time.sleep(1.3)
        second = self.down()
        return bool(second) and not over(second) and \
            all(set(a) == set(b) and not [key for key in a if a[key] == b[key]] for (a, _), (b, _) in zip(first, second))
