#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Forged SYNs: no lasting records, nobody else shut out, and the forged user's slots come back."""
from clients import *

C1 = client_host(1)
PORT = 7143
HERE, ALICE, FORGED = address(1), address(1, 2), address(1, 77)
CONFIG = section("headcount", users_max=1024) + service("imap", listen=PORT, user="client/32/64", cap=5)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def syn(source, port, flags=2):
    """A whole IPv4 packet."""
    addresses = socket.inet_aton(source) + socket.inet_aton(HERE)
    tcp = struct.pack("!HHIIBBHHH", port, PORT, 1000, 0, 5 << 4, flags, 1024, 0, 0)
    check = checksum(addresses + struct.pack("!HH", 6, len(tcp)) + tcp)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0)
    return ip + addresses + tcp[:16] + struct.pack("!H", check) + tcp[18:]


def flood(sources, flags=2):
    """Sends a SYN from each source address and port, out of namespace c1."""
    with inside(C1):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with raw:
        for source, port in sources:
            raw.sendto(syn(source, port, flags), (HERE, 0))


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
    """SYNs forged in one user's name: others get in, and that user does within 6 s of the end"""
    with Headcount(CONFIG), Server("0.0.0.0", PORT):
        flood([(FORGED, 1024 + i) for i in range(200)])
        with clients() as others:
            equal(others.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes of another user")
        with inside(C1):  # the real owner comes
            run("ip", "addr", "add", FORGED + "/24", "dev", "eth0")

        def gets_in():
            with clients(FORGED, 1) as victim:
                return victim.go() == {"ok": 1}
        until(gets_in, "the forged user to get in", 6)
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


main()
