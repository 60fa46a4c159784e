#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Nobody reads the events: sessions and caps go on, what is lost is counted, and all recovers."""
from clients import *

client_host(1)
PORT, HERE = 7143, address(1)
ALICE = address(1, 2)
RING = 65536  # records that the ring of events holds
CONFIG = service("imap", listen=PORT, cap=3, user="client/32/64", override=f"{HERE} unlimited") \
    + service("outbound", user="uid", override=f"{UID} 50000")


def sessions(count):
    """So many sessions, one after the other, both ends ours: four events each."""
    with listen("0.0.0.0", PORT) as listener:
        for _ in range(count):
            client = plain_connect(HERE, PORT)
            server = listener.accept()[0]
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            server.close()


def crowd(want, what):
    with Server("0.0.0.0", PORT), Clients(HERE, PORT, 1, 5, sources=[ALICE], namespace="c1", uid=0) as clients:
        equal(clients.go(), want, what)


def ring_full():
    return ask("status")["losses"]["ring-full"]


def lost_of(events):
    return sum(e["headcount.events-lost"] for e in list(events)
               if e["event.action"] == "events-lost" and e["event.reason"] == "ring-full")


def others_events():
    """Events of everybody else on this machine, at most: while the tests run alone, none."""
    return 2 * sum(r["opened"] for r in ask("users") if r["user"] not in (HERE, str(UID)))


def add_up(events, count):
    """Our lines and the events lost are all events of `count` sessions. What others lose on this
    machine meanwhile is in the sum too."""
    lines = collections.Counter(e["event.action"] for e in events if e.get("source.ip") == HERE)
    missing = 4 * count - lines["session-opened"] - lines["session-closed"]
    lost, counted, others = lost_of(events), ring_full(), others_events()
    say(f"{dict(lines)}, {lost} lost, {others} of others")
    equal(0 < missing <= lost <= missing + others, True, f"0 < {missing} missing <= {lost} lost <= + {others}")
    equal(lost <= counted <= lost + others, True, f"{lost} lost events told, {counted} counted")
    numbers = [e["event.sequence"] for e in events]
    equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "sequence")


def counts():
    return [(r["opened"], r["active"]) for r in (user("imap", HERE), user("outbound", UID))]


def all_told(events, count):
    """Waits until all of `count` sessions are told of, or told as lost."""
    def is_told():
        seen = list(events)
        return sum(e.get("source.ip") == HERE for e in seen) + lost_of(seen) >= 4 * count
    until(is_told, "the last sessions' events", 30)


@test
def stopped():
    """SIGSTOP for ten seconds: caps hold and hear `cap`, losses are told, SIGHUP is heard after it"""
    count = RING // 4 + 3000
    with Headcount(CONFIG) as hc:
        os.kill(hc.process.pid, signal.SIGSTOP)
        end = time.monotonic() + 10
        crowd({"ok": 3, "ECONNREFUSED": 2}, "outcomes while it is stopped")
        sessions(count)
        equal(ring_full() > 0, True, "losses while it is stopped")
        equal(counts(), [(count, 0)] * 2, "opened and active while it is stopped")
        equal(headcount("cap", "imap", ALICE, "1"), (0, "", ""), "headcount cap")
        crowd({"ok": 1, "ECONNREFUSED": 4}, "outcomes after `cap`")
        hc.configure(CONFIG.replace("cap = 3", "cap = 4"))
        os.kill(hc.process.pid, signal.SIGHUP)
        time.sleep(max(0, end - time.monotonic()))
        os.kill(hc.process.pid, signal.SIGCONT)
        hc.wait_said("headcount: reloaded")
        equal(headcount("cap", "imap", ALICE, "default"), (0, "", ""), "headcount cap")
        crowd({"ok": 4, "ECONNREFUSED": 1}, "outcomes under the new file")
        until(lambda: lost_of(hc.events), "the losses' events", 30)
        lost = ring_full()
        sessions(50)
        all_told(hc.events, count + 50)
        equal(lost <= ring_full() <= lost + others_events(), True, "no losses since it goes on")
        add_up(list(hc.events), count + 50)
        equal(counts(), [(count + 50, 0)] * 2, "opened and active at the end")
        equal(headcount("audit")[0], 0, "exit code of audit")


class Unread:
    """`headcount run` with a stdout that nobody reads until read()."""

    def __init__(self, *options):
        with open("/run/unread.conf", "w") as file:
            file.write(CONFIG)
        self.process, self.events = start(PROGRAM, "run", "-c", "/run/unread.conf", *options), []
        equal(self.process.stderr.readline().partition(b";")[0], b"headcount: ready", "the first line")

    def read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@test
