#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Inbound services hold in the namespaces that the configuration names, and nowhere else."""
from clients import *

for n in 1, 2, 3:
    client_host(n)
PORT = 7143
IMAP = service("imap", listen=PORT, user="client/32/64", cap=3)


def into(n):
    """Five clients from here to the server in cN, whose user there is our address."""
    return Clients(address(n, 2), PORT, 1, 5)


def outcomes(n):
    with into(n) as clients:
        return clients.go()


@test
def by_default():
    """without netns = only headcount's own namespace is capped; others are counted as built-in"""
    with Headcount(IMAP), Server("0.0.0.0", PORT), Server("0.0.0.0", PORT, "c1"):
        with Clients(address(1), PORT, 1, 5, namespace="c1") as here, into(1) as elsewhere:
            equal(here.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes here")
            equal(elsewhere.go(), {"ok": 5}, "outcomes elsewhere")
            equal((active("imap", address(1, 2)), active("imap", address(1))), (3, 0), "active in the service")
            equal(active("inbound", address(1)), 5, "active elsewhere, in the built-in service")
            equal(len([r for r in our_sessions() if r["service"] == "inbound"]), 5, "sessions elsewhere")


@test
def named():
    """netns = by name and by path: there and only there, each user's cap across them"""
    config = section("headcount", netns="c1, /run/netns/c2") + IMAP
    with Headcount(config), Server("0.0.0.0", PORT), Server("0.0.0.0", PORT, "c1"), \
            Server("0.0.0.0", PORT, "c2"), Server("0.0.0.0", PORT, "c3"):
        equal([outcomes(n) for n in (1, 2, 3)],
              [{"ok": 3, "ECONNREFUSED": 2}, {"ok": 3, "ECONNREFUSED": 2}, {"ok": 5}], "outcomes in c1, c2, c3")
        with Clients(address(1), PORT, 1, 5, namespace="c1") as here:
            equal(here.go(), {"ok": 5}, "outcomes where headcount was started")


@test
def reloaded():
    """a reload adds and removes namespaces"""
    with Headcount(section("headcount", netns="c1") + IMAP) as hc, \
            Server("0.0.0.0", PORT, "c1") as first, Server("0.0.0.0", PORT, "c2") as second:
        equal([outcomes(1), outcomes(2)], [{"ok": 3, "ECONNREFUSED": 2}, {"ok": 5}], "outcomes before")
        hc.reload(section("headcount", netns="c2") + IMAP)
        first.hang_up()
        second.hang_up()
        until_equal(lambda: our_sessions(), [], "sessions")
        equal([outcomes(1), outcomes(2)], [{"ok": 5}, {"ok": 3, "ECONNREFUSED": 2}], "outcomes after")


@test
def stops():
    """SIGTERM ends run while a reload asks the process that enters namespaces, which is stopped"""
    def waiting(*namespaces):
        return section("headcount", netns=list(namespaces)) + service("imap", listen=PORT, cap=3, excess="wait")
    with Headcount(waiting("c1"), "-v") as hc:
        helper = int(re.search(r"\d+", hc.wait_said("started the process"))[0])
        os.kill(helper, signal.SIGSTOP)
        hc.configure(waiting("c1", "c2"))
        hc.process.send_signal(signal.SIGHUP)
        time.sleep(0.5 * SLOW)
        equal(hc.end(), 0, "exit code")
        equal(any("does not answer" in line for line in hc.said), True, f"the reload asked: {hc.said}")


@test
def builtin_capped():
    """a cap on the built-in inbound holds here and not elsewhere"""
    with Headcount(service("inbound", user="client/32/64", cap=3)), \
            Server("0.0.0.0", PORT), Server("0.0.0.0", PORT, "c1"):
        with Clients(address(1), PORT, 1, 5, namespace="c1") as here:
            equal(here.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes here")
        equal(outcomes(1), {"ok": 5}, "outcomes elsewhere")


@test
def slots_of_one_namespace():
    """sessions elsewhere take no slot of the same client's cap here; users shows one row"""
    client = address(1, 2)  # connects to us, and to the server in its own namespace
    with Headcount(), Server("0.0.0.0", PORT), Server("0.0.0.0", PORT, "c1"):
        equal(headcount("cap", "inbound", client, "2"), (0, "", ""), "headcount cap")
        with Clients(client, PORT, 1, 3, namespace="c1") as elsewhere, \
                Clients(address(1), PORT, 1, 3, namespace="c1") as here:
            equal(elsewhere.go(), {"ok": 3}, "outcomes elsewhere")
            equal(here.go(), {"ok": 2, "ECONNREFUSED": 1}, "outcomes here")
            rows = [r for r in ask("users", "--service", "inbound") if r["user"] == client]
            equal([(r["active"], r["opened"], r["refused"], r["cap"]) for r in rows], [(5, 5, 1, 2)],
                  "active, opened, refused and cap in the rows of the client")


def inode(name):
    return os.stat(f"/run/netns/{name}").st_ino


@test
def inode_used_again():
    """a namespace that is gone gives its inode number to another one, whose sessions are not taken for its own"""
    used_again("gone")


@test
def inode_of_added_one():
    """so does one that a reload added"""
    used_again("c1")


def used_again(first):
    run("ip", "netns", "add", "gone")
    old = inode("gone")
    with Headcount(section("headcount", netns=first) + service("imap", listen=PORT, cap=1), "--pin") as hc:
        hc.reload(section("headcount", netns="gone") + service("imap", listen=PORT, cap=2))
    run("ip", "netns", "del", "gone")
    names = []
    try:
        for i in range(50):
            names.append(f"next{i}")
            run("ip", "netns", "add", names[-1])
            if inode(names[-1]) == old:
                break
        equal(inode(names[-1]), old, "inode number of the new namespace")
        with inside(names[-1]):
            run("ip", "link", "set", "lo", "up")
        with Server("127.0.0.1", PORT, names[-1]) as server, Clients("127.0.0.1", PORT, 1, 5, namespace=names[-1]) as clients:
            equal(clients.go(), {"ok": 5}, "outcomes")
            rows = {r["service"]: r["active"] for r in ask("users") if r["user"] == "127.0.0.1" and r["active"]}
            equal((rows.get("imap", 0), rows.get("inbound", 0) >= 5), (0, True), f"charged to {rows}")
            equal(ask("status")["losses"]["late"], 0, "late")
            server.hang_up()
    finally:
        for name in names:
            run("ip", "netns", "del", name)
        headcount("detach")


main()
