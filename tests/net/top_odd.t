#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""`headcount top` where things are odd: windows, terminals, names, and a headcount that goes away."""
import unicodedata

from screen import *

client_host(1)


@test
def sizes():
    """the window changes its size: every size shows what fits"""
    with Headcount(CONFIG), three_users(), Screen("--service", "imap") as screen:
        screen.wait_users(">" + BOB, " " + ALICE, " " + CAROL)
        screen.resize(40, 10)
        screen.wait(rf"^ {ALICE} +3 +3 +2$")
        screen.keys("End")
        screen.wait(rf"^>{CAROL} ")
        screen.resize(12, 3)
        screen.wait("^>10")
        for size in (1, 1), (200, 2), (2, 50), (300, 100):
            screen.resize(*size)
            what = "display-message", "-p", "-t", "top", "#{pane_width} #{pane_height}"
            until_equal(lambda: tmux(*what).split(), [str(n) for n in size], "size")
        screen.wait(rf"^>imap +{CAROL} ")
        screen.keys("Enter")
        screen.wait(rf"^> {CAROL}:\d+ .* {address(1)}:{PORT}$")
        screen.resize(40, 10)
        screen.wait(rf"^> {CAROL}:\d+ +\S+ +\S+$")
        screen.keys("k")
        screen.wait(r"Close this session\? y/N")
        screen.resize(8, 4)
        screen.resize(80, 24)
        screen.wait(r"Close this session\? y/N")
        screen.keys("n", "?")
        screen.wait("Space .*pause")
        screen.keys("q", "q", "q")
        screen.ended(0)


@test
def plain_terminal():
    """without colour and without UTF-8 nothing is missing"""
    with Headcount(CONFIG), three_users(), Screen("--service", "imap", TERM="vt100", LC_ALL="C") as screen:
        screen.wait(rf"^.imap +{ALICE} +3 +3 \[  AT CAP  \] +3 +3 +2$")
        screen.keys("Down")
        screen.wait_users(" " + BOB, ">" + ALICE, " " + CAROL)
        screen.keys("Enter")
        screen.wait(rf"^> {ALICE}:\d+ ")
        screen.keys("Escape")
        screen.wait_users(" " + BOB, ">" + ALICE, " " + CAROL)
        screen.keys("q")
        screen.ended(0)


