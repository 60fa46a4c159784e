#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""headcount why: what it finds in situations that are made here, and not in those that only look like them.

--idle 1 makes a second long, so that nobody has to wait ten minutes. What each finding takes: tests/unit/test_why*.c.
"""
import pty

from killing import *

C2 = client_host(2)
GONE = address(2, 2)
SMTP, SHOP, WEB, SOL, LABEL = 7145, 7146, 7147, 0x6863, 1
CONFIG = service("imap", listen=PORT, user="client/32/64", cap=4, override=f"{BOB} 8") \
    + service("pop", listen=POP, user="client/32/64", cap=50, excess="observe") \
    + service("smtp", listen=SMTP, user="uid", override=f"{UID} 5") \
    + service("shop", listen=SHOP, user="label", cap=20, unlabelled=20) \
    + service("web", listen=WEB, user="client/32/64", cap=4, total=2, orphans="ignore") \
    + service("outbound", user="uid", override=f"{UID} 20000")


def why(*arguments):
    return json.loads(run(PROGRAM, "why", "--json", *arguments))


def about(service, user, *options):
    """What is said of one user."""
    row, = why(*options, service, user)
    return row


def words(row):
    return sorted(finding["finding"] for finding in row["findings"])


def finding(row, word):
    found, = [f for f in row["findings"] if f["finding"] == word]
    return found


def commands(row):
    return [" ".join(offer["command"]) for offer in row["advice"] if offer["command"]]


def lines(row):
    return [offer["configuration"] for offer in row["advice"] if offer["configuration"]]


def busy(*pairs):
    """Data on each, so that none is idle."""
    for p in pairs:
        p.client.send(b"x")
        equal(p.server.recv(1), b"x", "a byte")


def close(*pairs):
    for p in pairs:
        p.close()


def wait(ms, *pairs):
    """Until each has been silent for so long."""
    ids = {p.inbound for p in pairs}
    until(lambda: all(r["heard_ms"] >= ms for r in our_sessions() if r["id"] in ids), f"{ms} ms of silence", 60)


@contextlib.contextmanager
def gone():
    """The second client host is not there: its packets and ours are lost on the way."""
    with inside(C2):
        mac = json.loads(run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    run("ip", "neigh", "replace", GONE, "lladdr", mac, "dev", "v2")
    with inside(C2):
        run("ip", "link", "set", "eth0", "down")
    try:
        yield
    finally:
        with inside(C2):
            run("ip", "link", "set", "eth0", "up")


def far(listener):
    return Pair(listener, address(2), GONE, namespace=C2)


def refused(where, port, source, namespace=C1):
    with new_socket(namespace=namespace) as s:
        s.bind((source, 0))
        return s.connect_ex((where, port))


def on_terminal(answers, *arguments):
    """why at a terminal, with those answers typed: its exit code and all that is on the screen."""
    ours, theirs = pty.openpty()
    process = start(PROGRAM, "why", *arguments, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, answers.encode())
    screen = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while readable(ours, 20 * SLOW) and (data := os.read(ours, 4096)):
            screen += data
    os.close(ours)
    return process.wait(20 * SLOW), screen.decode()


@test
def nobody():
    """without a user, those at or near a cap or refused lately; of others nothing, unless they are asked for"""
    with listening(PORT) as imap:
        equal(why("imap"), [], "before anything")
        equal("Nobody is at or near a cap" in headcount("why", "imap")[1], True, "in words")
        pairs = [Pair(imap, source=ALICE) for _ in range(3)]
        equal(why("imap"), [], "three of four")
        row = about("imap", ALICE)
        equal((row["active"], row["cap"], row["cap_from"], row["findings"], row["advice"]), (3, 4, "service", [], []), f"asked for: {row}")
        equal("Nothing stands out." in headcount("why", "imap", ALICE)[1], True, "in words")
        pairs.append(Pair(imap, source=ALICE))
        busy(*pairs)
        equal([words(row) for row in why("imap")], [["full", "in-use"]], "four of four")
        equal([row["user"] for row in why(ALICE) if row["service"] == "imap"], [ALICE], "a user alone")
        equal(refused(HERE, PORT, ALICE), errno.ECONNREFUSED, "a fifth")
        row, = why("imap")
        found = finding(row, "refused")
        equal((found["count"], row["refused"], row["refused_ms"] < 60000), (1, 1, True), f"{row}")
        equal((finding(row, "in-use")["count"], finding(row, "in-use")["of"]), (4, 4), f"in use: {row}")
        equal((commands(row), lines(row)), ([f"headcount cap imap {ALICE} 6"], [f"override = {ALICE} 6"]), "what would help")
        close(*pairs)
    nothing_left("nobody")


@test
def stale():
    """peers that are gone are stale by what they left unanswered; a terminal is asked, and the user gets in"""
    with listening(PORT) as imap:
        alive = Pair(imap, source=ALICE)
        dead = [far(imap) for _ in range(4)]
        equal(finding(about("imap", GONE), "full")["count"], 4, "full")
        with gone():
            for p in dead:
                p.server.send(b"y")
            row = until(lambda: (r := about("imap", GONE))["slots"]["stale"] == 4 and r, "stale ones", 60)
            found = finding(row, "stale")
            equal((found["count"], found["of"], found["unanswered"] >= 3, found["least_ms"] >= 10000), (4, 4, True, True), f"{found}")
            equal("in-use" in words(row), False, f"in use: {words(row)}")
            equal(sorted(s["id"] for s in row["unused"]), sorted(p.inbound for p in dead), "which")
            equal({(s["what"], s["unanswered"] >= 3) for s in row["unused"]}, {("stale", True)}, f"evidence: {row['unused']}")
            equal((commands(row), lines(row)), ([f"headcount kill --service imap --user {GONE} --stale"], ["keepalive = 60s"]), "what would help")
            equal(words(about("imap", ALICE)), ["refused"], "of another user, who was a minute ago")
            text = headcount("why", "imap", GONE)[1]
            equal((f"  {commands(row)[0]}" in text, len(rows(service="imap"))), (True, 5), f"no terminal, nothing done: {text}")
            code, screen = on_terminal("n\n", "imap", GONE)
            equal((code, f"Run {commands(row)[0]} now? [y/N]" in screen, len(rows(service="imap"))), (0, True, 5), f"no: {screen}")
            code, screen = on_terminal("y\n", "imap", GONE)
            equal((code, "closed 4 sessions" in screen), (0, True), f"yes: {screen}")
        equal([row["id"] for row in rows(service="imap")], [alive.inbound], "what is left")
        dead.append(far(imap))
        equal(words(about("imap", GONE)), [], "after that")
        close(alive, *dead)
    nothing_left("stale")


@test
def orphans():
    """sessions without a process hold slots, and are told of, unless orphans are ignored: then they hold none"""
    with listening(PORT, WEB) as (imap, web):
        pairs = [far(imap), far(imap), far(web), far(web)]
        with gone():
            for p in pairs[::2]:
                p.server.send(b"y")
                p.server.close()
            until_equal(lambda: sorted(r["service"] for r in our_sessions() if r["orphan"]), ["imap", "web"], "orphans")
            row = about("imap", GONE)
            found = finding(row, "orphans")
            equal((found["count"], found["of"], row["slots"]["orphan"], lines(row)), (1, 2, 1, ["orphans = ignore"]), f"{row}")
            equal([p["process"] for p in row["processes"] if p["orphan"]], [None], f"{row['processes']}")
            row = about("web", GONE)
            equal((words(row), row["active"], sum(row["slots"].values())), ([], 1, 1), f"{row}")
            kill("--service", "imap", "--orphan"), kill("--service", "web", "--orphan")
        close(*pairs)
    nothing_left("orphans")


def leaks(channel, listener):
    """A program that accepts and never closes."""
    call("prctl", PR_SET_NAME, b"leaky\x1b[1m")
    kept = []
    answer(channel, "ready")
    while True:
        kept.append(listener.accept()[0])


@test
def leak():
    """a program that does not close what its peers have closed is named, and one that is about to is not"""
    with listening(POP) as pop, Child(leaks, pop, keep=[pop.fileno()]) as child:
        child.hear()
        clients = [plain_connect_from(ALICE, POP) for _ in range(3)]
        until_equal(lambda: len(rows(service="pop", state="ESTAB")), 3, "sessions")
        equal(words(about("pop", ALICE)), [], "while they are open")
        for client in clients[:2]:
            client.close()
        until_equal(lambda: len(rows(service="pop", state="CLOSE-WAIT")), 2, "half-closed")
        equal(words(about("pop", ALICE)), [], "at first")
        row = until(lambda: (r := about("pop", ALICE, "--idle", "1"))["slots"]["half_closed"] == 2 and r, "leaks")
        found = finding(row, "close-wait-leak")
        equal((found["count"], found["of"], found["pid"], found["process"], found["least_ms"] >= 1000),
              (2, 3, child.pid, "leaky\x1b[1m", True), f"{found}")
        equal(f"headcount kill --service pop --user {ALICE} --state CLOSE-WAIT --idle 1s" in commands(row), True, f"{commands(row)}")
        text = headcount("why", "--idle", "1", "pop", ALICE)[1]
        equal((rf"leaky\x1b[1m (pid {child.pid}) does not close 2 of 3 sessions" in text, "\x1b" in text), (True, False), text)
        close(*clients)
    until_equal(lambda: rows(service="pop"), [], "sessions after the program")


def plain_connect_from(source, port, where=HERE, namespace=C1):
    s = new_socket(namespace=namespace)
    s.bind((source, 0))
    s.connect((where, port))
    return s


@test
def reconnects():
    """a client that came back, with several sessions at once, while its older ones are silent; not if one of them is not"""
    with listening(POP) as pop:
        old = [Pair(pop, source=ALICE) for _ in range(3)]
        bob = [Pair(pop, source=BOB) for _ in range(3)]
        wait(11000, *old, *bob)
        new = [Pair(pop, source=source) for source in (ALICE, ALICE, BOB, BOB)]
        busy(bob[0])
        row = about("pop", ALICE, "--idle", "5")
        found = finding(row, "reconnects")
        equal((found["count"], found["rounds"], found["burst"], found["stale"], found["address"]), (3, 1, 2, 0, ALICE), f"{found}")
        equal((row["slots"]["left_behind"], row["slots"]["in_use"]), (3, 2), f"{row['slots']}")
        equal(sorted(s["id"] for s in row["unused"]), sorted(p.inbound for p in old), "which")
        equal("reconnects" in words(about("pop", BOB, "--idle", "5")), False, "of one whose old connection is used")
        command = next(c for c in commands(row) if "--unheard" in c)
        equal(command.startswith(f"headcount kill --service pop --user {ALICE} --remote {ALICE} --unheard "), True, command)
        equal(chosen(*command.split()[2:]), sorted(p.inbound for p in old), "what that would close")
        close(*old, *bob, *new)
    nothing_left("reconnects")


@test
def clients():
    """many clients of one user, none of which has most of the sessions; and a proxy on this host"""
    with listening(SMTP) as smtp:
        pairs = [Pair(smtp, source=address(1, n)) for n in (2, 3, 4, 5)]
        row = about("smtp", str(UID))
        found = finding(row, "many-clients")
        equal((found["others"], found["count"], found["of"]), (4, 1, 4), f"{found}")
        equal(sorted(c["client"] for c in row["clients"]), sorted(address(1, n) for n in (2, 3, 4, 5)), "clients")
        close(pairs.pop())
        until_equal(lambda: len(rows(service="smtp")), 3, "sessions")
        equal("many-clients" in words(about("smtp", str(UID))), False, "three of them")
        close(*pairs)
    with listening(POP) as pop:
        pairs = [Pair(pop, HERE, HERE, namespace=None) for _ in range(4)]
        found = finding(about("pop", HERE), "local-proxy")
        equal((found["count"], found["of"], found["address"]), (4, 4, HERE), f"{found}")
        close(pairs.pop())
        until_equal(lambda: len(rows(service="pop")), 3, "sessions")
        equal("local-proxy" in words(about("pop", HERE)), False, "three of them")
        close(*pairs)
    nothing_left("clients")


@test
def shared():
    """an address that many users by label have is a proxy's, or NAT's; a label that a shell would run is quoted"""
    hostile = "$(touch x);'\x1b[2J"
    with listening(SHOP) as shop:
        pairs = [Pair(shop, source=ALICE) for _ in range(6)]
        for n, p in enumerate(pairs[:5]):
            p.server.setsockopt(SOL, LABEL, (hostile if n == 0 else f"user{n}").encode())
        row = about("shop", "user1")
        found = finding(row, "shared-address")
        equal((found["others"], found["address"], found["count"]), (4, ALICE, 1), f"{found}")
        equal(row["clients"][0]["other_users"], 4, f"{row['clients']}")
        close(pairs.pop(1))
        until_equal(lambda: len(rows(service="shop")), 5, "sessions")
        equal("shared-address" in words(about("shop", "user2")), False, "of four")
        row, = [r for r in map(lambda r: about("shop", r["user"]), ask("users", "-s", "shop")) if "touch" in r["user"]]
        wait(1000, pairs[0])
        text = headcount("why", "--idle", "1", "shop", row["user"])[1]
        command = next(line.split("    (")[0] for line in text.splitlines() if "kill" in line)
        equal(run("sh", "-c", command.replace("headcount", "printf '<%s>'", 1)), "<kill><--service><shop><--user><" + row["user"] + "><--idle><1s>", text)
        close(*pairs)
    nothing_left("shared")


def opens(channel, count):
    call("prctl", PR_SET_NAME, b"opener")
    held = [plain_connect(HERE, SHOP) for _ in range(count)]
    answer(channel, "done")
    channel.recv(9)
    for s in held:
        s.close()


@test
def one_program():
    """of outbound sessions, the one process that opened most of them; not if two share them"""
    for counts, want in ((4, 1), True), ((4, 4), False):
        with Server("0.0.0.0", SHOP), contextlib.ExitStack() as stack:
            children = [stack.enter_context(Child(opens, n, uid=UID + 1, namespace=C1)) for n in counts]
            for child in children:
                child.hear()
            row = about("outbound", str(UID + 1))
            equal("one-program" in words(row), want, f"{counts}: {words(row)}")
            if want:
                found = finding(row, "one-program")
                equal((found["count"], found["of"], found["process"], found["pid"]), (4, 5, "opener", children[0].pid), f"{found}")
            for child in children:
                child.tell()
    until_equal(lambda: rows(service="outbound"), [], "sessions")


@test
def kept():
    """who is over the service's cap, and what lets him: an override, a cap of the moment, observe, or age"""
    with listening(PORT) as imap:
        pairs = [Pair(imap, source=BOB) for _ in range(5)]
        row = about("imap", BOB)
        equal((row["cap"], row["cap_from"], row["override"], row["service_cap"], finding(row, "over-cap")["kept_by"]),
              (8, "override", BOB, 4, "override"), f"{row}")
        run(PROGRAM, "cap", "imap", BOB, "7")
        row = about("imap", BOB)
        equal((row["cap"], row["cap_from"], finding(row, "over-cap")["kept_by"]), (7, "moment", "moment"), f"{row}")
        text = headcount("why", "imap", BOB)[1]
        equal(("cap 7 of the moment, set by " in text, "(the service's: 4)" in text), (True, True), text)
        run(PROGRAM, "cap", "imap", BOB, "3")
        equal(finding(about("imap", BOB), "over-cap")["kept_by"], "age", "a lower cap")
        run(PROGRAM, "cap", "imap", BOB, "default")
        close(pairs.pop(), pairs.pop())
        until_equal(lambda: len(rows(service="imap")), 3, "sessions")
        equal("over-cap" in words(about("imap", BOB)), False, "below it")
        close(*pairs)
    with listening(POP) as pop:
        run(PROGRAM, "cap", "pop", ALICE, "2")
        pairs = [Pair(pop, source=ALICE) for _ in range(3)]
        row = about("pop", ALICE)
        equal((finding(row, "over-cap")["kept_by"], finding(row, "refused")["count"]), ("observe", 1), f"{row}")
        equal("1 attempt would have been refused" in headcount("why", "pop", ALICE)[1], True, "in words")
        run(PROGRAM, "cap", "pop", ALICE, "default")
        close(*pairs)
    nothing_left("kept")


