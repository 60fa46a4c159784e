#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Readers of events and metrics that come in any number and never read: they are bounded, and enforcement never notices."""
import resource

from prometheus import *
from subscribers import *

client_host(1)
HTTP, UNIX, OTHER = "127.0.0.1:9435", "unix:/run/metrics.sock", "/run/other/b.sock"
ALICE = address(1, 2)
PINS = "/sys/fs/bpf/headcount"
PRELOAD = os.path.join(BUILD, "tests/net/refuse.so")
FULL = b'{"event.kind":"event","event.dataset":"headcount.session","event.action":"subscribers-full"}\n'


def settings(**more):
    return config(**{"events": "stdout, unix", "metrics": HTTP, "events_mode": "0666", "emit": "opened, closed, refused\ncap = 3", **more})


def crowd(count=5):
    return Clients(address(1), PORT, 1, count, sources=[ALICE], namespace="c1")


def capped(caps=True):
    with Server("0.0.0.0", PORT), crowd() as clients:
        equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2} if caps else {"ok": 5}, "outcomes")


def turned_away(path=SOCKET):
    """Is whoever connects now told that there is no room, and nothing else?"""
    with connect(path) as s:
        s.settimeout(0.3)
        try:
            data = s.recv(1000)
            return data == FULL and s.recv(1000) == b""
        except TimeoutError:
            return False


def lost(reason):
    return ask("status")["losses"][reason]


@test
def subscribers():
    """events_max bounds all sockets together: one too many finds one line and the end, and is counted; who leaves makes room"""
    with Headcount(settings(events=f"stdout, unix, unix:{OTHER}", events_max=4)) as hc:
        with contextlib.ExitStack() as stack:
            kept = [stack.enter_context(Subscriber(path)) for path in (SOCKET, SOCKET, OTHER, OTHER)]
            for path in SOCKET, OTHER, SOCKET:
                equal(turned_away(path), True, f"that there is no room at {path}")
            code, out, err = headcount("events")
            equal((code, out, err), (1, "", f"headcount: {SOCKET} is full: events_max subscribers are connected\n"), "events")
            until_equal(lambda: lost("subscribers-full"), 4, "losses")
            equal(page(HTTP)["headcount_notes_total", "subscribers-full"], 4, "the same in the metrics")
            equal([line for line in hc.said if "turned away" in line],
                  ["headcount: subscribers turned away: 1 (events_max = 4 are connected)"], "what it says, once a while")
            sessions(3)
            for reader in kept:
                reader.read(0.3)
                without_gap(reader.events()[-6:], hc.events[-1]["event.sequence"] - 5, 6, "numbers of one that is there")
            kept[0].socket.close()
            until(lambda: not turned_away(), "room for another")
        with Subscriber():
            pass


@test
def subscribers_reloaded():
    """a reload changes events_max; those who are there stay"""
    with Headcount(settings(events_max=2)) as hc, Subscriber() as one, Subscriber():
        equal(turned_away(), True, "that there is no room for a third")
        hc.reload(settings(events_max=3))
        with Subscriber():
            equal(turned_away(), True, "that there is no room for a fourth")
            hc.reload(settings(events_max=1))
            one.read(0.3)
            one.data = b""
            sessions(1)
            equal(len(one.wait(2)), 2, "lines of one that is there")
        equal(turned_away(), True, "that there is no room under the lower one")


def stuck(channel, path, count):
    """Subscribes so often, and never reads."""
    held = []
    for _ in range(count):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        held.append(s)
    answer(channel, len(held))
    channel.recv(1)


def hung_up(sockets):
    """How many of them the daemon has closed. None is read."""
    poll = select.poll()
    for s in sockets:
        poll.register(s, 0)
    return sum(bool(event & select.POLLHUP) for _, event in poll.poll(0))


def several(channel, count):
    """Subscribes so often, never reads, and says whenever it is asked how many have been closed again; or comes once more."""
    held = [connect(SOCKET) for _ in range(count)]
    answer(channel, "connected")
    while word := channel.recv(1):
        if word == b"+":
            held.append(connect(SOCKET))
        answer(channel, hung_up(held))


def ask_child(child, word):
    child.channel.send(word)
    return child.hear()