def columns_before(line, text):
    """Where the text begins, as the terminal counts columns."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line[:line.index(text)])


@contextlib.contextmanager
def named(name):
    """Our process, which has the sessions, under another name."""
    with open("/proc/self/comm", "rb") as file:
        before = file.read().strip()
    call("prctl", PR_SET_NAME, name)
    try:
        yield
    finally:
        call("prctl", PR_SET_NAME, before)


@test
def hostile_names():
    """names of processes steer no terminal, and wide ones move no column"""
    clear, wide = b"\x1b[2J\x9b\n\x1b]0;x", "日本語".encode()
    with Headcount(CONFIG), Server(port=PORT), Server(port=OTHER), named(wide), \
            sessions(ALICE), sessions(ALICE, port=OTHER), Screen(size=(150, 24)) as screen:
        for name, comm, shown in ("odd", wide, "日本語/"), ("imap", clear, r"\x1b[2J\x9b\x0a\x1b]0;x/"):
            call("prctl", PR_SET_NAME, comm)
            screen.keys("/")
            screen.type(name)
            screen.wait(rf"^>{name} +{ALICE} ")
            screen.keys("Enter", "Enter")
            line = screen.wait(rf"^> {ALICE}:.*{re.escape(shown)}")
            heading = screen.wait("^  CLIENT .*LOCAL")
            equal(columns_before(line, address(1) + ":"), columns_before(heading, "LOCAL"), "column of LOCAL")
            screen.keys("q", "Escape")
            screen.wait("^by active  ")
        screen.keys("q")
        screen.ended(0)


with open("/proc/self/comm") as file:
    OUR_COMM = re.escape(file.read().strip())


@test
def half_closed():
    """how long a session has been half-closed, and that no process has it any more"""
    with Headcount(CONFIG), Server(port=PORT) as server, sessions(ALICE) as held, Screen("--service", "imap", size=(150, 24)) as screen:
        screen.wait(rf"^>imap +{ALICE} +1 ")
        screen.keys("Enter")
        screen.wait("^  CLIENT .* UNANS +HALF +IN ")
        screen.wait(rf"^> {ALICE}:.* 0 +- +0 .* ESTAB +{OUR_COMM}/\d+ ")
        held[0].shutdown(socket.SHUT_WR)
        screen.wait(rf"^> {ALICE}:.* 0 +[1-9]\d*s +0 .* CLOSE-WAIT +{OUR_COMM}/\d+ ")
        connection = until(lambda: server.connections, "the session")[0]
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:  # until the client, which does not read, takes no more
                connection.send(bytes(65536))
        server.hang_up()
        screen.wait(rf"^> {ALICE}:.* LAST-ACK +\(orphan\) ")


@test
def plain_locale():
    """where the locale has no UTF-8, a name in it is shown as bytes"""
    with Headcount(CONFIG), Server(port=OTHER), named("日".encode()), sessions(ALICE, port=OTHER), \
            Screen("--service", "odd", size=(150, 24), LC_ALL="C") as screen:
        screen.wait(rf"^>odd +{ALICE} ")
        screen.keys("Enter")
        screen.wait(rf"^> {ALICE}:.* \\xe6\\x97\\xa5/\d+ ")


@test
def restart():
    """headcount ends and comes back: the screen says so, and goes on"""
    with Server(port=PORT), sessions(ALICE, ALICE, ALICE, BOB), contextlib.ExitStack() as stack:
        with Headcount(CONFIG):
            screen = stack.enter_context(Screen("--service", "imap"))
            screen.wait(rf"^.imap +{ALICE} +3 ")
        screen.wait("^not running: no state in ")
        screen.wait("^headcount: not running; service imap; data of ")
        screen.wait(rf"^.imap +{ALICE} +3 ")
        with Headcount(CONFIG) as hc:
            screen.wait(rf"^headcount: running, pid {hc.process.pid}; service imap; every 1s$")
            with sessions(BOB):
                screen.wait(rf"^.imap +{BOB} +2 ")
            equal([l for l in screen.lines() if l.startswith("not running")], [], "what was said before")
            screen.keys("q")
            screen.ended(0)


@test
def pinned():
    """enforcement that is pinned is shown as such when its process has gone"""
    with Server(port=PORT), contextlib.ExitStack() as stack:
        with Headcount(CONFIG, "--pin"):
            stack.callback(run, PROGRAM, "detach")
            screen = stack.enter_context(Screen("--service", "imap"))
            screen.wait(r"^headcount: running, pid \d+, pinned; ")
        screen.wait(r"^headcount: pinned, no run; service imap; every 1s$")
        with sessions(BOB):
            screen.wait(rf"^.imap +{BOB} +1 ")


@test
def service_removed():
    """a reload takes away the service whose sessions are on the screen: back to the users, one of another service now"""
    with Headcount(CONFIG) as hc, Server(port=PORT), sessions(BOB), Screen() as screen:
        screen.keys("/")
        screen.type(BOB)
        screen.keys("Enter")
        screen.wait_users(">" + BOB)
        screen.keys("Enter")
        screen.wait(rf"^imap {BOB}: 1 sessions,")
        hc.reload(service("pop", listen=PORT))
        screen.wait(rf"^.pop +{BOB} +1 ")


@test
def signals():
    """SIGTERM ends it, and the terminal is as before"""
    with Headcount(CONFIG), three_users(), Screen("--interval", "3600") as screen:
        screen.wait(rf"^.imap +{BOB} +4 ")
        shell = int(tmux("display-message", "-p", "-t", "top", "#{pane_pid}"))
        child = int(open(f"/proc/{shell}/task/{shell}/children").read().split()[0])
        os.kill(child, signal.SIGTERM)
        screen.ended(0)


@test
def errors():
    """no terminal, an unknown one, bad options, nothing that runs: one line and the right code"""
    code, out, said = headcount("top")
    equal((code, out, said.count("\n")), (2, "", 1), "without a terminal")
    equal("terminal" in said and "users --json" in said, True, said)
    for value in "0", "3601", "x", "-1", "1.5":
        code, out, said = headcount("top", "--interval", value)
        equal((code, out, said.count("\n")), (2, "", 1), f"--interval {value}")
    with Screen() as screen:
        screen.wait("^headcount: not running: no state in ")
        screen.ended(1)
    with Headcount(CONFIG):
        with Screen(TERM="no-such-type") as screen:
            screen.wait('^headcount: the terminal\'s type "no-such-type" is not known')
            screen.ended(1)
        with Screen(TERM="dumb") as screen:
            screen.wait('^headcount: a terminal of type "dumb" cannot move its cursor')
            screen.ended(1)
        with Screen("--service", "nobody") as screen:
            screen.wait("^headcount: no service nobody is in force")
            screen.ended(1)


play()