@test
def total():
    """whoever was refused by the total is told so, and that the total is what is too small"""
    with listening(WEB) as web:
        pairs = [Pair(web, source=ALICE), Pair(web, source=BOB)]
        equal(refused(HERE, WEB, ALICE), errno.ECONNREFUSED, "a third")
        row, = why("web")
        equal((row["user"], words(row), lines(row), commands(row)), (ALICE, ["in-use", "refused"], ["total = 3"], []), f"{row}")
        text = headcount("why", "web")[1]
        equal(("by the service's total" in text, "all users of the service: 2 of 2" in text), (True, True), text)
        close(*pairs)
    nothing_left("total")


@test
def usage():
    """bad usage is one error; a user of no service too; one of whom nothing is known is no error"""
    for code, *arguments in [(2, "a", "b", "c"), (2, "--idle", "x"), (2, "--nonsense"), (1, "nosuch", ALICE), (1, "imap", "nosuch")]:
        got, out, err = headcount("why", *arguments)
        equal((got, out, err.count("\n")), (code, "", 1), f"why {arguments}: {err}")
    code, out, err = headcount("why", "imap", address(1, 77))
    equal((code, "Nothing is known of this user" in out, err), (0, True, ""), f"{out}{err}")
    equal(why("imap", address(1, 77)), [], "in JSON")


with Headcount(CONFIG) as hc:
    become(UID)
    main()
