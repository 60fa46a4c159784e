#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Caps on sessions that come in: whom they hold, whom they leave alone, for each kind of user."""
from clients import *

client_host(1)
client_host(2)
PORT = 7143
ALICE, BOB, CAROL = address(1, 2), address(1, 3), address(2, 2)
ALICE6, ALICE6_TOO, BOB6 = address(1, 2, 6), address(1, 3, 6), address(2, 2, 6)


def crowd(where, sources, namespace="c1", port=PORT):
    return Clients(where, port, 8, 8, sources=sources, namespace=namespace)


def refused_and_ok(ok, attempts=64):
    return {"ok": ok, "ECONNREFUSED": attempts - ok}


def cap_holds(listen, where, sources, name, other, bind="0.0.0.0"):
    """64 clients of one user get 10 sessions; another user gets all it wants; all end at 0."""
    config = service("imap", listen=listen, user="client/32/64", cap=10)
    key = by_client(PORT)
    families = (socket.AF_INET, socket.AF_INET6)
    with Headcount(config), Server(bind, PORT) as server, \
            Sampler(lambda *s: key(*s) and "somebody", families) as sampler:
        with crowd(where, sources) as clients:
            equal(clients.go(), refused_and_ok(10), "outcomes")
            row = user("imap", name)
            equal({k: row[k] for k in ("active", "cap", "peak", "opened", "refused")},
                  dict(active=10, cap=10, peak=10, opened=10, refused=54), "the user's row")
            equal(sampler.most["somebody"], 10, "most sessions at once")
            namespace, other_where, source, other_name = other
            with Clients(other_where, PORT, 5, sources=[source], namespace=namespace) as others:
                equal(others.go(), {"ok": 5}, "outcomes of the other user")
                equal(active("imap", other_name), 5, "active sessions of the other user")
                others.close()
            clients.close()
        server.hang_up()
        until_equal(lambda: (active("imap", name), active("imap", other_name)), (0, 0), "active at the end")
        with crowd(where, sources) as clients:
            equal(clients.go(), refused_and_ok(10), "outcomes when all slots are free again")


@test
def ipv4():
    """IPv4: ten sessions of 64 attempts, another address unaffected"""
    cap_holds(PORT, address(1), [ALICE], ALICE, ("c1", address(1), BOB, BOB))


@test
def ipv6():
    """IPv6: two addresses in one /64 are one user"""
    cap_holds(PORT, address(1, 1, 6), [ALICE6, ALICE6_TOO], f"{NET6}1::/64",
              ("c2", address(2, 1, 6), BOB6, f"{NET6}2::/64"), bind="::")


@test
def mapped():
    """IPv4 on a dual-stack listener is a user by its IPv4 address"""
    cap_holds(PORT, address(1), [ALICE], ALICE, ("c1", address(1), BOB, BOB), bind="::")


@test
def one_address():
    """a service on one address does not hold on another"""
    config = service("imap", listen=f"{address(1)}:{PORT}", user="client/32/64", cap=10)
    with inside("c1"):
        run("ip", "route", "add", f"{NET}2.0/24", "via", address(1))
    with Headcount(config), Server("0.0.0.0", PORT):
        with crowd(address(1), [ALICE]) as clients, crowd(address(2), [ALICE]) as free:
            equal(free.go(), {"ok": 64}, "outcomes at the other address")
            equal(clients.go(), refused_and_ok(10), "outcomes at the service's address")
            equal(active("imap", ALICE), 10, "active in the service")
            equal(active("inbound", ALICE), 64, "active in the built-in service")


@test
def one_address6():
    """a service on one IPv6 address, and another service on the rest of the port"""
    config = service("one", listen=f"[{address(1, 1, 6)}]:{PORT}", user="client/32/64", cap=10) \
        + service("rest", listen=PORT, user="client/32/64", cap=20)
    with Headcount(config), Server("::", PORT):
        with crowd(address(1, 1, 6), [ALICE6]) as one, crowd(address(1), [ALICE]) as rest:
            equal(one.go(), refused_and_ok(10), "outcomes at the one address")
            equal(rest.go(), refused_and_ok(20), "outcomes at the rest")


