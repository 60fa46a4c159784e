#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The policy changes under live sessions: SIGHUP and `cap`."""
from clients import *

client_host(1)
PORT, MOVED = 7143, 7144
ALICE, BOB = address(1, 2), address(1, 3)


def imap(**settings):
    return service("imap", **{"listen": PORT, "user": "client/32/64", **settings})


def crowd(source=ALICE, count=5, port=PORT):
    return Clients(address(1), port, 1, count, sources=[source], namespace="c1")


@test
def bad_file():
    """a bad new file is refused with its line, and the old policy stays"""
    with Headcount(imap(cap=3)) as hc, Server("0.0.0.0", PORT):
        hc.reload(imap(cap=9, colour="red"), rf"headcount: {hc.path}:5: ")
        with crowd() as clients:
            equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes under the old policy")
        os.unlink(hc.path)
        os.kill(hc.process.pid, signal.SIGHUP)
        hc.wait_said(rf"headcount: {hc.path}: ")
        with crowd(BOB) as clients:
            equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes after a missing file")


@test
def renamed():
    """another name of the host, which none is configured for, is no change of the fleet's"""
    with Headcount(imap(cap=3), wrap=["unshare", "-u"]) as hc:
        run("nsenter", "-u", "-t", str(hc.process.pid), "hostname", "another")
        hc.reload(imap(cap=4))


