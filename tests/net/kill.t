#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""headcount kill: which sessions it closes, in whatever state and namespace, and what it tells of them."""
import pty

from killing import *


@test
def conditions():
    """each condition chooses what it says, several together what meets them all, and --dry-run closes nothing"""
    with listening(PORT, POP) as (imap, pop):
        a, b, bob = Pair(imap, source=ALICE), Pair(imap, source=ALICE), Pair(imap, source=BOB)
        six, mail = Pair(imap, HERE6, ALICE6), Pair(pop, source=BOB)
        pairs, imaps = [a, b, bob, six, mail], [a, b, bob, six]
        inbound = lambda *some: sorted(p.inbound for p in some)
        for want, *given in [
                (inbound(*imaps), "--service", "imap"),
                (inbound(a, b), "--service", "imap", "--user", ALICE),
                (inbound(bob, mail), "--user", BOB),
                (inbound(six), "--user", f"{NET6}1::/64"),
                (inbound(bob, mail), "--remote", BOB),
                (inbound(bob, mail), "--remote", BOB + "/32"),
                (inbound(a, b, bob, mail), "--remote", f"{NET}1.2/31"),
                (inbound(six), "--remote", ALICE6 + "/128"),
                (inbound(six), "--remote", "::/0", "--service", "imap"),
                (inbound(a, b, bob), "--remote", "0.0.0.0/0", "--service", "imap"),
                (inbound(bob), "--remote", BOB, "--service", "imap"),
                (inbound(a), "--id", str(a.inbound)),
                (sorted([a.outbound, mail.inbound]), "--id", str(mail.inbound), "--id", str(a.outbound)),
                ([], "--id", str(a.inbound), "--service", "pop"),
                (sorted(p.outbound for p in (a, b, bob, mail)), "--user", str(UID), "--remote", HERE),
                ([], "--user", BOB, "--remote", ALICE),
                ([], "--service", "imap", "--age", "1d"),
                ([], "--service", "imap", "--age", "200000d"),
                ([], "--service", "imap", "--idle", "10m")]:
            equal(chosen(*given), want, " ".join(given))
        text = headcount("kill", "-n", "-s", "imap", "-u", BOB)[1].splitlines()
        equal((len(text), text[0].split()[:3], text[1].split()[:3]),
              (2, ["ID", "SERVICE", "USER"], [str(bob.inbound), "imap", BOB]), "the table")
        equal(len(our_sessions()), 2 * len(pairs), "sessions after the dry runs")
        old = ["--service", "imap", "--age", f"{int(2 * SLOW)}s", "--idle", f"{int(2 * SLOW)}"]
        until_equal(lambda: chosen(*old), inbound(*imaps), "old and idle", 30)
        b.client.send(b"y")
        equal(b.server.recv(1), b"y", "a byte")
        equal(chosen(*old), inbound(a, bob, six), "one is not idle any more")
        for p in pairs:
            p.close()


@test
def nothing_else():
    """only what was chosen is closed: both sides learn of it, and the others go on"""
    with listening(PORT) as imap:
        a, b, c = Pair(imap), Pair(imap), Pair(imap, source=BOB)
        equal(kill("--id", str(a.inbound)), did(1), "kill of a server's session")
        equal((error_of(a.server), error_of(a.client)), ("ECONNABORTED", "ECONNRESET"), "what the two sides see")
        equal(kill("--id", str(b.outbound)), did(1), "kill of a client's session, in its namespace")
        equal((error_of(b.client), error_of(b.server)), ("ECONNABORTED", "ECONNRESET"), "what the two sides see")
        equal(sorted(row["id"] for row in our_sessions()), sorted([c.inbound, c.outbound]), "the ones that are left")
        c.client.send(b"z")
        equal(c.server.recv(1), b"z", "the other session's byte")
        equal(kill("--id", str(a.inbound)), did(0), "kill of what is gone")
        for p in a, b, c:
            p.close()
    nothing_left("the three")


