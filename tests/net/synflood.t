#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Forged SYNs: no lasting records, nobody else shut out, and the forged user's slots come back."""
from clients import *
from rawtcp import packet

C1 = client_host(1)
PORT = 7143
HERE, ALICE, FORGED = address(1), address(1, 2), address(1, 77)
CONFIG = section("headcount", users_max=1024) + service("imap", listen=PORT, user="client/32/64", cap=5)


def flood(sources, flags=2, data=b""):
    """Sends a packet, a SYN by default, from each source address and port, out of namespace c1."""
    with inside(C1):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with raw:
        for source, port in sources:
            raw.sendto(packet(source, port, HERE, PORT, flags, data=data), (HERE, 0))


def clients(source=ALICE, count=8):
    return Clients(HERE, PORT, 1, count, sources=[source], namespace=C1)


@test
def many_sources():
    """20000 forged sources: no record stays, and a real client gets its cap at once"""
    run("ip", "route", "add", f"{NET}128.0/17", "via", ALICE)  # the answers have somewhere to go
    strangers = [(f"{NET}{128 + i % 100}.{i // 100 + 1}", 1024 + i) for i in range(20000)]
    with Headcount(CONFIG), Server("0.0.0.0", PORT) as server:
        flood(strangers)
        with clients() as real:
            equal(real.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes of a real client")
            equal(active("imap", ALICE), 5, "active")
            rows = [r for r in ask("users", "--service", "imap") if r["user"] != ALICE]
            equal([r for r in rows if r["active"] or r["opened"]], [], "users who never came")
        server.hang_up()
        until(lambda: not [r for r in ask("users", "--service", "imap") if r["user"] != ALICE],
              "forged users to be forgotten", 30)
        equal(ask("status")["losses"].get("users-full", 0), 0, "users for whom there was no room")


@test
def one_source():
    """SYNs forged in one user's name: others get in, and that user does within ten seconds of the end"""
    with Headcount(CONFIG), Server("0.0.0.0", PORT):
        flood([(FORGED, 1024 + i) for i in range(200)])
        with clients() as others:
            equal(others.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes of another user")
        with inside(C1):  # the real owner comes
            run("ip", "addr", "add", FORGED + "/24", "dev", "eth0")

        def gets_in():
            with clients(FORGED, 1) as victim:
                return victim.go() == {"ok": 1}
        until(gets_in, "the forged user to get in", 10)
        equal(active("imap", FORGED) <= 1, True, "active of the forged user")


@test
def strays():
    """stray ACKs, RSTs and FINs take no slot and leave no record"""
    with Headcount(CONFIG), Server("0.0.0.0", PORT):
        for flags in 0x10, 0x04, 0x11, 0x14, 0x18:
            flood([(f"{NET}1.{i % 100 + 100}", 2000 + i) for i in range(500)], flags)
        with clients() as real:
            equal(real.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes of a real client")
        until(lambda: not [r for r in ask("users", "--service", "imap") if r["user"] != ALICE],
              "users who never came to be forgotten", 30)


def connect_soon_after(stray_port):
    """Sends a stray ACK on CPU 1 and connects on CPU 0 when its slot must be free again."""
    os.sched_setaffinity(0, {1})
    flood([(ALICE, stray_port)], 0x10)
    os.sched_setaffinity(0, {0})
    instant = time.monotonic() + 0.035
    while time.monotonic() < instant:
        pass
    c = new_socket(namespace=C1)
    return c, c.connect_ex((HERE, PORT))


@test
def stray_on_another_cpu():
    """a stray ACK takes the only slot for less than 35 ms, also when its CPU sees no more packets"""
    cpus = os.sched_getaffinity(0)
    if not {0, 1} <= cpus:
        raise Skip("needs the CPUs 0 and 1")
    config = service("imap", listen=PORT, user="client/32/64", cap=1)
    outcomes = collections.Counter()
    try:
        with Headcount(config), listen("0.0.0.0", PORT) as listener:
            for i in range(50):
                c, error = connect_soon_after(3000 + i)
                outcomes[error] += 1
                if not error:
                    s = listener.accept()[0]
                    c.close()
                    s.close()
                c.close()
                until_equal(lambda: active("imap", ALICE), 0, "active")
    finally:
        os.sched_setaffinity(0, cpus)
    equal(dict(outcomes), {0: 50}, "errors of connect")


@test
def fast_open_children():
    """Fast Open sessions whose handshake never ends are counted while they live, and not stale"""
    silent = [address(1, host) for host in range(240, 245)]
    for host in silent:
        run("ip", "neigh", "add", host, "lladdr", "02:00:00:00:00:99", "dev", "v1")
    sysctl("net.ipv4.tcp_fastopen", 0x607)  # no cookie asked for: data in a SYN is enough

    def receiving():
        return len(run("ss", "-tnH", "state", "syn-recv", "sport", "=", str(PORT)).splitlines())
    with Headcount(CONFIG), listen("0.0.0.0", PORT, options=[(socket.IPPROTO_TCP, 23, 100)]) as listener:
        flood([(host, 1024) for host in silent], 2, b"hello!")
        accepted = [listener.accept()[0] for _ in silent]
        equal([s.recv(9) for s in accepted], [b"hello!"] * 5, "data of the SYNs")
        equal((receiving(), sum(active("imap", host) for host in silent)), (5, 5), "in SYN-RECV, and active")
        code, out, err = headcount("audit", "--json")
        found = json.loads(out)
        equal((code, err, found["missing"], found["stale"], found["wrong"]), (0, "", 0, 0, 0), f"audit {found}")
        for s in accepted:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        until_equal(lambda: sum(active("imap", host) for host in silent), 0, "active at the end")


main()
