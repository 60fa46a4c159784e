#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: its outbound caps are those of every process of the host
"""Caps on sessions that go out: errno, families, overrides, and what must not cost a slot."""
import datetime

from clients import *

client_host(1)
sysctl("net.ipv4.tcp_fastopen", 3, None, "c1")
PORT, CAP = 7143, 4
THERE, THERE6 = address(1, 2), address(1, 2, 6)
FASTOPEN_CONNECT = 30  # linux/tcp.h
NOWHERE = "192.0.2.1"  # no route leads to it


def capped(*overrides, **settings):
    return service("outbound", **{"user": "uid", "override": [f"{UID} {CAP}", *overrides], **settings})


def seven(where=THERE, uid=UID, connect=plain_connect, **child):
    return Clients(where, PORT, 1, 7, connect, uid=uid, **child)


def four_of_seven(error="ECONNREFUSED"):
    return {"ok": CAP, error: 7 - CAP}


@test
def errnos():
    """errno: what connect() gets is what the configuration says"""
    with Headcount(capped()) as hc, Server("::", PORT, "c1") as server:
        for error in "ECONNREFUSED", "EPERM", "EDQUOT", "EAGAIN":
            hc.reload(capped(errno=error))
            for where in THERE, THERE6:
                with seven(where) as clients:
                    equal(clients.go(), four_of_seven(error), f"outcomes with {error} to {where}")
                    equal(active("outbound", UID), CAP, "active")
                server.hang_up()
                until_equal(lambda: active("outbound", UID), 0, "active at the end")


@test
def ways():
    """every way to connect is capped: IPv6, IPv4-mapped, non-blocking, Fast Open"""
    with Headcount(capped()), Server("::", PORT, "c1") as server:
        for where, connect in ((THERE6, plain_connect), (THERE, mapped_connect), (THERE, patient_connect),
                               (THERE6, patient_connect), (THERE, fast_open), (THERE6, fast_open)):
            with seven(where, connect=connect) as clients:
                equal(clients.go(), four_of_seven(), f"outcomes of {connect.__name__} to {where}")
            server.hang_up()
            until_equal(lambda: active("outbound", UID), 0, "active at the end")


@test
def overrides():
    """override by uid: one user's cap is not another's"""
    config = capped(f"{UID + 1} 2", f"{UID + 2} unlimited", "root unlimited", cap=6)
    with Headcount(config), Server("0.0.0.0", PORT, "c1"):
        for uid, cap in ((UID, CAP), (UID + 1, 2), (UID + 2, 7), (UID + 3, 6)):
            with seven(uid=uid) as clients:
                want = {"ok": cap, "ECONNREFUSED": 7 - cap} if cap < 7 else {"ok": 7}
                equal(clients.go(), want, f"outcomes of {uid}")
                row = user("outbound", uid)
                equal((row["active"], row["cap"]), (cap, None if uid == UID + 2 else cap), "active and cap")


@test
def everywhere():
    """a cap holds on the whole host: two here leave two in a namespace"""
    with Headcount(capped()), Server("0.0.0.0", PORT), Server("0.0.0.0", PORT, "c1"):
        with Clients(THERE, PORT, 1, 2, uid=UID) as here, seven(address(1), namespace="c1") as elsewhere:
            equal(here.go(), {"ok": 2}, "outcomes here")
            equal(elsewhere.go(), {"ok": 2, "ECONNREFUSED": 5}, "outcomes elsewhere")


@test
def by_cgroup():
    """user = cgroup: the caller's"""
    with cgroup("out") as (path, directory):
        config = service("outbound", user="cgroup", override=f"{path} {CAP}")
        with Headcount(config), Server("0.0.0.0", PORT, "c1"), seven(cgroup=directory) as clients:
            equal(clients.go(), four_of_seven(), "outcomes")
            equal(active("outbound", path), CAP, "active")
            with seven() as others:
                equal(others.go(), {"ok": 7}, "outcomes outside of it")


@test
def observe():
    """observe: nothing is refused, and what would have been is counted"""
    with Headcount(capped(excess="observe")), Server("0.0.0.0", PORT, "c1"), seven() as clients:
        equal(clients.go(), {"ok": 7}, "outcomes")
        row = user("outbound", UID)
        equal((row["active"], row["refused"]), (7, 3), "active and refused")