@test
def one_user():
    """who holds most places gives one to another user who comes, until both have as many; root, who never gives one, gets in before all"""
    with Headcount(settings(events_max=6)) as hc, contextlib.ExitStack() as stack:
        greedy = stack.enter_context(Child(several, 10, uid=UID))
        equal(greedy.hear(), "connected", "the first user")
        until_equal(lambda: ask_child(greedy, b"?"), 4, "of 10 of his for 6 places")
        other = stack.enter_context(Child(several, 3, uid=UID + 1))
        equal(other.hear(), "connected", "another user")
        until_equal(lambda: (ask_child(greedy, b"?"), ask_child(other, b"?")), (7, 0), "closed when the other has three of six")
        # Each has half: neither takes a place of the other.
        for child in greedy, other:
            ask_child(child, b"+")
        until_equal(lambda: (ask_child(greedy, b"?"), ask_child(other, b"?")), (8, 1), "closed when both come again")
        third = stack.enter_context(Child(several, 1, uid=UID + 2))
        equal(third.hear(), "connected", "a third user")
        until_equal(lambda: ask_child(greedy, b"?") + ask_child(other, b"?"), 10, "closed when a third came")
        equal(ask_child(third, b"?"), 0, "the third one's")
        # Three, two and one: to change places would help nobody.
        two, closed = (greedy, 9) if ask_child(greedy, b"?") == 9 else (other, 2)
        ask_child(two, b"+")
        until_equal(lambda: ask_child(two, b"?"), closed + 1, "closed when who has two comes again")
        readers = [stack.enter_context(Subscriber()) for _ in range(6)]
        until_equal(lambda: (ask_child(greedy, b"?") + ask_child(other, b"?"), ask_child(third, b"?")), (16, 1), "closed when root has all")
        equal(turned_away(), True, "that there is no room for root either")
        ask_child(third, b"+")
        until_equal(lambda: ask_child(third, b"?"), 2, "closed when the third one comes again")
        sessions(1)
        for reader in readers:
            reader.read(0.3)
            without_gap(reader.events()[-2:], hc.events[-1]["event.sequence"] - 1, 2, "numbers of root's")
        equal(lost("subscribers-full"), 19, "losses")
        equal(len([line for line in hc.said if "turned away" in line]), 1, "what it says, once a while")


def refused_events(hc):
    return sum(1 + e["headcount.suppressed"] for e in hc.events if e["event.action"] == "session-refused" and e.get("source.ip") == ALICE)


@test
def a_thousand():
    """1,300 that never read, under a soft limit of 256: caps, events, metrics, a reload and held-back refusals are as without them"""
    resource.prlimit(0, resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with Headcount(settings(events=f"stdout, unix, unix:{OTHER}")) as hc, contextlib.ExitStack() as stack:
        for path in SOCKET, OTHER:
            for _ in range(13):
                equal(stack.enter_context(Child(stuck, path, 50, uid=UID)).hear(), 50, "connected")
        until_equal(lambda: lost("subscribers-full"), 1300 - 64, "who was turned away")
        capped()
        hc.reload(settings(events=f"stdout, unix, unix:{OTHER}, file:/run/events.json", netns="c1, /proc/self/ns/net"))
        with Server("0.0.0.0", PORT), crowd(50) as clients:  # more than get a line each
            equal(clients.go(), {"ok": 3, "ECONNREFUSED": 47}, "outcomes after the reload")
            until_equal(lambda: refused_events(hc), 2 + 47, "refusals that are told")
        equal(page(HTTP)["headcount_session_cap", "imap"], 3, "cap in the metrics")


def needed(text):
    with open("/run/check.conf", "w") as file:
        file.write(text)
    return int(re.search(r"\nopen files: (\d+) at most, ", run(PROGRAM, "run", "--check", "-c", "/run/check.conf"))[1])


def free_file(pid):
    """The lowest number that the process has no file under."""
    taken = set(map(int, os.listdir(f"/proc/{pid}/fd")))
    return min(set(range(len(taken) + 1)) - taken)


def limit(pid, soft):
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))


def with_limit(number):
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))}


@test
def hard_limit():
    """a hard limit below what may be needed: one line at the start, and nothing left behind; of a reload it is no reload"""
    text = settings()
    number = needed(text)
    equal(number - needed(settings(events_max=1)), 63, "what 63 subscribers more need")
    equal(number - needed(settings(metrics_max=1)), 30, "what 15 connections more need, before and after a reload")
    with open("/run/limited.conf", "w") as file:
        file.write(text)
    code, out, err = headcount("run", "-c", "/run/limited.conf", **with_limit(number - 1))
    equal((code, out), (1, ""), "run")
    equal(err, f"headcount: {number} open files may be needed (events_max, metrics_max, netns, redirect), but only {number - 1} are allowed: "
               "raise the hard limit (ulimit -Hn, LimitNOFILE=)\n", "what it says")
    equal((os.path.exists(PINS), os.path.exists("/run/headcount.lock"), os.path.exists(SOCKET)), (False,) * 3, "what is left")
    with Limited(text, number) as hc:
        hc.reload(settings(events_max=65), f"headcount: {number + 1} open files may be needed")
        hc.wait_said("headcount: not reloaded")
        capped()


