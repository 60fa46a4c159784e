# SPDX-License-Identifier: GPL-2.0-only
"""A service by label, sessions of it that nobody has labelled yet, and whose they are."""
from clients import *

SOL, LABEL = 0x6863, 1  # SOL_HEADCOUNT, HEADCOUNT_LABEL


def by_label(port, name="imap", **settings):
    return service(name, **{"listen": port, "user": "label", "cap": 2, **settings})


class Pair:
    """A session: the client's end, and the server's."""

    def __init__(self, listener, where, port, namespace):
        with inside(namespace):
            self.client = plain_connect(where, port)
        self.server = listener.accept()[0]

    @property
    def remote(self):
        return end_text(self.server.getpeername())

    @property
    def local(self):
        return end_text(self.server.getsockname())

    @property
    def id(self):
        return struct.unpack("=Q", self.server.getsockopt(socket.SOL_SOCKET, 57, 8))[0]  # SO_COOKIE

    def label(self):
        """As the kernel has it; None: it has none."""
        try:
            return self.server.getsockopt(SOL, LABEL, 64)
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise

    def is_reset(self):
        try:
            return self.server.recv(1, socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def close(self):
        self.client.close()
        self.server.close()


def end_text(name):
    where = plain(name[0])
    return f"[{where}]:{name[1]}" if ":" in where else f"{where}:{name[1]}"


@contextlib.contextmanager
def pairs(count, where, port, namespace=None):
    with listen("::", port) as listener:
        made = []
        try:
            for _ in range(count):
                made.append(Pair(listener, where, port, namespace))
            yield made
        finally:
            for pair in made:
                pair.close()


def users_are(expected, service="imap"):
    """Whoever has sessions: how many."""
    def now():
        return {row["user"]: row["active"] for row in ask("users") if row["service"] == service and row["active"]}
    until_equal(now, expected, "users")


def one_line(code, out, err, want, what):
    """The one line of an error."""
    lines = err.splitlines()
    if code != want or out or len(lines) != 1 or not lines[0].startswith("headcount: "):
        raise AssertionError(f"{what}: exit {code}, want {want}, and one line; said {err!r}, wrote {out!r}")
    return lines[0]
