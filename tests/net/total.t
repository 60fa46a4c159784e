#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A service's total: how it stands is shown, and who is exempt from it takes no slot of it."""
from clients import *

client_host(1)
PORT = 7143
ALICE, BOB, CAROL = address(1, 2), address(1, 3), address(1, 4)
EXEMPT = [f"{ALICE} total=exempt", f"{CAROL} 2 total=exempt"]


def imap(**settings):
    return service("imap", **{"listen": PORT, "user": "client/32/64", **settings})


def crowd(source, count):
    return Clients(address(1), PORT, 1, count, sources=[source], namespace="c1")


def total(name="imap"):
    """Slots of the total that are taken, as status and policy agree."""
    row = next(row for row in ask("policy")["services"] if row["service"] == name)
    rows = [(r["active"], r["refused"]) for r in ask("status")["totals"] if r["service"] == name]
    equal([(row["total_active"], row["total_refused"])], rows or [(None, None)], "policy and status")
    return row["total_active"]


@test
def exempt():
    """who is exempt is not refused by the total and takes no slot of it; his own cap holds; the line under users tells"""
    with Headcount(imap(total=4, override=EXEMPT) + service("pop", listen=110)) as hc, Server("0.0.0.0", PORT), \
            crowd(ALICE, 6) as a, crowd(BOB, 5) as b, crowd(CAROL, 3) as c, crowd(ALICE, 1) as last:
        equal(a.go(), {"ok": 6}, "outcomes of who is exempt")
        equal(total(), 0, "slots of the total")
        equal(b.go(), {"ok": 4, "ECONNREFUSED": 1}, "outcomes of who is not")
        equal((total(), active("imap", ALICE)), (4, 6), "slots of the total, and sessions of who takes none")
        equal(c.go(), {"ok": 2, "ECONNREFUSED": 1}, "outcomes of who is exempt and capped")
        run(PROGRAM, "cap", "imap", ALICE, "7")
        equal(last.go(), {"ok": 1}, "outcomes of who is exempt, when all is taken and with a cap of the moment")
        equal(total(), 4, "slots of the total")
        hc.wait_event(**{"event__action": "session-refused", "headcount__user": BOB})
        for words in [], ["--service", "imap"]:
            equal(headcount("users", *words)[1].partition("\n\n")[2], "imap: 4 of 4 in total, 1 refused by it\n", "under the table")
        equal(headcount("users", "--service", "pop")[1].count(" in total"), 0, "of a service without")
        equal("  imap      4 of 4, 1 refused\n" in headcount("status")[1], True, "status")
        equal([(r["user"], r["cap"], r["total_exempt"]) for r in ask("policy")["overrides"]],
              [(ALICE, None, True), (CAROL, 2, True)], "overrides")
        equal(headcount("audit")[0], 0, "exit code of audit")


@test
def moved():
    """a reload that changes who is exempt moves his open sessions in the total, and nothing else of them"""
    with Headcount(imap(total=9)) as hc, Server("0.0.0.0", PORT) as server, crowd(ALICE, 3) as a, crowd(BOB, 2) as b:
        equal((a.go(), b.go()), ({"ok": 3}, {"ok": 2}), "outcomes")
        equal(total(), 5, "slots of the total")
        for settings, want in ((dict(total=9, override=EXEMPT), 2), (dict(total=9), 5), (dict(total=1, override=EXEMPT), 2),
                               (dict(override=EXEMPT), None), (dict(total=9, override=EXEMPT), 2), (dict(total=2), 5)):
            hc.reload(imap(**settings))
            equal((total(), active("imap", ALICE), user("imap", ALICE, "peak"), active("imap", BOB)), (want, 3, 3, 2),
                  f"slots of the total, Alice's sessions and peak, Bob's sessions, under {settings}")
        with crowd(CAROL, 1) as c:
            equal(c.go(), {"ECONNREFUSED": 1}, "outcomes at 5 of 2")
        a.close()
        b.close()
        server.hang_up()
        until_equal(total, 0, "slots of the total at the end")
        with crowd(CAROL, 3) as c:
            equal(c.go(), {"ok": 2, "ECONNREFUSED": 1}, "outcomes at 0 of 2")


@test
def outbound_exempt():
    """the same of who connects; only observed, because the total is that of all who connect on this machine"""
    config = service("outbound", user="uid", total=0, excess="observe", emit="none", override=f"{UID} total=exempt")
    with Headcount(config), Server("0.0.0.0", PORT, "c1"), Clients(ALICE, PORT, 1, 5, uid=UID) as a, \
            Clients(ALICE, PORT, 1, 5, uid=UID + 1) as b:
        equal((a.go(), b.go()), ({"ok": 5}, {"ok": 5}), "outcomes")
        equal([user("outbound", UID + n, "refused") for n in (0, 1)], [0, 5], "refused of who is exempt, and who is not")


@test
def storm():
    """sessions begin and end while a reload makes their user exempt, and not: no slot is left behind"""
    configs = [imap(total=1000), imap(total=1000, override=EXEMPT)]
    with Headcount(configs[0]) as hc, Server("0.0.0.0", PORT) as server:
        for number in range(fewer(20)):
            with crowd(ALICE, 40) as a, crowd(BOB, 40) as b:
                hc.configure(configs[number % 2])
                asking = start(PROGRAM, "reload")
                equal((a.go(), b.go()), ({"ok": 40}, {"ok": 40}), "outcomes")
                equal(asking.wait(60), 0, "exit code of reload")
                asking.communicate()
                a.close()
                b.close()
            server.hang_up()
        until_equal(lambda: active("imap", ALICE) + active("imap", BOB), 0, "active")
        equal(total(), 0, "slots of the total")
        equal(headcount("audit")[0], 0, "exit code of audit")


main()
