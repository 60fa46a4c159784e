#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Several sockets listen in one place (SO_REUSEPORT): it is known until the last has closed."""
from clients import *

client_host(1)
PORT, ROUNDS = 7143, 20
CPUS = sorted(os.sched_getaffinity(0))
HERE, ALICE = address(1), address(1, 2)
REUSEPORT = (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def one_of_many(channel, number):
    """Listens at the instant it is told, exact to less than a microsecond; closes when told, or waits."""
    os.sched_setaffinity(0, {CPUS[number % len(CPUS)]})
    with socket.socket() as s:
        s.setsockopt(*REUSEPORT)
        s.bind(("0.0.0.0", PORT))
        answer(channel, "bound")
        instant, wait = float(channel.recv(99)), time.monotonic
        while wait() < instant:
            pass
        s.listen()
        answer(channel, "listening")
        channel.recv(9)
        s.close()
        answer(channel, "closed")
        channel.recv(9)


def hear_all(children, what):
    for child in children:
        equal(child.hear(), what, "a child")


def attempts(count=4):
    """How each of several connects ended, one after the other; all are closed in the end."""
    made, outcomes = [], []
    for _ in range(count):
        made.append(new_socket(namespace="c1"))
        outcomes.append(made[-1].connect_ex((HERE, PORT)))
    for s in made:
        s.close()
    return outcomes


def rounds(config, who):
    """Six listen at one instant and five close; one of several connects gets in, each time."""
    with Headcount(config) as hc:
        for number in range(ROUNDS):
            with contextlib.ExitStack() as stack:
                children = [stack.enter_context(Child(one_of_many, i, uid=UID)) for i in range(6)]
                hear_all(children, "bound")
                # As many at one instant as can run at once; the others next.
                for some in children[:len(CPUS)], children[len(CPUS):]:
                    instant = time.monotonic() + 0.004
                    for child in some:
                        child.tell(repr(instant))
                    hear_all(some, "listening")
                survivor = children[number % 6]
                closing = [child for child in children if child is not survivor]
                for child in closing:
                    child.tell()
                hear_all(closing, "closed")
                equal(attempts(), [0] + [errno.ECONNREFUSED] * 3, f"outcomes of round {number}")
            until_equal(lambda: active(*who), 0, f"active after round {number}")
        row = user(*who)
        equal((row["opened"], row["refused"], row["peak"]), (ROUNDS, 3 * ROUNDS, 1), "opened, refused and peak")
        equal(ask("status")["losses"].get("listeners-full", 0), 0, "listeners that are not known")
        # Without a port it is not one refusal, but tells how many had no line of their own.
        refused = [e for e in list(hc.events) if e["event.action"] == "session-refused" and "source.port" in e]
        equal([e for e in refused if e.get("user.id") != str(UID)], [], "refusals without the listener's owner")


@test
def by_uid():
    """cap = 1 by uid: of six that listen at one instant five close, and the cap holds"""
    rounds(service("web", listen=PORT, user="uid", cap=1), ("web", UID))


@test
def by_client():
    """cap = 1 in the built-in service: the same"""
    rounds(service("inbound", user="client/32/64", cap=1), ("inbound", ALICE))


@test
def one_of_two_closes():
    """one of two closes: sessions that come to the other are charged to its owner"""
    with Headcount(service("web", listen=PORT, user="uid", cap=1)):
        for first_closes in True, False:
            with Child(two_listen, first_closes, uid=UID) as child:
                equal(child.hear(), "listening", "the child")
                with new_socket(namespace="c1") as c:
                    c.connect((HERE, PORT))
                    equal(active("web", UID), 1, "active of the owner")
                    equal([(r["service"], r["user"]) for r in our_sessions() if r["direction"] == "inbound"],
                          [("web", str(UID))], "who is charged")
                    equal(attempts(2), [errno.ECONNREFUSED] * 2, "outcomes of two more")
            until_equal(lambda: active("web", UID), 0, "active at the end")


@test
def nearer_one():
    """a listener that is nearer to a session's address than another one is known at once, and so is that it has gone"""
    def named(name, where):
        call("prctl", PR_SET_NAME, name)
        return listen(where, PORT, options=[REUSEPORT])

    def who_listens():
        with new_socket(namespace="c1") as c:
            c.connect((HERE, PORT))
            return [row["process"] for row in our_sessions() if row["direction"] == "inbound" and row["state"] == "ESTAB"]
    with open("/proc/self/comm", "rb") as file, pinned_to(CPUS[0]), Headcount(""):  # one CPU, which remembers
        own = file.read().strip()
        with named(b"any", "0.0.0.0"):
            equal([who_listens() for _ in range(2)], [["any"]] * 2, "who listens")
            for _ in range(2):
                with named(b"near", HERE):
                    equal([who_listens() for _ in range(2)], [["near"]] * 2, "who listens, nearer")
                equal([who_listens() for _ in range(2)], [["any"]] * 2, "who listens when that has gone")
        call("prctl", PR_SET_NAME, own)


@contextlib.contextmanager
def pinned_to(cpu):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def two_listen(channel, first_closes):
    both = [listen("0.0.0.0", PORT, options=[REUSEPORT]) for _ in range(2)]
    both.pop(0 if first_closes else 1).close()
    answer(channel, "listening")
    channel.recv(9)


main()