def udp(where):
    with socket.socket(family_of(where), socket.SOCK_DGRAM) as s:
        s.connect((where, PORT))
        return s.send(b"hello")


@test
def datagrams():
    """UDP is not capped"""
    with Headcount(capped()), Server("0.0.0.0", PORT, "c1"), seven() as clients:
        equal(clients.go(), four_of_seven(), "outcomes")
        for where in THERE, THERE6:
            equal(as_user(UID, udp, where), 5, f"bytes sent to {where}")


def records():
    """Sessions that headcount keeps a record of, on the whole host."""
    return next(m["entries"] for m in ask("status")["maps"] if m["map"] == "sessions")


def failing(where, count):
    """errnos of connects that fail, each on a socket of its own that is closed at once; every other one calls back before it has sent
    anything."""
    outcomes = set()
    for i in range(count):
        with new_socket(family_of(where)) as s:
            s.setsockopt(socket.IPPROTO_TCP, FASTOPEN_CONNECT, where == NOWHERE and i % 2)
            outcomes.add(s.connect_ex((where, PORT + 1)))
    return sorted(outcomes)


def held_over(channel):
    """Sockets that hold slots for connects that sent nothing, until told to close."""
    held = [new_socket() for _ in range(CAP)]
    answer(channel, [s.connect_ex((NOWHERE, PORT)) for s in held])
    channel.recv(9)
    while held:
        held.pop().close()
    answer(channel, "closed")
    channel.recv(9)


@test
def failures():
    """connects that fail give their slot back when the socket is closed"""
    for settings in {}, {"orphans": "ignore"}:
        fails_and_gives_back(settings)


def fails_and_gives_back(settings):
    """With orphans = ignore two programs see the end of such a socket."""
    cases = ((NOWHERE, errno.ENETUNREACH), (THERE, errno.ECONNREFUSED), (THERE6, errno.ECONNREFUSED))
    with Headcount(capped(**settings)) as hc, Server("0.0.0.0", PORT, "c1") as server:
        for where, error in cases:
            equal(as_user(UID, failing, where, 20), [error], f"errnos of 20 connects to {where}")
            until_equal(lambda: active("outbound", UID), 0, f"active after {where}")
        with seven() as clients:
            equal(clients.go(), four_of_seven(), "outcomes afterwards")
        server.hang_up()
        before = records()
        as_user(UID, failing, NOWHERE, 300)
        until(lambda: records() < before + 100, f"the records of 300 failed connects to go, {before} were there")
        with Child(held_over, uid=UID) as child:
            equal(child.hear(), [errno.ENETUNREACH] * CAP, "connects on sockets that stay open")
            hc.reload(capped())
            child.tell()
            equal(child.hear(), "closed", "the child")
        with seven() as clients:
            equal(clients.go(), four_of_seven(), "outcomes after a reload between connect() and close()")
        equal(headcount("audit")[0], 0, "audit")


def one_socket(channel):
    """One socket that fails many times, then gets in, is disconnected and gets in again."""
    s = new_socket()
    for _ in range(10):
        equal(s.connect_ex((NOWHERE, PORT)), errno.ENETUNREACH, "no route")
    for _ in range(10):
        s.connect((THERE, PORT))
        equal(s.recv(1), b"+", "the greeting")
        answer(channel, "in")
        channel.recv(9)
        disconnect(s)
    answer(channel, "out")
    channel.recv(9)


@test
def reconnects():
    """one socket costs one slot, however often it fails, connects and is disconnected"""
    with Headcount(service("outbound", user="uid", override=f"{UID} 1")), \
            Server("0.0.0.0", PORT, "c1"), Child(one_socket, uid=UID) as child:
        for _ in range(10):
            equal(child.hear(), "in", "the child")
            equal(active("outbound", UID), 1, "active")
            child.tell()
        equal(child.hear(), "out", "the child")
        until_equal(lambda: active("outbound", UID), 0, "active when disconnected")


def refused():
    s = new_socket()
    equal(s.connect_ex((THERE, PORT + 1)), errno.ECONNREFUSED, "a port where nobody listens")
    return s


def disconnected():
    s = plain_connect(THERE, PORT)
    disconnect(s)
    return s