@test
def total():
    """total: several addresses share ten slots"""
    config = service("imap", listen=PORT, user="client/32/64", total=10)
    with Headcount(config), Server("0.0.0.0", PORT) as server:
        for _ in range(2):
            with crowd(address(1), [ALICE, BOB, address(1, 4)]) as clients:
                equal(clients.go(), refused_and_ok(10), "outcomes")
                rows = ask("users", "--service", "imap")
                equal(sum(row["active"] for row in rows), 10, "active of all users")
                clients.close()
            server.hang_up()
            until(lambda: not any(r["active"] for r in ask("users", "--service", "imap")), "all to end")


@test
def cap_and_total():
    """cap and total together: each user at most its cap, all at most the total"""
    config = service("imap", listen=PORT, user="client/32/64", cap=10, total=15)
    with Headcount(config), Server("0.0.0.0", PORT):
        with crowd(address(1), [ALICE]) as alice, crowd(address(1), [BOB]) as bob:
            equal(alice.go(), refused_and_ok(10), "outcomes of the first")
            equal(bob.go(), refused_and_ok(5), "outcomes of the second")


@test
def observe():
    """observe: everybody gets in, and what would have been refused is counted"""
    config = service("imap", listen=PORT, user="client/32/64", cap=10, excess="observe")
    with Headcount(config) as hc, Server("0.0.0.0", PORT):
        with crowd(address(1), [ALICE]) as clients:
            equal(clients.go(), {"ok": 64}, "outcomes")
            row = user("imap", ALICE)
            equal((row["active"], row["peak"], row["refused"]), (64, 64, 54), "active, peak, refused")
            hc.wait_event(event__action="session-refused", headcount__user=ALICE)


@test
def by_uid():
    """user = uid: the owner of the listening socket"""
    config = service("web", listen=PORT, user="uid", cap=10)
    with Headcount(config), Server("0.0.0.0", PORT, uid=UID):
        with crowd(address(1), [ALICE, BOB]) as clients:
            equal(clients.go(), refused_and_ok(10), "outcomes")
            equal(active("web", UID), 10, "active of the owner")


@test
def by_cgroup():
    """user = cgroup: the cgroup of the listening socket"""
    config = service("web", listen=PORT, user="cgroup", cap=10)
    with cgroup("web") as (path, directory), Headcount(config), Server("0.0.0.0", PORT, cgroup=directory):
        with crowd(address(1), [ALICE, BOB]) as clients:
            equal(clients.go(), refused_and_ok(10), "outcomes")
            equal(active("web", path), 10, "active of the cgroup")


@test
def overrides():
    """override: for one address, for a prefix, for a longer prefix within it"""
    config = service("imap", listen=PORT, user="client/32/64", cap=10, override=[
        f"{NET}1.0/24 20", f"{BOB} 3", f"{NET}2.0/24 unlimited", f"{NET6}2::/64 4"])
    cases = [("c1", address(1), ALICE, 20), ("c1", address(1), BOB, 3), ("c2", address(2), CAROL, 64),
             ("c1", address(1, 1, 6), ALICE6, 10), ("c2", address(2, 1, 6), BOB6, 4)]
    with Headcount(config), Server("::", PORT):
        for namespace, where, source, cap in cases:
            with crowd(where, [source], namespace) as clients:
                want = {"ok": 64} if cap == 64 else refused_and_ok(cap)
                equal(clients.go(), want, f"outcomes of {source}")


@test
def prefixes():
    """client/24/48: neighbours are one user, written as the prefix"""
    config = service("imap", listen=PORT, user="client/24/48", cap=10)
    with Headcount(config), Server("::", PORT):
        with crowd(address(1), [ALICE, BOB]) as clients:
            equal(clients.go(), refused_and_ok(10), "outcomes")
            equal(active("imap", f"{NET}1.0/24"), 10, "active of the prefix")
        with crowd(address(1, 1, 6), [ALICE6]) as here:
            equal(here.go(), refused_and_ok(10), "outcomes of IPv6")


main()
