#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""`headcount top` at work: what it shows, how it is steered, and the session that it closes."""
from screen import *

client_host(1)


@test
def first_screen():
    """the first screen: users, numbers, bars, totals, who runs"""
    with Headcount(CONFIG) as hc, three_users(), Screen() as screen:
        screen.wait(rf"^.imap +{ALICE} +3 +3 \[  AT CAP  \] +3 +3 +2$")
        screen.wait(rf"^.imap +{BOB} +4 +- +4 +4 +0$")
        screen.wait(rf"^.imap +{CAROL} +1 +10 \[#\.{{9}}\] +[12] +6 +0$")
        screen.wait(rf"^headcount: running, pid {hc.process.pid}; 4 services; every 1s$")
        screen.wait(r"^\d+ sessions, \d+ users, \d+ at cap")
        screen.wait(r"opened [\d.]+/s, closed [\d.]+/s, refused [\d.]+/s$")
        screen.keys("q")
        screen.ended(0)


@test
def totals():
    """totals and rates of the service that was asked for; caps that change are shown"""
    with Headcount(CONFIG), three_users(), Screen("--service", "imap") as screen:
        screen.wait(r"^8 sessions, 3 users, 1 at cap; opened 0.0/s, closed 0.0/s, refused 0.0/s$")
        refused(ALICE, 1)
        screen.wait(r"refused (?!0\.0)[\d.]+/s$")
        screen.wait(rf"^.imap +{ALICE} +3 +3 .* 3$")
        # Nobody connects: the caps in force are not in the users' records.
        for cap, bar in (2, "[ OVER CAP ]"), (6, "[#####.....]"), ("default", "[  AT CAP  ]"):
            run(PROGRAM, "cap", "imap", ALICE, str(cap))
            screen.wait(rf"^.imap +{ALICE} +3 +{3 if cap == 'default' else cap} {re.escape(bar)} ")


@test
def sorting():
    """s sorts by the next column, and the cursor stays with its user"""
    with Headcount(CONFIG), three_users(), Screen("--service", "imap") as screen:
        screen.wait_users(">" + BOB, " " + ALICE, " " + CAROL)
        screen.keys("Down", "Down")
        screen.wait_users(" " + BOB, " " + ALICE, ">" + CAROL)
        screen.keys("s")
        screen.wait("^by refused")
        screen.wait_users(" " + ALICE, " " + BOB, ">" + CAROL)
        screen.keys("s")
        screen.wait("^by opened")
        screen.wait_users(">" + CAROL, " " + BOB, " " + ALICE)
        screen.keys("End")
        screen.wait_users(" " + CAROL, " " + BOB, ">" + ALICE)
        screen.keys("p", "Home", "n")
        screen.wait_users(" " + CAROL, ">" + BOB, " " + ALICE)
        screen.keys("s")
        screen.wait_users(">" + BOB, " " + ALICE, " " + CAROL)


@test
def filtering():
    """/ shows only what holds the text, Escape shows all again"""
    with Headcount(CONFIG), three_users(), Screen("--service", "imap") as screen:
        screen.wait_users(">" + BOB, " " + ALICE, " " + CAROL)
        screen.keys("/")
        screen.type(ALICE[-3:] + "x")
        screen.wait(rf"^/{ALICE[-3:]}x$")
        screen.wait_users()
        screen.keys("BSpace")
        screen.wait_users(">" + ALICE)
        screen.keys("Enter")
        screen.wait(rf'with "{ALICE[-3:]}": 1 of 3')
        screen.keys("Escape")
        screen.wait("^by active  ")
        screen.wait_users(" " + BOB, ">" + ALICE, " " + CAROL)
        screen.keys("/")
        screen.type("IMAP")
        screen.wait("^/IMAP$")
        equal(len(screen.users()), 3, "users of the service, in capitals")