def nowhere_again(channel, before):
    """connect() on used sockets sends nothing; are their slots there for others as soon as they are closed?"""
    used = [before() for _ in range(CAP)]
    outcomes = [s.connect_ex((NOWHERE, PORT)) for s in used]
    for s in used:
        s.close()
    fresh = [new_socket() for _ in range(CAP)]
    answer(channel, (outcomes, [s.connect_ex((THERE, PORT)) for s in fresh]))
    for s in fresh:
        disconnect(s)


@test
def failures_of_used_sockets():
    """a socket that has connected before gives back what a later connect() without a route took"""
    with Headcount(capped()), Server("0.0.0.0", PORT, "c1"):
        for before in refused, disconnected:
            with Child(nowhere_again, before, uid=UID) as child:
                equal(child.hear(), [[errno.ENETUNREACH] * CAP, [0] * CAP], before.__name__)
            until_equal(lambda: active("outbound", UID), 0, "active at the end")


def turned_into_listeners(count):
    """connect() that sends nothing, on a socket that listens then."""
    for _ in range(count):
        with new_socket() as s:
            equal(s.connect_ex((NOWHERE, PORT)), errno.ENETUNREACH, "no route")
            s.listen()


def fast_open_given_up(count):
    """The same, on one that is asked for Fast Open before, and not any more after."""
    for _ in range(count):
        with new_socket() as s:
            s.setsockopt(socket.IPPROTO_TCP, FASTOPEN_CONNECT, 1)
            equal(s.connect_ex((NOWHERE, PORT)), errno.ENETUNREACH, "no route")
            s.setsockopt(socket.IPPROTO_TCP, FASTOPEN_CONNECT, 0)


@test
def records_of_failures():
    """connects that send nothing leave no record, whatever becomes of their sockets before they are closed"""
    with Headcount(capped()):
        for way in turned_into_listeners, fast_open_given_up:
            before = records()
            as_user(UID, way, 300)
            until(lambda: records() < before + 100, f"the records of {way.__name__} to go, {before} were there")


def later(channel):
    """connect() to nowhere, and when told to, from the same socket to a server."""
    s = new_socket()
    answer(channel, s.connect_ex((NOWHERE, PORT)))
    channel.recv(1)
    answer(channel, s.connect_ex((THERE, PORT)))
    channel.recv(1)


@test
def failures_before_a_reload():
    """what a connect() left behind under a cap is not taken for the next one, when there is no cap any more"""
    with Headcount(capped()) as hc, Server("0.0.0.0", PORT, "c1"), Child(later, uid=UID) as child:
        equal(child.hear(), errno.ENETUNREACH, "no route")
        hc.reload(service("outbound", user="uid"))
        before = datetime.datetime.now(datetime.timezone.utc)
        child.tell()
        equal(child.hear(), 0, "connect() afterwards")
        opened = hc.wait_event(event__action="session-opened", destination__port=PORT)
        start = datetime.datetime.fromisoformat(opened["event.start"])
        equal(start > before, True, f"it began at {start}, after {before}")
        child.tell()


def put_off(channel):
    """Seven connects that send no SYN yet; seven more when told to; then all send and, told again, close."""
    held = []
    for _ in range(2):
        outcomes = collections.Counter()
        for _ in range(7):
            held.append(new_socket())
            held[-1].setsockopt(socket.IPPROTO_TCP, FASTOPEN_CONNECT, 1)
            outcomes[errno.errorcode.get(held[-1].connect_ex((THERE, PORT)), "ok")] += 1
        answer(channel, outcomes)
        channel.recv(1)
    for s in held:
        with contextlib.suppress(OSError):
            s.send(b"now")
    answer(channel, "sent")
    channel.recv(1)
    for s in held:
        s.close()
    answer(channel, "closed")
    channel.recv(1)


@test
def fast_open_put_off():
    """a connect() that puts its SYN off (TCP_FASTOPEN_CONNECT) holds its slot for as long as it takes"""
    sysctl("net.ipv4.tcp_fastopen", 5)  # without a cookie
    with Headcount(capped()), Server("0.0.0.0", PORT, "c1"):
        for sends in True, False:
            with Child(put_off, uid=UID) as child:
                equal(child.hear(), four_of_seven(), "outcomes")
                equal(active("outbound", UID), CAP, "active before a SYN is sent")
                time.sleep(5)  # longer than a reservation lives
                child.tell()
                equal(child.hear(), {"ECONNREFUSED": 7}, "outcomes when all slots are taken")
                if sends:
                    child.tell()
                    equal(child.hear(), "sent", "the child")
                    equal(active("outbound", UID), CAP, "active when all have sent")
                    child.tell()
                    equal(child.hear(), "closed", "the child")
            until_equal(lambda: active("outbound", UID), 0, "active at the end")


