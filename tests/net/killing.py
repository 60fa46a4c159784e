# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of `headcount kill` share.

It closes sessions of the whole host: each call is to name a service, an address, a user or an id
that is ours.
"""
from clients import *

C1 = client_host(1)
PORT, POP, MPTCP, FASTOPEN = 7143, 7144, 262, 23
HERE, HERE6 = address(1), address(1, 1, 6)
ALICE, BOB, SILENT = address(1, 2), address(1, 3), address(1, 99)
ALICE6 = address(1, 2, 6)
CONFIG = service("imap", listen=PORT, user="client/32/64", cap=20000) \
    + service("pop", listen=POP, user="client/32/64", cap=2, emit="none") \
    + service("inbound", user="client/32/128") \
    + service("outbound", user="uid", override=f"{UID} 20000")


with inside(C1):  # its SYNs go nowhere, and nothing says so
    run("ip", "neigh", "add", SILENT, "lladdr", "02:00:00:00:00:99", "dev", "eth0")


def kill(*conditions):
    """What `kill` did, by its own words; the exit code goes with them."""
    code, out, err = headcount("kill", *conditions, "--json")
    said = {"code": code, "err": err, **json.loads(out)}
    equal(len(said.pop("sessions")), said["closed"], "sessions that are said to be closed")
    return said


def did(closed, gone=0):
    return dict(code=0, err="", matched=closed + gone, closed=closed, gone=gone, failed=0, failures=[])


def chosen(*conditions):
    return sorted(row["id"] for row in ask("kill", "--dry-run", *conditions))


def error_of(s):
    """How the program learns that its session is over: an errno, or 0 for its end."""
    try:
        while s.recv(65536):
            pass
        return 0
    except OSError as error:
        return errno.errorcode[error.errno]


def rows(**keys):
    return [row for row in our_sessions() if all(row[k] == v for k, v in keys.items())]


class Pair:
    """Both ends of a session, and their ids: the client's in another namespace."""

    def __init__(self, listener, where=HERE, source=None, protocol=0, namespace=C1):
        self.client = new_socket(family_of(where), namespace, protocol)
        if source:
            self.client.bind((source, 0))
        self.client.connect((where, listener.getsockname()[1]))
        self.server = listener.accept()[0]
        self.client.send(b"x")
        self.server.recv(1)
        port = self.client.getsockname()[1]
        self.inbound = self.find(lambda row: row["remote"].endswith(f":{port}"))
        self.outbound = self.find(lambda row: row["local"].endswith(f":{port}"))

    @staticmethod
    def find(condition):
        return until(lambda: [row["id"] for row in our_sessions() if condition(row)], "the session's row")[0]

    def close(self):
        self.client.close()
        self.server.close()


@contextlib.contextmanager
def listening(*ports, where="::", protocol=0, **options):
    listeners = [listen(where, port, protocol=protocol, **options) for port in ports]
    try:
        yield listeners[0] if len(ports) == 1 else listeners
    finally:
        for listener in listeners:
            listener.close()


def nothing_left(what):
    until_equal(our_sessions, [], f"sessions left by {what}")
    equal(headcount("audit")[0], 0, f"audit after {what}")
