# SPDX-License-Identifier: GPL-2.0-only
"""For the tests of excess = evict: sessions that may be stale, newcomers, and what was told of both."""
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