def mptcp_or_skip():
    try:
        new_socket(protocol=262).close()
    except OSError as error:
        raise Skip(f"MPTCP: {error}")


def many_mptcp(channel, where, count):
    """Many MPTCP connects that lead nowhere, on sockets that are closed when told to."""
    held = []
    for _ in range(count):
        held.append(new_socket(protocol=262))
        held[-1].setblocking(False)
        held[-1].connect_ex((where, PORT))
    answer(channel, "tried")
    channel.recv(1)
    for s in held:
        s.close()
    answer(channel, "closed")
    channel.recv(1)


@test
def mptcp_failures():
    """MPTCP connects that lead nowhere give their slots back, at the latest when forgotten"""
    mptcp_or_skip()
    silent = address(1, 99)
    run("ip", "neigh", "add", silent, "lladdr", "02:00:00:00:00:99", "dev", "v1")
    with Headcount(capped()), Server("0.0.0.0", PORT, "c1") as server:
        for where in NOWHERE, silent:
            with Child(many_mptcp, where, 50, uid=UID) as child:
                equal(child.hear(), "tried", "the child")
                child.tell()
                equal(child.hear(), "closed", "the child")

                def gets_in():
                    server.hang_up()
                    with seven() as clients:
                        return clients.go() == four_of_seven()
                until(gets_in, f"the slots of 50 MPTCP connects to {where}", 6)
                equal(headcount("audit")[0], 0, f"exit code of audit after {where}")
            server.hang_up()
            until_equal(lambda: active("outbound", UID), 0, "active at the end")


def mptcp_client(channel, where):
    """An MPTCP connection; data from the server is what it waits for before it joins. The socket is
    made by root, who connects it is another."""
    with new_socket(protocol=262) as s:
        os.setresuid(UID, UID, UID)
        s.connect((where, PORT))
        answer(channel, s.recv(1).decode())
        channel.recv(1)


@test
def mptcp_joins():
    """a subflow that joins an MPTCP connection has its user and process, be it added by the kernel or by root"""
    mptcp_or_skip()
    second, third = (f"ip mptcp endpoint add {address(1, host)} dev v1 subflow".split() for host in (50, 51))
    for host in 50, 51:
        run("ip", "address", "add", f"{address(1, host)}/24", "dev", "v1")
    try:
        for namespace in "c1", None:
            with inside(namespace):
                run(*"ip mptcp limits set subflow 2 add_addr_accepted 2".split())
        run(*second)
    except AssertionError as error:
        raise Skip(f"ip mptcp: {error}")
    listener = listen(THERE, PORT, "c1", protocol=262)
    with Headcount(capped()):
        for late in False, True:
            if late:
                run(*"ip mptcp endpoint flush".split())
            with Child(mptcp_client, THERE) as child:
                server, _ = listener.accept()
                server.send(b"y")
                equal(child.hear(), "y", "the child")
                if late:
                    run(*second)
                rows = lambda: [row for row in ask("sessions", "--service", "outbound")
                                if row["remote"] == f"{THERE}:{PORT}"]
                until_equal(lambda: len(rows()), 2, f"sessions, the endpoint {'late' if late else 'early'}")
                equal([(row["user"], row["pid"]) for row in rows()], [(str(UID), host_pid(child.pid))] * 2, "whose they are")
                equal(active("outbound", UID), 2, "active with the second subflow")
                if late:
                    # Whose it is nobody knows any more; root made the socket.
                    first, other = sorted(rows(), key=lambda row: not row["local"].startswith(address(1) + ":"))
                    run("ss", "-K", "src", first["local"])
                    until_equal(lambda: [row["id"] for row in rows()], [other["id"]], "sessions without the first")
                    run(*third)
                    until_equal(lambda: [(row["user"], row["pid"], row["process"]) for row in rows() if row["id"] != other["id"]],
                                [("0", None, None)], "one that joins then")
                child.tell()
                server.close()
                until_equal(lambda: active("outbound", UID), 0, "active at the end")


main()