@test
def families():
    """IPv4, IPv6 and IPv4 in IPv6 sockets, from either end; a socket that is bound to a device"""
    with listening(PORT) as imap:
        for what in dict(where=HERE), dict(where=HERE6), dict(where="::ffff:" + HERE):
            for end in "inbound", "outbound":
                p = Pair(imap, **what)
                equal(kill("--id", str(getattr(p, end))), did(1), f"kill of the {end} end, {what}")
                p.close()
        bound = new_socket(namespace=C1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        bound.connect((HERE, PORT))
        equal(kill("--user", str(UID), "--remote", HERE), did(1), "kill of one on a device")
        equal(error_of(bound), "ECONNABORTED", "what its program sees")
        bound.close()
        imap.accept()[0].close()
    nothing_left("either family")


def stuffed(s):
    """Sends what the peer does not read, until nothing more goes; not only until an ACK that is put
    off: what is sent then might be all, and the session end by itself."""
    s.setblocking(False)
    while writable(s, 0.5 * SLOW):
        with contextlib.suppress(BlockingIOError):
            s.send(bytes(65536))


def in_state(imap, state):
    """Sockets of ours, one of which is the server's (or, in SYN-SENT, a client's) in that state."""
    if state == "SYN-SENT":
        c = new_socket(namespace=C1)
        c.setblocking(False)
        c.connect_ex((SILENT, PORT))
        return [c]
    p = Pair(imap)
    if state in ("CLOSE-WAIT", "LAST-ACK"):
        p.client.shutdown(socket.SHUT_WR)
        until(lambda: rows(id=p.inbound, state="CLOSE-WAIT"), "CLOSE-WAIT")
    if state in ("FIN-WAIT-1", "LAST-ACK"):
        stuffed(p.server)
        p.server.close()
    if state == "FIN-WAIT-2":
        p.server.shutdown(socket.SHUT_WR)
    return [p.client, p.server]


@test
def states():
    """in every state, also when its process has closed it"""
    with listening(PORT) as imap:
        for state in "SYN-SENT", "ESTAB", "CLOSE-WAIT", "LAST-ACK", "FIN-WAIT-1", "FIN-WAIT-2":
            ours = in_state(imap, state)
            service = dict(service="outbound") if state == "SYN-SENT" else dict(service="imap")
            row = until(lambda: rows(state=state, **service), state)[0]
            if state == "SYN-SENT":
                equal(row["idle_ms"], 0, "idle in a handshake")
            equal(kill("--id", str(row["id"])), did(1), f"kill in {state}")
            equal(rows(id=row["id"]), [], f"the row of one killed in {state}")
            for s in ours:
                s.close()
    nothing_left("every state")


@test
def fast_open():
    """a session whose first data came in its SYN, before and after it is accepted"""
    sysctl("net.ipv4.tcp_fastopen", 0x607, None, C1)
    with listening(PORT, options=[(socket.IPPROTO_TCP, FASTOPEN, 100)]) as imap:
        for accepted in False, True:
            with inside(C1):
                c = fast_open_from(imap)
            s = imap.accept()[0] if accepted else None
            equal(kill("--service", "imap"), did(1), "kill")
            equal(error_of(c), "ECONNRESET", "what the client sees")
            (s or imap.accept()[0]).close()
            c.close()
    nothing_left("Fast Open")


def fast_open_from(imap):
    c = new_socket(namespace=C1)
    equal(c.sendto(b"early", socket.MSG_FASTOPEN, (HERE, PORT)), 5, "bytes in the SYN")
    return c


def mptcp_lines(namespace):
    with inside(namespace):
        lines = run("ss", "-MnaH").splitlines()
    return [line for line in lines if line.split()[0] not in ("LISTEN", "UNCONN")]


def mptcp_sockets():
    return mptcp_lines(None) + mptcp_lines(C1)


@test
def mptcp():
    """an MPTCP connection ends for the programs on both sides, whichever end is killed; one that fell back too"""
    try:
        sysctl("net.mptcp.enabled", 1, None, C1)
    except OSError as error:
        raise Skip(f"MPTCP: {error}")
    for protocol in MPTCP, 0:  # without MPTCP at the server the client falls back
        for end in "inbound", "outbound":
            mptcp_killed(protocol, end)
    with listening(PORT, where="0.0.0.0", protocol=MPTCP):  # one that nobody has accepted
        c = new_socket(namespace=C1, protocol=MPTCP)
        c.connect((HERE, PORT))
        until(lambda: rows(service="imap"), "the session")
        equal(kill("--service", "imap"), did(1), "kill of one that nobody has accepted")
        c.close()
    nothing_left("MPTCP")


def mptcp_killed(protocol, end):
    with listening(PORT, where="0.0.0.0", protocol=protocol) as imap:
        p = Pair(imap, source=ALICE, protocol=MPTCP)
        equal(len(mptcp_sockets()), 2 if protocol else 1, "MPTCP sockets")
        waiting = [threading.Thread(target=error_of, args=(s,)) for s in (p.server, p.client)]
        for thread in waiting:
            thread.start()
        equal(kill("--id", str(getattr(p, end))), did(1), f"kill of the {end} end")
        for thread in waiting:
            thread.join(10 * SLOW)
            equal(thread.is_alive(), False, "a program that still waits for data")
        until_equal(mptcp_sockets, [], "MPTCP sockets left")
        if end == "inbound":
            hc.wait_event(event__action="session-closed", event__reason="killed", headcount__session__id=p.inbound)
        p.close()


@test
def mptcp_joined():
    """with one subflow all of an MPTCP connection ends"""
    try:
        for namespace, more in (None, []), (C1, ["ip mptcp endpoint add %s dev eth0 subflow" % BOB]):
            with inside(namespace):
                for command in ["ip mptcp limits set subflow 2 add_addr_accepted 2", *more]:
                    run(*command.split())
    except AssertionError as error:
        raise Skip(f"ip mptcp: {error}")
    with listening(PORT, where="0.0.0.0", protocol=MPTCP) as imap:
        p = Pair(imap, source=ALICE, protocol=MPTCP)
        p.server.send(b"y")  # which the client waits for before it joins
        until(lambda: rows(service="imap", user=BOB), "the second subflow")
        equal(kill("--service", "imap", "--remote", BOB), did(1), "kill of the second")
        nothing_left("one of two")
        p.close()


@test
def events():
    """session-killed says whose session it was and who asked, whatever the service emits; nothing closed, nothing told"""
    with listening(PORT, POP) as (imap, pop):
        a, b, c = Pair(imap), Pair(pop), Pair(imap)
        equal(kill("--id", str(a.inbound), "--id", str(b.inbound)), did(2), "kill")
        event = hc.wait_event(event__action="session-killed", headcount__session__id=b.inbound)
        want = {"event.type": ["connection", "info"], "rule.name": "pop", "headcount.user": ALICE,
                "source.ip": ALICE, "destination.port": POP, "headcount.active": None,
                "headcount.killed_by.id": "0", "headcount.killed_by.name": "root"}
        equal({key: event.get(key) for key in want}, want, "the event")
        closed = hc.wait_event(event__action="session-closed", headcount__session__id=a.inbound)
        equal(closed["event.reason"], "killed", "reason of the end")
        equal(kill("--id", str(a.inbound), "--id", str(c.inbound), "--user", BOB), did(0), "kill of nothing")
        asked_by(4242, "--id", str(c.inbound))
        event = hc.wait_event(event__action="session-killed", headcount__session__id=c.inbound)
        equal(event["headcount.killed_by.id"], "4242" if can_log_in() else "0", "who asked")
        equal(sorted(e["headcount.session.id"] for e in hc.events if e["event.action"] == "session-killed"
                     and e["headcount.session.id"] in (a.inbound, b.inbound, c.inbound)),
              sorted([a.inbound, b.inbound, c.inbound]), "session-killed, once each")
        equal([e["event.action"] for e in hc.events if e.get("rule.name") == "pop"
               and e["event.action"] != "session-killed"], [], "events that pop does not want")
        for p in a, b, c:
            p.close()


def can_log_in():
    return os.path.exists("/proc/self/loginuid")


def asked_by(uid, *conditions):
    """kill by root, who logged in as `uid`."""
    def work(channel):
        if can_log_in():
            with open("/proc/self/loginuid", "w") as file:
                file.write(str(uid))
        answer(channel, kill(*conditions))
    with Child(work, uid=0) as child:
        equal(child.hear(), did(1), "kill by another")


@test
def cap_frees():
    """a user at its cap is refused; after a kill its count is right at once, and the next one gets in"""
    with listening(POP) as pop:
        a, b = Pair(pop), Pair(pop)
        with inside(C1):
            equal(new_socket().connect_ex((HERE, POP)), errno.ECONNREFUSED, "over the cap")
        equal(kill("--id", str(a.inbound)), did(1), "kill")
        equal(active("pop", ALICE), 1, "active")
        time.sleep(0.04)  # the RST may hold a slot for 34 ms
        c = Pair(pop)
        equal(active("pop", ALICE), 2, "active with the next")
        for p in a, b, c:
            p.close()
    nothing_left("the cap")


@test
def unreachable():
    """a session in a namespace that cannot be entered: exit 1 and why, and nobody is told that it was closed"""
    namespace = client_host(2)
    with listening(PORT) as imap:
        p = Pair(imap, address(2), namespace=namespace)
        run("ip", "netns", "del", namespace)  # the client's socket keeps it
        code, out, err = headcount("kill", "--id", str(p.outbound), "--id", str(p.inbound))
        equal((code, out.splitlines()[-1], err), (1, "closed 1 session of imap",
              "headcount: could not close 1: in a network namespace that cannot be entered\n"), "kill of both ends")
        hc.wait_event(event__action="session-killed", headcount__session__id=p.inbound)
        equal([e for e in hc.events if e["event.action"] == "session-killed"
               and e["headcount.session.id"] == p.outbound], [], "events of a kill that failed")
        p.close()


@test
def says():
    """what was closed, a line each, or only how many; in JSON a list; without a service its name"""
    with listening(PORT, POP) as (imap, pop):
        a, b, c, d, e = Pair(imap), Pair(pop), Pair(imap), Pair(imap), Pair(imap)
        code, out, err = headcount("kill", "--id", str(a.inbound), "--id", str(b.inbound))
        lines = out.splitlines()
        equal((code, err, [line.split()[:3] for line in lines[:3]], lines[3:]),
              (0, "", [["ID", "SERVICE", "USER"], *sorted([[str(a.inbound), "imap", ALICE], [str(b.inbound), "pop", ALICE]])],
               ["closed 2 sessions of imap, pop"]), "two of two services")
        equal("-" not in lines[1].split()[-2:], True, f"who had it, though it is closed: {lines[1]}")
        equal(headcount("kill", "-q", "-s", "imap", "--id", str(c.inbound)), (0, "closed 1 session\n", ""), "quiet")
        rows = json.loads(headcount("kill", "-j", "--id", str(d.inbound))[1])["sessions"]
        equal([(row["id"], row["holder_pid"], row["state"]) for row in rows], [(d.inbound, os.getpid(), "ESTAB")], "JSON")
        equal(headcount("kill", "--id", str(d.inbound)), (0, "closed 0 sessions\n", ""), "nothing")
        for p in a, b, c, d, e:
            p.close()


def on_terminal(answer, *conditions):
    """kill at a terminal, with that answer typed: its exit code and all that is on the screen."""
    ours, theirs = pty.openpty()
    process = start(PROGRAM, "kill", *conditions, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, answer.encode())
    screen = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while readable(ours, 20 * SLOW) and (data := os.read(ours, 4096)):
            screen += data
    os.close(ours)
    return process.wait(20 * SLOW), screen.decode()


@test
def asks():
    """at a terminal it asks when no service is given, naming those it would touch; not with --yes"""
    with listening(PORT, POP) as (imap, pop):
        a, b = Pair(imap), Pair(pop)
        ids = ["--id", str(a.inbound), "--id", str(b.inbound)]
        question = "Close 2 sessions of imap, pop? [y/N]"
        for answer in "n\n", "\n", "\x04":
            code, screen = on_terminal(answer, *ids)
            equal((code, question in screen, "closed nothing" in screen), (1, True, True), f"answer {answer!r}: {screen}")
        equal(len(rows(service="imap") + rows(service="pop")), 2, "sessions after no")
        code, screen = on_terminal("y\n", *ids)
        equal((code, question in screen, "closed 2 sessions of imap, pop" in screen), (0, True, True), f"yes: {screen}")
        for options in ["--yes"], ["--service", "imap"]:
            c = Pair(imap)
            code, screen = on_terminal("", "--id", str(c.inbound), *options)
            equal((code, "?" in screen, "closed 1 session" in screen), (0, False, True), f"{options}: {screen}")
            c.close()
        for p in a, b:
            p.close()


@test
def ambiguous():
    """a name that is a user of one service and a part of one in another is an error that names both; nothing is closed"""
    with listening(PORT) as imap:
        p = Pair(imap, HERE6, ALICE6)
        code, out, err = headcount("kill", "--user", ALICE6)
        equal((code, out, err.count("\n"), "user of inbound" in err, "of imap" in err), (1, "", 1, True, True), f"kill: {err}")
        equal([row["id"] for row in ask("sessions", "--user", ALICE6)], [p.inbound], "sessions of whoever has the address")
        equal(kill("--user", ALICE6, "--service", "inbound"), did(0), "of the one service")
        p.close()


@test
def usage():
    """no condition or a bad one: exit 2 and one line"""
    for word, *given in [
            ("give a condition", ), ("give a condition", "--dry-run"), ("give a condition", "--json"),
            ("5x", "--idle", "5x"), ("0", "--idle", "0"), ("-1", "--age", "-1"), ("1.5h", "--age", "1.5h"),
            ("moon", "--remote", "moon"), ("0 to 32", "--remote", ALICE + "/33"), ("write", "--remote", ALICE + "/8"),
            ("x", "--id", "x"), ("5x", "--unheard", "5x"), ("time-wait", "--state", "estab,time-wait"), ("\"\"", "--state", ""), ("99999999999999999999", "--id", "99999999999999999999"),
            ("--colour", "--colour"), ("too many", "imap")]:
        code, out, err = headcount("kill", *given)
        if (code, out, err.count("\n")) != (2, "", 1) or not err.startswith("headcount: ") or word not in err:
            raise AssertionError(f"{given}: exit {code}, want 2 and one line with {word!r}, said {out!r} {err!r}")


with Headcount(CONFIG) as hc:
    become(UID)
    main()
