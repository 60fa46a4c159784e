#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: its outbound caps are those of every process of the host
"""override = USER excess=...: another excess for one user than for the others of the service. idle=: idle.t; total=: total.t"""
from clients import *

client_host(1)
PORT = 7143
ALICE, BOB, CAROL = address(1, 2), address(1, 3), address(1, 4)


def imap(**settings):
    return service("imap", **{"listen": PORT, "user": "client/32/64", **settings})


def crowd(source, count):
    return Clients(address(1), PORT, 1, count, sources=[source], namespace="c1")


def refusals(hc, user):
    return {e["headcount.excess"] for e in list(hc.events)
            if e["event.action"] == "session-refused" and e["headcount.user"] == user}


@test
def excess():
    """who is observed gets in over his cap and is reported, beside who is rejected; a reload changes it; users shows it"""
    with Headcount(imap(cap=2, override=[f"{ALICE} excess=observe", f"{CAROL} cap=1 excess=reject idle=never"])) as hc, \
            Server("0.0.0.0", PORT), crowd(ALICE, 4) as a, crowd(BOB, 4) as b, crowd(CAROL, 2) as c, \
            crowd(ALICE, 2) as late, crowd(BOB, 2) as more:
        equal(a.go(), {"ok": 4}, "outcomes of who is observed")
        equal(b.go(), {"ok": 2, "ECONNREFUSED": 2}, "outcomes of who is not")
        equal(c.go(), {"ok": 1, "ECONNREFUSED": 1}, "outcomes by cap=1")
        until_equal(lambda: [refusals(hc, user) for user in (ALICE, BOB, CAROL)], [{"observe"}, {"reject"}, {"reject"}], "refusals")
        equal([user("imap", name, "refused") for name in (ALICE, BOB, CAROL)], [2, 2, 1], "refused")
        rows = {r["user"]: (r["excess"], r["idle_s"]) for r in ask("users", "--service", "imap")}
        equal(rows, {ALICE: ("observe", None), BOB: ("reject", None), CAROL: ("reject", None)}, "users --json")
        table = headcount("users", "--service", "imap")[1].splitlines()
        equal([" ".join(line.split()[7:]) for line in table if line.split()[1:2] in ([ALICE], [CAROL])],
              ["excess=observe", "idle=never excess=reject"], "users")
        hc.reload(imap(cap=2, excess="observe", override=f"{ALICE} excess=reject"))
        equal(late.go(), {"ECONNREFUSED": 2}, "outcomes of who is rejected now")
        equal(more.go(), {"ok": 2}, "outcomes of who is observed now")
        equal(headcount("audit")[0], 0, "exit code of audit")


@test
def total():
    """the total observes, or rejects, whom the override says"""
    with Headcount(imap(total=2, override=f"{ALICE} excess=observe")) as hc, Server("0.0.0.0", PORT), \
            crowd(BOB, 3) as b, crowd(ALICE, 2) as a:
        equal(b.go(), {"ok": 2, "ECONNREFUSED": 1}, "outcomes of who is not observed")
        equal(a.go(), {"ok": 2}, "outcomes of who is")
        until_equal(lambda: refusals(hc, ALICE), {"observe"}, "refusals")
        equal([r["total_active"] for r in ask("policy")["services"] if r["service"] == "imap"], [4], "slots of the total")
        equal(headcount("audit")[0], 0, "exit code of audit")


@test
def outbound():
    """connect() of who is observed succeeds over his cap"""
    config = service("outbound", user="uid", cap=1, override=[f"{UID} excess=observe"])
    with Headcount(config), Server("127.0.0.1", PORT), \
            Clients("127.0.0.1", PORT, 1, 3, uid=UID) as observed, Clients("127.0.0.1", PORT, 1, 3, uid=UID + 1) as capped:
        equal(observed.go(), {"ok": 3}, "outcomes of who is observed")
        equal(capped.go(), {"ok": 1, "ECONNREFUSED": 2}, "outcomes of who is not")


@test
def labels():
    """a label's override, given over its cap"""
    with Headcount(imap(user="label", cap=1, override="adm* excess=observe")), listen("0.0.0.0", PORT) as listener, \
            contextlib.ExitStack() as stack:
        def give(label):
            client = stack.enter_context(new_socket(namespace="c1"))
            client.connect((address(1), PORT))
            server = stack.enter_context(listener.accept()[0])
            try:
                server.setsockopt(0x6863, 1, label)  # SOL_HEADCOUNT, HEADCOUNT_LABEL
            except OSError as error:
                return errno.errorcode[error.errno]
            return "ok"
        equal([give(b"admin"), give(b"admin"), give(b"eve"), give(b"eve")], ["ok", "ok", "ok", "EDQUOT"], "labels")


main()