class Limited(Headcount):
    """Headcount under a hard limit of open files."""

    def __init__(self, text, number):
        harness = sys.modules["harness"]
        before = harness.start

        def limited(*command, **options):
            return before("prlimit", f"--nofile={number}:{number}", *command, **options)
        harness.start = limited
        try:
            super().__init__(text)
        finally:
            harness.start = before


def silent(count):
    return [socket.create_connection(("127.0.0.1", 9435)) for _ in range(count)]


def files_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@test
def enough():
    """with just what is needed: all subscribers, all connections, and a reload to other namespaces, sinks and addresses"""
    for n in range(4):
        run("ip", "netns", "add", f"n{n}")
    old = settings(netns="n0, n1, n2, n3", events=["stdout, unix", *(f"file:/run/a{n}" for n in range(14))])
    new = settings(netns="c1, /proc/self/ns/net", metrics=UNIX, events=["stdout, unix", "unix:" + OTHER, *(f"file:/run/b{n}" for n in range(13))])
    with Limited(old, needed(old)) as hc, Child(stuck, SOCKET, 64) as child:
        equal(child.hear(), 64, "subscribers")
        idle = silent(16)
        until(lambda: turned_away(), "all of them to be taken")
        until(lambda: files_of(hc.process.pid) > 64 + 16 + 80, "all connections to be taken")
        hc.reload(new)
        capped()
        equal(page(UNIX)["headcount_session_cap", "imap"], 3, "cap")
        for s in idle:
            s.close()


@test
def no_more_files():
    """while no file can be opened nobody is taken, which is said once; the daemon goes on, and then takes who waited"""
    with Headcount(settings()) as hc:
        limit(hc.process.pid, free_file(hc.process.pid))
        with connect() as waiting, socket.create_connection(("127.0.0.1", 9435)) as asking:
            asking.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            hc.wait_said(r"headcount: cannot accept subscribers on /run/headcount/events.sock \(retrying\): Too many open files")
            hc.wait_said(r"headcount: cannot accept connections for metrics \(retrying\): Too many open files")
            capped()
            os.kill(hc.process.pid, signal.SIGHUP)
            hc.wait_said("headcount: not reloaded")
            capped()
            time.sleep(2.5)  # it has tried again
            limit(hc.process.pid, 1024)
            equal(asking.recv(15), b"HTTP/1.1 200 OK", "the answer to who waited")
            until(lambda: sessions(1) or readable(waiting, 0.1), "a line for who waited")
            equal(len([line for line in hc.said if "(retrying): Too many open files" in line]), 2, f"said once: {hc.said}")


@test
def pins_not_seen():
    """the end says that the pins have gone only if they have: not when no file can be opened, nor when the folder cannot be looked at"""
    for how in "EMFILE", "EACCES", "gone":
        with contextlib.ExitStack() as stack:
            stack.callback(headcount, "detach")
            hc = stack.enter_context(Headcount(settings(), "--pin"))
            if how == "EMFILE":
                resource.prlimit(hc.process.pid, resource.RLIMIT_NOFILE, (3, 3))
            elif how == "EACCES":
                os.chown(PINS, UID, UID)  # run has given up CAP_DAC_OVERRIDE
            else:
                for name in os.listdir(PINS):
                    if name.startswith("link_"):
                        os.unlink(f"{PINS}/{name}")
            hc.end()
            equal("headcount: the pins are gone: enforcement ends now" in hc.said, how == "gone", f"{how}: {hc.said}")
            equal(any("cannot tell whether enforcement is still pinned" in line for line in hc.said), how != "gone", f"{how}: {hc.said}")
            capped(how != "gone")


