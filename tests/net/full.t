#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: it needs both CPUs
"""Full tables: everybody is admitted, what is not tracked is counted, and room that comes back is used."""
from clients import *

PORT = 7143


def losses():
    return {reason: count for reason, count in ask("status")["losses"].items() if count}


def hold(count, source_of):
    """That many sessions on loopback, both ends ours: pairs of sockets."""
    pairs = []
    with listen("0.0.0.0", PORT) as listener:
        for number in range(count):
            client = plain_connect("127.0.0.1", PORT, source_of(number))
            pairs.append((client, listener.accept()[0]))
    return pairs


def let_go(pairs):
    for pair in pairs:
        for end in pair:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()


@test
def sessions():
    """sessions_max: the rest is admitted and counted as sessions-full; then there is room again"""
    with Headcount(section("headcount", sessions_max=1024) + service("imap", listen=PORT, cap=5000)):
        pairs = hold(2000, lambda number: None)
        tracked = active("imap", "127.0.0.1")
        lost = losses()["sessions-full"]
        equal(tracked < 2000, True, f"{tracked} sessions tracked of 2000")
        maps = {row["map"]: row for row in ask("status")["maps"]}
        equal(maps["sessions"]["capacity"], 1024, "capacity")
        equal(maps["sessions"]["entries"] >= 1024, True, f"{maps['sessions']['entries']} entries")
        let_go(pairs)
        until_equal(lambda: active("imap", "127.0.0.1"), 0, "active when all are closed")
        pairs = hold(200, lambda number: None)
        equal(active("imap", "127.0.0.1"), 200, "active when there is room")
        equal(losses()["sessions-full"], lost, "losses since there is room")
        let_go(pairs)
        until_equal(lambda: active("imap", "127.0.0.1"), 0, "active at the end")


@test
def users():
    """users_max: newcomers are admitted and counted as users-full; then there is room again"""
    with Headcount(section("headcount", users_max=64) + service("imap", listen=PORT, cap=1)):
        pairs = hold(1500, lambda number: f"127.1.{number // 250}.{number % 250 + 1}")
        rows = [row for row in ask("users", "--service", "imap") if row["active"]]
        equal(64 <= len(rows) < 1500, True, f"{len(rows)} users tracked of 1500")
        equal({row["active"] for row in rows}, {1}, "active of each")
        equal(losses()["users-full"] >= 1500 - len(rows), True, f"{losses()} with {len(rows)} tracked")
        let_go(pairs)
        until_equal(lambda: [row for row in ask("users", "--service", "imap") if row["active"]], [],
                    "users with sessions when all are closed")
        pairs = hold(10, lambda number: f"127.2.0.{number + 1}")
        equal(len([row for row in ask("users", "--service", "imap") if row["active"]]), 10, "users when there is room")
        let_go(pairs)


def listen_often(channel, number, count):
    """So many listening sockets, on addresses of its own."""
    sockets = [listen(f"127.{number}.{i // 1000}.1", 10000 + i % 1000, backlog=1) for i in range(count)]
    answer(channel, len(sockets))
    channel.recv(1)


@contextlib.contextmanager
def unlisted_server():
    """A server that found no entry; who else closes a listener on this machine may have made room."""
    for number in range(50):
        lost = losses()["listeners-full"]
        with Server("0.0.0.0", PORT) as server:
            if losses()["listeners-full"] > lost:
                yield server
                return
        fill.append(listen("127.9.0.1", 10000 + number))
    raise AssertionError("the table of listeners does not stay full")


fill = []


@test
def listeners():
    """listeners_max: one more is counted as listeners-full, its sessions are counted and capped"""
    with Headcount(section("headcount", listeners_max=4096) + service("imap", listen=PORT, cap=3)):
        equal([row["capacity"] for row in ask("status")["maps"] if row["map"] == "listeners"], [4096], "capacity")
        held = [Child(listen_often, number, 1100) for number in range(10, 14)]
        for child in held:
            child.hear()
        lost = losses()["listeners-full"]
        equal(lost >= 4 * 1100 - 4096, True, f"{lost} listeners without an entry")
        with unlisted_server(), Clients("127.0.0.1", PORT, 1, 5) as clients:
            equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes")
            equal(active("imap", "127.0.0.1"), 3, "active")
            equal({row["pid"] for row in ask("sessions", "--service", "imap")}, {None}, "pids of its sessions")
            code, out, err = headcount("audit")
            equal(code, 0, f"exit code of audit, which said {out}{err}")
        for child in held:
            child.end()
        while fill:
            fill.pop().close()
        lost = losses()["listeners-full"]
        with Server("0.0.0.0", PORT), Clients("127.0.0.1", PORT, 1, 5) as clients:
            equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes when there is room")
            equal([row["pid"] for row in ask("sessions", "--service", "imap")], [host_pid(os.getpid())] * 3, "pids then")
        equal(losses()["listeners-full"], lost, "losses since there is room")


