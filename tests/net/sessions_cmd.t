#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""headcount sessions: who has a session, in which order, and the table for people. Its conditions: kill.t, frozen.t."""
import fcntl
import pty
import termios

from clients import *

client_host(1)
PORT = 7143
ALICE, BOB, ALICE6 = address(1, 2), address(1, 3), address(1, 2, 6)
CONFIG = service("imap", listen=PORT, user="client/32/64") + service("outbound", user="uid", override=f"{UID} 100")


def imap(*options):
    return ask("sessions", "--service", "imap", *options)


@contextlib.contextmanager
def sessions(*sources):
    """A session from each, accepted by us."""
    with listen("::", PORT) as listener, contextlib.ExitStack() as stack:
        pairs = []
        for source in sources:
            client = stack.enter_context(new_socket(family_of(source), "c1"))
            client.bind((source, 0))
            client.connect((address(1, 1, 6 if ":" in source else 4), PORT))
            pairs.append((client, stack.enter_context(listener.accept()[0])))
        yield pairs


def holding(channel, name, listener=None):
    """A process that has what it inherited, or what it accepts, until it is told to go."""
    call("prctl", PR_SET_NAME, name)
    held = [listener.accept()[0]] if listener else []
    answer(channel, "has it")
    channel.recv(1)
    for s in held:
        s.close()


@test
def holders():
    """whoever has the accepted socket now is the holder, the newest first; pid and process stay the listener's"""
    with open("/proc/self/comm") as file:
        me = file.read().strip()
    with Headcount(CONFIG), sessions(ALICE) as pairs:
        def row():
            got, = imap()
            return [got[key] for key in ("pid", "process", "holder_pid", "holder", "holders")]
        accepted = pairs[0][1]
        equal(row(), [os.getpid(), me, os.getpid(), me, 1], "accepted by the listener")
        with Child(holding, b"worker", keep=[accepted.fileno()]) as worker:
            worker.hear()
            equal(row(), [os.getpid(), me, worker.pid, "worker", 2], "inherited")
            equal("worker+1" in headcount("sessions", "-s", "imap")[1], True, "worker+1 in the table")
            with Child(holding, b"younger", keep=[accepted.fileno()]) as younger:
                younger.hear()
                equal(row(), [os.getpid(), me, younger.pid, "younger", 3], "inherited again")
            accepted.close()
            equal(row(), [os.getpid(), me, worker.pid, "worker", 1], "closed here")
            line = headcount("sessions", "-s", "imap")[1].splitlines()[1]
            equal(line.split()[-2:], [str(worker.pid), "worker"], "the table")
            outbound, = [r for r in ask("sessions", "-u", str(os.getuid())) if r["direction"] == "outbound" and r["local"].startswith(ALICE)]
            equal([outbound[key] for key in ("pid", "holder_pid", "holders")], [os.getpid(), os.getpid(), 1], "the client's side")
            worker.tell()


@test
def accepted_by_another():
    """a worker that accepts itself is the holder, and not the process that listens"""
    with Headcount(CONFIG), listen("0.0.0.0", PORT) as listener:
        with Child(holding, b"acceptor", listener, keep=[listener.fileno()]) as worker, new_socket(namespace="c1") as client:
            client.connect((address(1), PORT))
            equal(worker.hear(), "has it", "the worker")
            row, = imap()
            equal((row["pid"], row["holder_pid"], row["holder"], row["holders"]), (os.getpid(), worker.pid, "acceptor", 1), "whose it is")
            worker.tell()


@test
def order():
    """--sort: by any key, what is large first; as the ids are without it; another word is bad usage"""
    with Headcount(CONFIG), sessions(BOB, ALICE, ALICE6, ALICE) as pairs:
        for (client, server), count in zip(pairs, (300, 100, 400, 200)):
            client.send(bytes(count))
            server.recv(1 << 16)
            server.send(bytes(1000 - count))
            client.recv(1 << 16)
        ids = [row["id"] for row in imap()]
        equal(ids, sorted(ids), "without --sort")
        bob, alice, alice6, again = ids
        for key, want in dict(id=ids, opened=ids, age=ids, rx=[alice6, bob, again, alice], tx=[alice, again, bob, alice6]).items():
            equal([row["id"] for row in imap("--sort", key)], want, f"by {key}")
        for key, column in dict(idle="idle_ms", heard="heard_ms", rtt="srtt_us").items():
            got = [row[column] for row in imap("--sort", key)]
            equal(got, sorted(got, reverse=True), f"by {key}")
        users = [row["user"] for row in imap("--sort", "user")]
        equal(users, [ALICE, ALICE, BOB, f"{NET6}1::/64"], "by user")
        services = [row["service"] for row in ask("sessions", "--sort", "service")]
        equal(services, sorted(services), "by service")
        for words in ["--sort", "size"], ["--idle", "5x"], ["--state", "LISTEN"], ["--remote", "moon"], ["--id", "x"]:
            code, out, err = headcount("sessions", *words)
            equal((code, out, err.count("\n")), (2, "", 1), f"sessions {words}: {err}")


def on_terminal(width, *options):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = start(PROGRAM, "sessions", *options, stdout=theirs)
    os.close(theirs)
    screen = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while readable(ours, 20 * SLOW) and (data := os.read(ours, 65536)):
            screen += data
    os.close(ours)
    equal(process.wait(20 * SLOW), 0, "exit code")
    return screen.decode().splitlines()


@test
def widths():
    """a terminal's width is kept, by leaving out columns; elsewhere all are shown, in what people read"""
    with Headcount(CONFIG), sessions(ALICE, ALICE6) as pairs:
        pairs[0][0].send(bytes(2048))
        pairs[0][1].recv(1 << 16)
        lines = headcount("sessions", "-s", "imap")[1].splitlines()
        headings = "ID SERVICE USER DIR LOCAL REMOTE STATE AGE IDLE HEARD SENDQ UNANS ORPHAN HALF KEEP OPENED RX TX RTT PID PROCESS".split()
        equal(lines[0].split(), headings, "headings")
        row = lines[1].split()
        equal((row[3], row[6], row[10:15], row[17]), ("in", "ESTAB", ["0", "0", "-", "-", "-"], "2.0K"), f"cells: {row}")
        equal([bool(re.fullmatch(r"\d+s", cell)) for cell in row[7:10]], [True] * 3, f"age, idle, heard: {row}")
        kept = []
        for width in 200, 120, 80, 40:
            lines = on_terminal(width, "-s", "imap")
            equal(max(map(len, lines)) <= max(width, 60), True, f"in {width} columns: {lines}")
            kept.append(lines[0].split())
            equal(kept[-1], [h for h in headings if h in kept[-1]], "order")
            equal({"ID", "REMOTE", "IDLE"} <= set(kept[-1]), True, f"what is always there: {kept[-1]}")
        equal([len(k) for k in kept] == sorted((len(k) for k in kept), reverse=True) and len(kept[0]) > len(kept[2]), True, f"columns: {kept}")
        equal({"STATE", "AGE", "PROCESS"} <= set(kept[2]), True, f"in 80 columns: {kept[2]}")


main()
