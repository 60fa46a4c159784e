#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""headcount kill: many sessions, sessions that end meanwhile, a daemon that is not there."""
from killing import *


@test
def without_daemon():
    """pinned, with no daemon: sessions are closed all the same, and the next daemon tells of it"""
    with listening(PORT) as imap:
        with Headcount(CONFIG, "--pin") as hc:
            p = Pair(imap)
            hc.end(signal.SIGKILL)
        equal(kill("--id", str(p.inbound)), did(1), "kill without a daemon")
        with Headcount(CONFIG, "--pin") as hc:
            hc.wait_event(event__action="session-killed", headcount__session__id=p.inbound)
        p.close()
    equal(headcount("detach")[0], 0, "exit code of detach")


def told(hc):
    return sum(event["event.action"] == "session-killed" for event in list(hc.events))


def hold(channel, port, count):
    held = [plain_connect(HERE, port) for _ in range(count)]
    answer(channel, len(held))
    channel.recv(1)


def serve(channel, port, count):
    listener = listen("0.0.0.0", port, backlog=4096)
    answer(channel, "listening")
    held = [listener.accept()[0] for _ in range(count)]
    answer(channel, len(held))
    channel.recv(1)


@test
def ten_thousand():
    """10,000 sessions of one user, of several processes, are closed in one go"""
    each, ports = 10000 // 4, range(7200, 7204)
    if SLOW > 1:
        each //= 10
    config = service("many", listen=",".join(map(str, ports)), user="client/32/64", cap=20000, emit="none") \
        + service("inbound", emit="none") + service("outbound", emit="none")
    with Headcount(config) as hc, contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Child(serve, port, each)) for port in ports]
        equal([child.hear() for child in servers], ["listening"] * 4, "servers")
        clients = [stack.enter_context(Child(hold, port, each, namespace=C1)) for port in ports]
        equal([child.hear() for child in clients + servers], [each] * 8, "sessions of each process")
        equal(active("many", ALICE), 4 * each, "active")
        equal(kill("--user", ALICE, "--service", "many"), did(4 * each), "kill")
        equal(active("many", ALICE), 0, "active after it")
        equal(headcount("audit")[0], 0, "audit")
        until_equal(lambda: told(hc), 4 * each, "session-killed events", 60)


def come_and_go(channel):
    """Keeps 50 sessions, the oldest of which makes room for the next."""
    held = collections.deque()
    answer(channel, "going")
    while not readable(channel, 0):
        with contextlib.suppress(OSError):
            held.append(plain_connect(HERE, PORT))
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if len(held) > 50:
            held.popleft().close()


@test
def racing():
    """sessions that end by themselves meanwhile are gone, not failures, and only what was closed is told"""
    closed = collections.Counter()
    with Headcount(CONFIG) as hc, Server("0.0.0.0", PORT), contextlib.ExitStack() as stack:
        for child in [stack.enter_context(Child(come_and_go, namespace=C1)) for _ in range(2)]:
            child.hear()
        stack.enter_context(Child(hold, PORT, 50, namespace=C1)).hear()
        while not closed["gone"] or closed["rounds"] < 3:
            result = kill("--service", "imap")
            equal((result["code"], result["failures"], result["closed"] + result["gone"]),
                  (0, [], result["matched"]), f"kill {result}")
            closed.update(rounds=1, **{key: result[key] for key in ("closed", "gone")})
        say(dict(closed))
        equal(closed["closed"] >= 50, True, "those that did not end were closed")
        until_equal(lambda: told(hc), closed["closed"], "session-killed events")
    with Headcount(CONFIG):
        nothing_left("the race")


main()