@test
def another_size():
    """a run --pin with another listeners_max counts anew"""
    def starting(size):
        return Headcount(section("headcount", listeners_max=size) + service("imap", listen=PORT, cap=3), "--pin")
    with starting(64):
        pass
    for size, says in (64, "adopted"), (128, "rebuilt"):
        with starting(size) as hc:
            equal(bool([line for line in hc.said if line.startswith(f"headcount: {says}")]), True, f"{says} in {hc.said}")
            equal([row["capacity"] for row in ask("status")["maps"] if row["map"] == "listeners"], [size], "capacity")
    run(PROGRAM, "detach")


def counted():
    """Listening sockets of namespaces that nobody enforces in: as they are counted, and as they are listed."""
    def dump(name):
        return json.loads(run("bpftool", "-j", "map", "dump", "pinned", f"/sys/fs/bpf/headcount/{name}"))

    def number(value):
        return int.from_bytes(bytes(int(byte, 16) for byte in value), "little")
    return number(dump("elsewhere")[0]["value"]), sum(number(row["value"][24:28]) for row in dump("listening"))


@test
def others_listeners():
    """listeners of a namespace that nobody enforces in leave half of the table to the others; their room comes back"""
    run("ip", "netns", "add", "stranger")
    with inside("stranger"):
        run("ip", "link", "set", "lo", "up")
    with Headcount(section("headcount", listeners_max=2048) + service("imap", listen=PORT, user="uid", cap=3)):
        for _ in range(2):
            before = losses().get("listeners-elsewhere", 0)
            with contextlib.ExitStack() as stack:
                held = [stack.enter_context(Child(listen_often, number, 700, namespace="stranger")) for number in (10, 11, 12)]
                for child in held:
                    child.hear()
                lost = losses()["listeners-elsewhere"]
                equal(lost - before >= 3 * 700 - 1024, True, f"{lost - before} listeners without an entry")
                ours = stack.enter_context(Child(listen_often, 10, 800))
                ours.hear()
                with Server("0.0.0.0", PORT), Clients("127.0.0.1", PORT, 1, 5) as clients:
                    equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes")
                    equal({row["pid"] for row in ask("sessions", "--service", "imap")}, {os.getpid()}, "whose sessions")
                equal(losses().get("listeners-full", 0), 0, "listeners where a cap could not hold")
            until(lambda: len(set(counted())) == 1, f"as many counted as listed: {counted()}")


def listen_and_close(channel, number):
    """Many at a time, some in one place; closed in another order, and when we die."""
    answer(channel, "ready")
    channel.recv(9)
    for turn in range(fewer(60)):
        held = [listen(f"127.{number}.0.1", 10000 + i // 2, options=[(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)]) for i in range(40)]
        for s in held[turn % 7:]:
            s.close()
    answer(channel, "done")
    channel.recv(9)


@test
def others_race():
    """while the half of the others is full and sockets come and go on all CPUs, as many are counted as are listed"""
    with Headcount(section("headcount", listeners_max=128) + service("imap", listen=PORT, cap=3)):
        with contextlib.ExitStack() as stack:
            children = [stack.enter_context(Child(listen_and_close, number, namespace="stranger")) for number in range(10, 16)]
            for child in children:
                equal(child.hear(), "ready", "a child")
            for child in children:
                child.tell()
            for child in children:
                equal(child.hear(), "done", "a child")
            equal(losses()["listeners-elsewhere"] > 0, True, "some had no entry")
            until(lambda: len(set(counted())) == 1, f"as many counted as listed: {counted()}")
            equal(counted()[1] <= 64, True, f"{counted()}, of at most 64")
        until(lambda: len(set(counted())) == 1, f"as many counted as listed at the end: {counted()}")


main()
