# SPDX-License-Identifier: GPL-2.0-only
"""--fleet: hosts that are asked through a store, and what a stranger writes to it."""
from fleets import *

PREFIX = "hc:cmds"  # its own: nothing is to lie outside of it


class Wire:
    """Whoever may write to the store: a connection that says what it likes."""

    def __init__(self, store):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20 * SLOW)
        self.socket.connect(f"{store.folder}/socket")
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def hear(self):
        line = self.file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return [self.hear() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        return int(rest) if kind == b":" else rest

    def ask(self, *words):
        self.send(*words)
        return self.hear()


class Impostor:
    """A host that is none: it answers each request with `pieces`, kind and bytes."""

    def __init__(self, store, name, *pieces):
        self.store, self.name, self.pieces, self.requests = store, name.encode(), pieces, []
        self.ears, self.mouth = Wire(store), Wire(store)
        self.ears.ask("subscribe", PREFIX + ":ask")
        self.mouth.ask("hset", PREFIX + ":hosts", name, int(time.time()))
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        with contextlib.suppress(Exception):
            while True:
                ident = self.ears.hear()[2].split()[0]
                self.requests.append(self.mouth.ask("get", b"%s:request:%s" % (PREFIX.encode(), ident)))
                for kind, data in self.pieces:
                    element = self.name + b" " + kind + (b" " + data if data is not None else b"")
                    self.mouth.ask("rpush", b"%s:answers:%s" % (PREFIX.encode(), ident), element)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mouth.ask("hdel", PREFIX + ":hosts", self.name)
        for wire in self.ears, self.mouth:
            wire.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()


def whole(output):
    return [(b"a", None), (b"o", output), (b"z", b"0")]


@contextlib.contextmanager
def fleet(name, /, hosts=(1, 2), kill=("yes", "yes"), **settings):
    """A store and hosts that answer, and their servers."""
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(Store())
        world = {}
        for n, may in zip(hosts, kill):
            world[n] = Host(n, fleet_config(n, name, **settings).replace("[fleet]\n", f"[fleet]\nkill = {may}\nprefix = {PREFIX}\n"))
            stack.callback(world[n].close)
            stack.enter_context(world[n])
            world[n].server = stack.enter_context(Server("0.0.0.0", 7143, namespace=f"c{n}"))
        for host in world.values():
            host.ready()
        until_equal(lambda: sorted(store.ask("hkeys", PREFIX + ":hosts").split()), [f"host{n}" for n in hosts], "hosts that answer", 20)
        yield store, world


def rows(text):
    return [line.split() for line in text.splitlines()[1:]]


def by_host(code, out, err=""):
    """What each host printed, without its name."""
    found = {}
    for row in json.loads(out):
        found.setdefault(row.pop("host.name"), []).append(row)
    return found


def ours(text, *words):
    """Of a table the rows with our address: the machine has other sessions."""
    return [row for row in rows(text) if any(USER in cell or OTHER in cell for cell in row)]
