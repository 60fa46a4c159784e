# SPDX-License-Identifier: GPL-2.0-only
"""What lifecycle.t and odd_ends.t share: both ends of a connection, and counts against ss.

The process plays both sides, as the user UID, with its clients' sockets in namespace c1. Each
ending is made many times, and each time the sessions and counts are compared with ss's.
"""
import ipaddress

from clients import *

C1 = client_host(1)
PORT, OTHER_PORT, CLOSED_PORT = 7143, 7144, 7999
HERE, HERE6, THERE = address(1), address(1, 1, 6), address(1, 2)
SILENT, NOWHERE = address(1, 99), "192.0.2.1"
MPTCP, SYNCNT, DEFER_ACCEPT, FASTOPEN, USER_TIMEOUT = 262, 7, 9, 23, 18
CONFIG = service("imap", listen=[PORT, OTHER_PORT], user="client/32/64", cap=5000, total=9000) \
    + service("outbound", user="uid", override=f"{UID} 5000")
endings = []


def ending(times):
    def register(function):
        endings.append((function, fewer(times)))
        return function
    return register


# The torture test moves these names to other places: they are looked up when they are needed.
def client(family=socket.AF_INET, protocol=0, namespace=None):
    return new_socket(family, namespace or C1, protocol)


def connecting(where=None, port=None, **made):
    s = client(**made)
    s.setblocking(False)
    equal(s.connect_ex((where or HERE, port or PORT)), errno.EINPROGRESS, "a connect that does not wait")
    return s


def accept():
    return listener.accept()[0]


def pair(**made):
    """Both ends of a new session, which has carried a byte."""
    c = client(**made)
    c.connect((HERE6 if made.get("family") == socket.AF_INET6 else HERE, PORT))
    s = accept()
    c.send(b"x")
    s.recv(1)
    return c, s


def abort(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


# --- The comparison -----------------------------------------------------------------------------

def take_all():
    """Closes what nobody accepted, so that the next ending starts with an empty queue."""
    while readable(listener, 0.05):
        accept().close()


def user_of(peer):
    return str(ipaddress.ip_network(peer + "/64", strict=False)) if ":" in peer else peer


def both_views():
    """What headcount and ss say: ids of sessions, and active by user."""
    theirs, rows = ss(None, C1), our_sessions()
    inbound = [s for s in theirs if s.port in (PORT, OTHER_PORT)]
    by_user = collections.Counter(user_of(s.peer) for s in inbound)
    by_user[str(UID)] = len(theirs) - len(inbound)
    counted = collections.Counter({r["user"]: r["active"] for r in ask("users")
                                   if r["service"] == "imap" or r["user"] == str(UID)})
    return (sorted(map(session_id, rows)), +counted), (sorted(s.id for s in theirs), +by_user)


def compare(what):
    views = []

    def agree():
        views[:] = both_views()
        return views[0] == views[1]
    with contextlib.suppress(Late):
        return until(agree, what, 10)
    raise AssertionError(f"{what}: headcount {views[0]}, ss {views[1]}")


def all_gone(what):
    take_all()
    until_equal(lambda: (our_sessions(), ss(None, C1)), ([], []), f"sessions left by {what}")
    compare(what)


def make_test(function, times):
    def run_it():
        for _ in range(times):
            function()
        all_gone(function.__name__)
    run_it.__doc__ = f"{function.__name__.replace('_', ' ')}, {times} times"
    test(run_it)


def ids_of(action):
    return collections.Counter(
        e["headcount.session.id"] for e in list(hc.events) if e["event.action"] == action
        and (e.get("rule.name") == "imap" or e.get("headcount.user") == str(UID)))


def add_up():
    """events add up: each session opened once and closed once, and as many as users counted"""
    until_equal(lambda: ids_of("session-opened") - ids_of("session-closed"), collections.Counter(), "never closed")
    opened = ids_of("session-opened")
    equal(ids_of("session-closed") - opened, collections.Counter(), "closed and never opened")
    rows = [r for r in ask("users") if r["service"] == "imap" or r["user"] == str(UID)]
    equal(sum(r["opened"] for r in rows), sum(opened.values()), "opened")
    say(f"{sum(opened.values())} sessions")


def nothing_to_repair():
    """audit finds nothing, and nothing went uncounted"""
    code, out, err = headcount("audit", "--json")
    found = json.loads(out)
    equal((code, err, found["missing"], found["stale"], found["wrong"]), (0, "", 0, 0, 0), f"audit {found}")
    losses = {k: v for k, v in ask("status")["losses"].items() if v}
    equal(losses, {}, "losses")


def main_of_endings():
    global hc, listener
    sysctl("net.ipv4.tcp_fastopen", 0x607, None, C1)
    sysctl("net.ipv4.tcp_orphan_retries", 1, None, C1)
    with inside(C1):
        run("ip", "neigh", "add", SILENT, "lladdr", "02:00:00:00:00:99", "dev", "eth0")
    for function, times in endings:
        make_test(function, times)
    test(add_up)
    test(nothing_to_repair)
    with Headcount(CONFIG) as hc:
        become(UID)
        listener = listen("::", PORT)
        main()
