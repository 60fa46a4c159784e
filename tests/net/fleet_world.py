# SPDX-License-Identifier: GPL-2.0-only
"""Three servers with Sentinels and six headcounts, each in a namespace of its own, and what goes wrong with them."""
from fleets import *

HOSTS = range(1, 7)
SERVERS = range(11, 14)
USERS = [f"{NET}200.{n}" for n in (1, 2, 3)]
CAP, PORT = 4, 7143
REDIS, SENTINEL = 6379, 26379


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
    """A redis-server with its Sentinel, in namespace cN; the first is primary at first."""

    def __init__(self, n):
        need("redis-server")
        self.n, self.folder = n, f"/run/server{n}"
        os.mkdir(self.folder)
        client_host(n)
        run("ip", "-n", f"c{n}", "route", "add", "default", "via", address(n, 1))
        self.begin(*([] if n == SERVERS[0] else ["--replicaof", address(SERVERS[0], 2), str(REDIS)]))
        self.resp = Resp(n, REDIS)

    def begin(self, *options):
        self.process = self.start("--port", str(REDIS), "--save", "", "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0",
                                  "--repl-ping-replica-period", "1", "--repl-timeout", "5", *options)

    def watch(self):
        with open(f"{self.folder}/sentinel.conf", "w") as file:
            file.write(f"port {SENTINEL}\nprotected-mode no\nsentinel monitor fleet {address(SERVERS[0], 2)} {REDIS} 2\n"
                       "sentinel down-after-milliseconds fleet 1000\nsentinel failover-timeout fleet 3000\nsentinel parallel-syncs fleet 2\n")
        self.sentinel = self.start(f"{self.folder}/sentinel.conf", "--sentinel")

    def start(self, *options):
        first = options[:1] if options[0][0] == "/" else ()
        return start("nsenter", f"--net=/run/netns/c{self.n}", "redis-server", *first, "--dir", self.folder, "--protected-mode", "no",
                     *options[len(first):], stdout=open(f"{self.folder}/log", "a"), stderr=subprocess.STDOUT)

    def end(self):
        for process in self.process, self.sentinel:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


class World:
    """Six hosts that are ready; links can be cut, the other faults are the test's."""

    def __init__(self, name, stack, **settings):
        sysctl("net.ipv4.ip_forward", 1)
        self.servers = {}
        for n in SERVERS:
            self.servers[n] = ReplicatedServer(n)
        for n in SERVERS:
            until(lambda: self.servers[n].resp.ask("PING") == "PONG", f"server {n}")
            self.servers[n].watch()
            stack.callback(self.servers[n].end)
        until(lambda: "connected_slaves:2" in (self.info(SERVERS[0]) or ""), "two replicas")
        sentinels = [Resp(n, SENTINEL) for n in SERVERS]
        until(lambda: all(self.knows_all(s.ask("SENTINEL", "MASTER", "fleet")) for s in sentinels), "the Sentinels to know each other", 30)
        where = ", ".join(f"{address(n, 2)}:{SENTINEL}" for n in SERVERS)
        self.config = {n: fleet_config(n, name, store=f"sentinel://{where}/fleet", alone="refuse", cap=CAP, **settings)
                       .replace("[fleet]\n", f"[fleet]\nservers = {len(SERVERS)}\n") for n in HOSTS}
        self.hosts, self.cuts = {}, 0
        for n in HOSTS:
            self.hosts[n] = Host(n, self.config[n], "--pin")
            stack.callback(lambda n=n: self.end_host(n))
        for user in USERS:
            run("ip", "addr", "replace", f"{user}/32", "dev", "lo")
        for host in self.hosts.values():
            host.ready()

    @staticmethod
    def knows_all(answer):
        facts = dict(zip((answer or [])[::2], (answer or [])[1::2]))
        return (facts.get("num-slaves"), facts.get("num-other-sentinels")) == ("2", "2")

    def end_host(self, n):
        host = self.hosts[n]
        if host.process.poll() is None:
            os.kill(host.process.pid, signal.SIGCONT)
        host.end()
        host.close()

    # --- The servers, as they say it -----------------------------------------------------------

    def info(self, n):
        return self.servers[n].resp.ask("INFO", "replication")

    def primaries(self):
        """Those that have replicas: of others no host takes an answer."""
        infos = {n: self.info(n) or "" for n in SERVERS}
        return [n for n in SERVERS if "role:master" in infos[n] and "connected_slaves:0" not in infos[n]]

    def primary(self):
        return until(self.primaries, "a primary with replicas", 30)[0]

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
        return there, {key: sum(int(n) for n in re.findall(r"=(\d+)", value)) for key, value in units.items() if key != "epoch"}

    def settled(self):
        """The units that are down are at most the cap, for as long as each member takes to say so again."""
        first = self.down()
        if not first or max(first[1].values(), default=0) > CAP:
            return False
        time.sleep(1.3)
        second = self.down()
        return bool(second) and set(first[0]) == set(second[0]) and not [key for key in first[0] if first[0][key] == second[0][key]] \
            and max(second[1].values(), default=0) <= CAP

    # --- Links ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def cut(self, sources, targets, both=False):
        """Nothing from these namespaces arrives at those."""
        rules = []
        for a in sources:
            for b in targets:
                for x, y in [(a, b)] + ([(b, a)] if both else []):
                    self.cuts += 1
                    rules.append(["pref", str(100 + self.cuts), "iif", f"v{x}", "to", f"{NET}{y}.0/24", "blackhole"])
                    run("ip", "rule", "add", *rules[-1])
        try:
            yield
        finally:
            for rule in rules:
                run("ip", "rule", "del", *rule)