@test
def walk_refused():
    """held-back refusals that cannot be told now are told later: that is no reason to end"""
    os.environ.update(LD_PRELOAD=PRELOAD, REFUSE_FILE="/run/refuse")
    try:
        hc = Headcount(settings())
    finally:
        del os.environ["LD_PRELOAD"], os.environ["REFUSE_FILE"]
    with hc, Server("0.0.0.0", PORT):
        with open("/run/refuse", "w") as file:
            file.write(f"command=10 errno={errno.ENOMEM}")  # BPF_PROG_TEST_RUN
        with crowd(50) as clients:
            equal(clients.go(), {"ok": 3, "ECONNREFUSED": 47}, "outcomes")
            hc.wait_said("headcount: cannot run walk_users: Cannot allocate memory")
        os.unlink("/run/refuse")
        equal(page(HTTP)["headcount_session_cap", "imap"], 3, "it goes on")
    equal(refused_events(hc), 47, "refusals that are told in the end")


# --- The metrics' connections ---------------------------------------------------------------

def trickle(channel, count):
    """Half-open requests, to each of which a byte is added over and over; those that are closed are opened again."""
    held = []

    def go_on():
        with contextlib.suppress(OSError):  # there may be no more room, now
            while len(held) < count:
                held.append(socket.create_connection(("127.0.0.1", 9435), 0.2))
                held[-1].sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        for s in list(held):
            try:
                s.sendall(b"x")
            except OSError:
                held.remove(s)
    go_on()
    answer(channel, len(held))
    while not readable(channel, 0.3):
        go_on()


@test
def slow_readers():
    """184 half-open connections of somebody else, that trickle and come again: who asks is answered, at once and the next time"""
    with Headcount(settings()) as hc:
        own = files_of(hc.process.pid)
        with Child(trickle, 184, uid=UID) as child:
            equal(child.hear() >= 128, True, "connections")
            for _ in range(5):
                equal(page(HTTP)["headcount_session_cap", "imap"], 3, "cap")
                equal(files_of(hc.process.pid) < own + 16 + 20, True, "files that it has open")
                time.sleep(0.5)


@test
def never_read():
    """those who ask for much and never read hold nobody up"""
    with Headcount(settings()) as hc:
        idle = silent(40)
        for s in idle:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            with contextlib.suppress(OSError):
                s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        equal(page(HTTP)["headcount_session_cap", "imap"], 3, "cap")
        for s in idle:
            s.close()
        equal(hc.process.poll(), None, "it runs")


def closed(s):
    with contextlib.suppress(ConnectionResetError):
        return readable(s, 0.2) and s.recv(1) == b""
    return True


@test
def who_makes_room():
    """where there is no room the oldest of the peer that has the most goes; another peer keeps its one"""
    with Headcount(settings(metrics_max=4)) as hc:
        with socket.socket() as other:
            other.bind(("127.0.0.2", 0))
            other.connect(("127.0.0.1", 9435))
            idle = []
            for _ in range(3):
                idle += silent(1)
                time.sleep(0.1)
            equal([closed(s) for s in (other, *idle)], [False] * 4, "closed while there is room")
            equal(page(HTTP)["headcount_session_cap", "imap"], 3, "cap")
            equal([closed(s) for s in (other, *idle)], [False, True, False, False], "closed")
            hc.reload(settings(metrics_max=2))
            equal(page(HTTP)["headcount_session_cap", "imap"], 3, "cap")
            equal([closed(s) for s in (other, *idle[1:])], [False, True, True], "closed under a lower metrics_max")
            for s in idle:
                s.close()


@test
def unix_peers():
    """at a Unix socket a peer is a user"""
    def ask_slowly(channel):
        held = []
        for _ in range(20):
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].connect(UNIX[5:])
        answer(channel, 20)
        channel.recv(1)
    with Headcount(settings(metrics=UNIX, metrics_max=4)):
        with socket.socket(socket.AF_UNIX) as mine:
            mine.connect(UNIX[5:])
            mine.sendall(b"GET /metrics HTTP/1.1\r\n")
            with Child(ask_slowly, uid=UID) as child:
                child.hear()
                mine.settimeout(20 * SLOW)
                mine.sendall(b"Host: x\r\n\r\n")
                equal(mine.recv(15), b"HTTP/1.1 200 OK", "the answer to the one connection of root")


@test
def slow_one():
    """a request that trickles has ten seconds, though it is never silent"""
    with Headcount(settings()):
        with socket.create_connection(("127.0.0.1", 9435)) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nX: ")

            def goes_on():
                try:
                    s.sendall(b"x")
                    return not closed(s)
                except OSError:
                    return False
            until(lambda: not goes_on(), "its end", 40)


main()
