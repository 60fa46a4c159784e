# SPDX-License-Identifier: GPL-2.0-only
"""A fleet on one machine: a store here, and hosts in namespaces of their own, each with its headcount."""
from clients import *

USER, OTHER = f"{NET}200.1", f"{NET}200.2"  # clients, wherever they connect to
LEASE = 3
STORE_PORT = 7300


class Store:
    """A redis-server that all hosts reach at their address(n, 1)."""

    def __init__(self, *options, port=STORE_PORT):
        need("redis-server")
        self.options, self.port, self.process = options, port, None
        self.folder = f"/run/store-{port}"
        os.makedirs(self.folder, exist_ok=True)
        self.begin()

    def begin(self):
        self.process = start("redis-server", "--port", str(self.port), "--dir", self.folder, "--save", "", "--protected-mode", "no",
                             "--unixsocket", f"{self.folder}/socket", *self.options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.ask("ping") == "PONG", "the store to answer")

    def ask(self, *command):
        done = subprocess.run(["redis-cli", "-s", f"{self.folder}/socket", *command], capture_output=True, text=True)
        return done.stdout.strip()

    def end(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def fleet_config(n, name, /, store=None, metrics=None, alone="local", **settings):
    """[fleet] and one service of it, of host n."""
    store = store or f"valkey://{address(n, 1)}:{STORE_PORT}"
    return section("headcount", directions="inbound", **({"metrics": metrics} if metrics else {})) + \
        section("fleet", store=store, lease=f"{LEASE}s", name=f"host{n}", alone=alone) + \
        service(name, listen=7143, **{"scope": "fleet", "cap": 4, **settings})


class Host(Headcount):
    """headcount in namespace cN, with an empty bpffs and a /run of its own; `like` another one, in its."""

    def __init__(self, n, config, *options, until="headcount: ready", like=None, **how):
        self.n, self.folder, self.server = n, f"/run/host{n}", like and like.server
        self.keeper = like.keeper if like else self.make()
        super().__init__(config, *options, until=until, wrap=["nsenter", "-t", str(self.keeper.pid), "-m", "-n"], **how)

    def make(self):
        """A process in the host's namespaces, which stay as long as it does."""
        if not os.path.exists(f"/run/netns/c{self.n}"):
            client_host(self.n)
            for place in "program", "netns":
                os.makedirs(f"{self.folder}/{place}")
            run("ip", "-n", f"c{self.n}", "route", "add", "default", "via", address(self.n, 1))
            for user in USER, OTHER:
                run("ip", "addr", "replace", f"{user}/32", "dev", "lo")
        keeper = start("nsenter", f"--net=/run/netns/c{self.n}", "unshare", "-m", "--propagation", "private", "sh", "-c",
                       f"mount --bind /run/program {self.folder}/program && mount --rbind {self.folder} /run && "
                       "mount -t bpf bpf /sys/fs/bpf && echo made && exec sleep infinity")
        equal(keeper.stdout.readline(), b"made\n", "namespaces")
        return keeper

    def again(self, config, *options, **how):
        """Another headcount in the place of one that has ended."""
        return Host(self.n, config, *options, like=self, **how)

    def close(self):
        self.keeper.kill()
        self.keeper.wait()

    def configure(self, config):
        self.path = "/run/headcount.conf"
        with open(f"{self.folder}/headcount.conf", "w") as file:
            file.write(config)

    def said_of(self, pattern):
        return [line for line in self.said if re.search(pattern, line)]

    def report(self):
        if self.process.poll() is not None:
            return f"host {self.n} has ended"
        return f"host {self.n}: users " + self.command("users")[1] + str(self.command("status")[1:]).split("fill:")[0]

    def command(self, *arguments):
        """Another command of that headcount: code, stdout, stderr."""
        done = subprocess.run(["nsenter", "-t", str(self.keeper.pid), "-m", "-n", PROGRAM, *arguments], capture_output=True, timeout=60 * SLOW)
        return done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace")

    def json(self, *arguments):
        return json.loads(self.command(*arguments, "--json")[1])

    def fleet(self):
        return self.json("status")["fleet"]

    def stage(self):
        fleet = self.fleet()
        return fleet and [shard["stage"] for shard in fleet["shards"]]

    def ready(self):
        """It is a member, and the store grants."""
        until(lambda: self.stage() and set(self.stage()) == {"ready"}, f"host {self.n} to be ready", 10 * LEASE)
        return self

    def active(self, service, user=USER):
        return sum(row["active"] for row in self.json("users") if (row["service"], row["user"]) == (service, user))


def attempt(n, seconds=3, source=USER):
    """A session with host n, or None: refused, or no answer in this time."""
    s = socket.socket()
    s.settimeout(seconds * SLOW)
    s.bind((source, 0))
    try:
        s.connect((address(n, 2), 7143))
        if s.recv(1) == b"+":
            return s
    except (ConnectionRefusedError, ConnectionResetError, TimeoutError):
        pass
    s.close()
    return None


HOSTS = 1, 2, 3


@contextlib.contextmanager
def fleet(name, /, *options, hosts=HOSTS, lease=LEASE, **settings):
    """Hosts that are ready, and their servers."""
    with contextlib.ExitStack() as stack:
        world = {}
        for n in hosts:
            config = fleet_config(n, name, **settings).replace(f"lease = {LEASE}s", f"lease = {lease}s")
            world[n] = Host(n, config, *options)
            stack.callback(world[n].close)
            stack.enter_context(world[n])
            world[n].server = stack.enter_context(Server("0.0.0.0", 7143, namespace=f"c{n}"))
        for host in world.values():
            host.ready()
        yield world
