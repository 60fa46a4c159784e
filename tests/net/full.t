#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
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
    """65536 listeners: one more is counted as listeners-full, its sessions are counted and capped"""
    with Headcount(service("imap", listen=PORT, cap=3)):
        held = [Child(listen_often, number, 16500) for number in range(10, 14)]
        for child in held:
            child.hear()
        lost = losses()["listeners-full"]
        equal(lost >= 4 * 16500 - 65536, True, f"{lost} listeners without an entry")
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


main()
