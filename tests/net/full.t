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


main()