@test
def cap_lowered():
    """a lowered cap cuts nobody and admits nobody until enough have left"""
    with Headcount(imap(cap=5)) as hc, Server("0.0.0.0", PORT) as server, crowd(count=3) as first:
        equal(first.go(), {"ok": 3}, "outcomes under a cap of 5")
        with crowd(count=2) as second:
            equal(second.go(), {"ok": 2}, "outcomes of the last two")
            hc.reload(imap(cap=3))
            row = user("imap", ALICE)
            equal((row["active"], row["cap"]), (5, 3), "active and cap")
            equal(len([s for s in ss() if s.port == PORT]), 5, "sessions")
            with crowd() as more:
                equal(more.go(), {"ECONNREFUSED": 5}, "outcomes with 5 of 3")
            second.close()
            server.close_dead(2)
            until_equal(lambda: active("imap", ALICE), 3, "active")
        with crowd() as more:
            equal(more.go(), {"ECONNREFUSED": 5}, "outcomes with 3 of 3")
        first.close()
        server.close_dead(3)
        until_equal(lambda: active("imap", ALICE), 0, "active")
        with crowd() as more:
            equal(more.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes with 0 of 3")


@test
def moved_port():
    """sessions follow their port into another service and back, and are charged once"""
    both = imap(cap=9) + service("pop", listen=MOVED, user="client/32/64", cap=9)
    swapped = imap(cap=9, listen=MOVED) + service("pop", listen=PORT, user="client/32/64", cap=9)

    def counts():
        return [active(name, ALICE) for name in ("imap", "pop", "inbound")]
    with Headcount(both) as hc, Server("0.0.0.0", PORT) as server, crowd() as clients:
        equal(clients.go(), {"ok": 5}, "outcomes")
        for config, want in ((both, [5, 0, 0]), (swapped, [0, 5, 0]), (both, [5, 0, 0]),
                             (imap(listen=MOVED, cap=2), [0, 0, 5]), (both, [5, 0, 0])):
            hc.reload(config)
            until_equal(counts, want, "active in imap, pop, inbound")
        with crowd() as more:
            equal(more.go(), {"ok": 4, "ECONNREFUSED": 1}, "outcomes of five more, 5 of 9 being there")
            more.close()
        clients.close()
        server.hang_up()
        until_equal(counts, [0, 0, 0], "active at the end")
        equal(headcount("audit")[0], 0, "exit code of audit")


@test
def changed_user():
    """sessions follow a change of what identifies a user"""
    with Headcount(imap(cap=9)) as hc, Server("0.0.0.0", PORT, uid=UID), crowd() as a, crowd(BOB) as b:
        equal((a.go(), b.go()), ({"ok": 5}, {"ok": 5}), "outcomes")
        for settings, want in ((dict(user="client/24/64"), {f"{NET}1.0/24": 10}), (dict(user="uid"), {str(UID): 10}),
                               (dict(user="client/32/64"), {ALICE: 5, BOB: 5})):
            hc.reload(imap(cap=9, **settings))
            until_equal(lambda: {r["user"]: r["active"] for r in ask("users", "--service", "imap") if r["active"]},
                        want, f"active under {settings}")


@test
def outbound_too():
    """an outbound cap comes, changes and goes with a reload"""
    with Headcount() as hc, Server("0.0.0.0", PORT, "c1"):
        def seven():
            return Clients(ALICE, PORT, 1, 7, uid=UID)
        with seven() as clients:
            equal(clients.go(), {"ok": 7}, "outcomes without a cap")
            hc.reload(service("outbound", user="uid", override=f"{UID} 9"))
            with seven() as more:
                equal(more.go(), {"ok": 2, "ECONNREFUSED": 5}, "outcomes under a cap of 9")
            hc.reload("")
            with seven() as more:
                equal(more.go(), {"ok": 7}, "outcomes without a cap again")


def cap(*words):
    equal(headcount("cap", *words), (0, "", ""), f"headcount cap {words}")


@test
def cap_command():
    """cap: a number, unlimited, default; the next connect obeys; others keep theirs"""
    with Headcount(imap(cap=2)), Server("0.0.0.0", PORT) as server:
        for word, ok, shown in (("3", 3, 3), ("unlimited", 5, None), ("0", 0, 0), ("default", 2, 2)):
            cap("imap", ALICE, word)
            equal(user("imap", ALICE, "cap") if word != "3" else shown, shown, "cap shown")
            with crowd() as clients, crowd(BOB) as others:
                want = {k: v for k, v in (("ok", ok), ("ECONNREFUSED", 5 - ok)) if v}
                equal(clients.go(), want, f"outcomes after cap {word}")
                equal(others.go(), {"ok": 2, "ECONNREFUSED": 3}, "outcomes of the other")
                clients.close()
                others.close()
            server.hang_up()
            until_equal(lambda: active("imap", ALICE) + active("imap", BOB), 0, "active")


@test
def cap_command_lowers():
    """cap below what a user holds cuts nobody and admits nobody"""
    with Headcount(imap()), Server("0.0.0.0", PORT), crowd() as clients:
        equal(clients.go(), {"ok": 5}, "outcomes of a service without a cap")
        cap("imap", ALICE, "3")
        equal(active("imap", ALICE), 5, "active")
        with crowd() as more, crowd(BOB) as others:
            equal(more.go(), {"ECONNREFUSED": 5}, "outcomes of five more")
            equal(others.go(), {"ok": 5}, "outcomes of the other")
        cap("imap", ALICE, "6")
        with crowd() as more:
            equal(more.go(), {"ok": 1, "ECONNREFUSED": 4}, "outcomes after cap 6")


@test
def cap_command_outbound():
    """cap for an outbound user"""
    with Headcount(), Server("0.0.0.0", PORT, "c1"):
        cap("outbound", str(UID), "2")
        with Clients(ALICE, PORT, 1, 5, uid=UID) as clients:
            equal(clients.go(), {"ok": 2, "ECONNREFUSED": 3}, "outcomes")


@test
def cap_command_goes_with_its_service():
    """what cap set for a service does not hold in one that a reload puts in its place"""
    smtp = service("smtp", listen=MOVED, user="client/32/64")
    with Headcount(imap()) as hc, Server("0.0.0.0", PORT), Server("0.0.0.0", MOVED):
        for between in [], [""]:
            hc.reload(imap())
            cap("imap", ALICE, "1")
            with crowd(BOB) as others:
                equal(others.go(), {"ok": 5}, "outcomes of the other at imap")
            for config in *between, smtp:
                hc.reload(config)
            with crowd(port=MOVED) as clients:
                equal(clients.go(), {"ok": 5}, f"outcomes at smtp, after {between}")
                equal(user("smtp", ALICE, "cap"), None, "cap at smtp")
        hc.reload(imap())
        with crowd() as clients:
            equal(clients.go(), {"ok": 5}, "outcomes at imap, which was gone in between")


main()