@test
def closing():
    """k closes the session at the cursor once y is pressed, and no other"""
    with Headcount(CONFIG) as hc, three_users() as held, Screen("--service", "imap") as screen:
        bobs = {s.getsockname()[1]: s for s in held[3:7]}
        screen.wait_users(">" + BOB, " " + ALICE, " " + CAROL)
        screen.keys("k")
        screen.wait("^k closes a session: Enter shows the user's")
        screen.keys("Enter")
        screen.wait(rf"^imap {BOB}: 4 sessions, peak 4, opened 4, refused 0")
        row = re.compile(rf"..{BOB}:(\d+)")
        until_equal(lambda: sorted(int(m[1]) for l in screen.lines() if (m := row.match(l))), sorted(bobs),
                    "Bob's ports on the screen")
        screen.keys("Down", "k")
        screen.wait("Close this session. y/N")
        line = screen.wait(rf"{BOB}:\d+ -> {address(1)}:{PORT}")
        port = int(re.search(rf"{BOB}:(\d+) ->", line)[1])
        equal(len([l for l in screen.lines() if l.startswith(f"> {BOB}:{port} ")]), 1, "lines with the cursor")
        screen.keys("n")
        until(lambda: not [l for l in screen.lines() if "y/N" in l], "the question to go")
        equal(active("imap", BOB), 4, "Bob's sessions after No")
        screen.keys("k")
        screen.wait("Close this session. y/N")
        screen.keys("y")
        screen.wait(r"^session \d+ is closed$")
        try:
            equal(bobs[port].recv(1), "a reset", "what the client gets")
        except ConnectionResetError:
            pass
        screen.wait(rf"^imap {BOB}: 3 sessions")
        equal(active("imap", BOB), 3, "Bob's sessions")
        event = hc.wait_event(event__action="session-closed", headcount__user=BOB)
        equal(event["event.reason"], "killed", "reason")
        for other in held[:3] + [bobs[p] for p in bobs if p != port] + held[7:]:
            other.setblocking(False)
            try:
                equal(other.recv(1), "nothing", "what another client gets")
            except BlockingIOError:
                pass
        screen.keys("q")
        screen.wait(rf"^>imap +{BOB} +3 ")
        screen.keys("q")
        screen.ended(0)


@test
def several():
    """t marks sessions and k closes those, K all of a user, each after its question; others stay"""
    with Headcount(CONFIG), three_users() as held, Screen("--service", "imap") as screen:
        screen.wait_users(">" + BOB, " " + ALICE, " " + CAROL)
        screen.keys("t")
        screen.wait("^t marks a session: Enter shows the user's")
        screen.keys("Enter")
        screen.wait(rf"^imap {BOB}: 4 sessions")
        marked = lambda: sorted(int(m[1]) for l in screen.lines() if (m := re.match(rf".\*{BOB}:(\d+) ", l)))
        screen.keys("t", "Down", "IC")
        screen.wait(", 2 marked")
        until(lambda: len(marked()) == 2, "two marks")
        screen.keys("t", "Up", "t")  # a third one, and no longer
        screen.wait(", 2 marked")
        chosen = until(lambda: len(marked()) == 2 and marked(), "two marks again")
        screen.keys("k")
        screen.wait("Close these 2 sessions. y/N")
        screen.keys("n")
        screen.wait(", 2 marked")
        equal(active("imap", BOB), 4, "Bob's sessions after No")
        screen.keys("k")
        screen.wait("Close these 2 sessions. y/N")
        screen.keys("y")
        screen.wait("^closed 2 of 2 sessions$")
        screen.wait(rf"^imap {BOB}: 2 sessions")
        left = {s.getsockname()[1] for s in held[3:7]} - set(chosen)
        until_equal(lambda: {int(m[1]) for l in screen.lines() if (m := re.match(rf"..{BOB}:(\d+) ", l))}, left, "the others")
        equal(marked(), [], "marks of what is gone")
        screen.keys("q")
        screen.wait(rf"^.imap +{BOB} +2 ")
        screen.keys("g")
        screen.wait(rf"^>imap +{ALICE} +3 ")
        screen.keys("K")
        screen.wait("Close all sessions of this user, now 3. y/N")
        screen.wait(rf"of imap, {ALICE}")
        screen.keys("y")
        screen.wait("^closed 3 of 3 sessions$")
        equal([active("imap", who) for who in (ALICE, BOB, CAROL)], [0, 2, 1], "sessions that are left")


@test
def pause():
    """Space holds the screen as it is, with its age, until Space again"""
    with Headcount(CONFIG), three_users(), Screen("--service", "imap") as screen:
        screen.wait(rf"^.imap +{BOB} +4 ")
        screen.keys("Space")
        screen.wait("; PAUSED; data of ")
        with sessions(BOB):
            screen.wait("; PAUSED; data of [3-9]s ago")
            screen.wait(rf"^.imap +{BOB} +4 ")
            screen.keys("Space")
            screen.wait(rf"^.imap +{BOB} +5 ")


play()