def stdout_full():
    """a stdout that nobody reads for a while: sessions go on, losses are told once somebody does"""
    count = RING // 4 + 3000
    with Unread() as hc:
        sessions(count)
        equal(ring_full() > 0, True, "losses while nobody reads")
        crowd({"ok": 3, "ECONNREFUSED": 2}, "outcomes while nobody reads")
        equal(counts(), [(count, 0)] * 2, "opened and active")
        reader = threading.Thread(target=hc.read)
        reader.start()
        until(lambda: lost_of(hc.events), "the losses' events", 30)
        sessions(50)
        all_told(hc.events, count + 50)
        add_up(list(hc.events), count + 50)
        equal(counts(), [(count + 50, 0)] * 2, "opened and active at the end")
        hc.process.terminate()
        equal(hc.process.wait(15), 0, "exit code")
        reader.join()


@test
def late_reader():
    """SIGTERM: a reader that is a second late still gets every line"""
    with Unread() as hc:
        sessions(500)
        hc.process.terminate()
        time.sleep(1.5)
        hc.read()
        ours = sum(e.get("source.ip") == HERE for e in hc.events)
        equal((hc.process.wait(15), hc.process.stderr.read()), (0, b""), "exit code and what it said")
        equal(2000 - lost_of(hc.events) <= ours <= 2000, True, f"{ours} lines, {lost_of(hc.events)} lost")


@test
def no_reader():
    """SIGTERM, and nobody ever reads: it ends, and says how much is lost, whole ring included"""
    count = RING // 4 + 3000
    with Unread() as hc:
        sessions(count)
        alone = not others_events()
        hc.process.terminate()
        equal(hc.process.wait(15), 0, "exit code")
        out, said = hc.process.stdout.read().splitlines(), hc.process.stderr.read().decode()
        lost = re.fullmatch(r"headcount: standard output was not read: (\d+) events lost\n", said)
        equal(bool(lost), True, f"the one line, of {said!r}")
        whole = sum(b'"session-' in line and line.endswith(b"}") for line in out)
        total = int(lost[1]) + whole
        equal(total == 4 * count if alone else total > 4 * count, True, f"{lost[1]} lost and {whole} written")
        equal(os.path.exists("/sys/fs/bpf/headcount"), False, "something pinned")


@test
def no_reader_of_pins():
    """SIGTERM of run --pin, and nobody ever reads: the next run tells what is in the ring"""
    with Unread("--pin") as hc:
        sessions(1000)
        hc.process.terminate()
        equal(hc.process.wait(15), 0, "exit code")
        out = hc.process.stdout.read()
        before = len(re.findall(rb'"source\.ip":"' + HERE.encode(), out))
        lost = int(re.search(r"(\d+) events lost", hc.process.stderr.read().decode())[1])
    with Headcount(CONFIG, "--pin") as hc:
        def ours():
            return sum(e.get("source.ip") == HERE for e in list(hc.events))
        until(lambda: before + lost + ours() + lost_of(hc.events) >= 4000, "the events that were left")
        equal(ours() > 0, True, f"events left: {before} written, {lost} lost, {ours()} left")
    equal(headcount("detach")[0], 0, "exit code of detach")


def keys(events):
    """Each event of our sessions, once."""
    return collections.Counter((e["headcount.session.id"], e["event.action"]) for e in events if e.get("source.ip") == HERE)


@test
def killed_unread():
    """kill -9 of run --pin while nobody reads: what is written is not told again, what is in the ring is"""
    with Unread("--pin") as hc:
        sessions(2000)
        time.sleep(1)
        hc.process.kill()
        hc.process.wait()
        whole = [line for line in hc.process.stdout.read().splitlines() if line.endswith(b"}")]
        first = keys(map(json.loads, whole))
    with Headcount(CONFIG, "--pin") as hc:
        until(lambda: keys(list(hc.events)), "the events that were left")
        seen = -1
        while seen != len(hc.events):
            seen = len(hc.events)
            time.sleep(1)
        second = keys(list(hc.events))
        say(f"{first.total()} written, {second.total()} left")
        equal((first & second, set((first + second).values())), (collections.Counter(), {1}), "told twice")
    equal(headcount("detach")[0], 0, "exit code of detach")


os.setresuid(UID, 0, 0)  # who opens the sessions of this process; root still
main()
