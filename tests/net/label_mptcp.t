#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""user = label and MPTCP: a subflow that joins a connection has its label, if that has room."""
from labelling import *

MPTCP = 262
C1 = client_host(1)
HERE, ONE, TWO = address(1), address(1, 2), address(1, 3)
PORT = 7143


def prepare():
    for namespace, more in (None, []), (C1, [f"ip mptcp endpoint add {TWO} dev eth0 subflow"]):
        with inside(namespace):
            for command in ["ip mptcp limits set subflow 2 add_addr_accepted 2", *more]:
                run(*command.split())


try:
    sysctl("net.mptcp.enabled", 1, None, C1)
    prepare()
    WHY = None
except (OSError, AssertionError) as error:
    WHY = f"MPTCP: {error}"


@contextlib.contextmanager
def connection():
    """Of the client's first address; its second one joins once the server has sent something."""
    if WHY:
        raise Skip(WHY)
    with listen("0.0.0.0", PORT, protocol=MPTCP) as listener:
        client = new_socket(namespace=C1, protocol=MPTCP)
        client.bind((ONE, 0))
        client.connect((HERE, PORT))
        server = listener.accept()[0]
        try:
            yield client, server
        finally:
            client.close()
            server.close()


def label(server, name):
    server.setsockopt(SOL, LABEL, name)


def join(client, server):
    before = len(listed())
    server.send(b"x")
    until(lambda: len(listed()) > before, "the second subflow")
    talk(client, server, b"x")


def talk(client, server, first=b""):
    """The connection is alive."""
    server.send(b"y")
    client.send(b"z")
    got = b""
    while len(got) < len(first) + 1:
        got += client.recv(9)
    equal((got, server.recv(9)), (first + b"y", b"z"), "payload")


def listed():
    return ask("sessions", "--service=imap")


def clean(what):
    code, out, err = headcount("audit", "--json")
    equal((code, err), (0, ""), f"audit, {what}: {out}")


@test
def joined():
    """a subflow that joins is charged to the label of the first one, and ends with it"""
    with Headcount(by_label(PORT, cap=5, total=9)) as hc:
        with connection() as (client, server):
            label(server, b"jsmith")
            join(client, server)
            users_are({"jsmith": 2})
            equal({row["remote"].rsplit(":", 1)[0]: row["user"] for row in listed()}, {ONE: "jsmith", TWO: "jsmith"}, "sessions")
            told = hc.wait_event(event__action="session-labelled", source__ip=TWO)
            equal((told["headcount.user"], told["headcount.user_before"], told["headcount.active"]),
                  ("jsmith", f"unlabelled/{TWO}", 2), "the event")
            equal([row["total_active"] for row in ask("policy")["services"] if row["service"] == "imap"], [2], "of the total")
            clean("open")
        users_are({})
        clean("closed")


@test
def over():
    """over the label's cap it stays with its client, is told, and the connection goes on"""
    with Headcount(by_label(PORT, cap=1)) as hc, connection() as (client, server):
        label(server, b"jsmith")
        join(client, server)
        users_are({"jsmith": 1, f"unlabelled/{TWO}": 1})
        hc.wait_event(event__action="session-refused", headcount__user="jsmith", source__ip=TWO)
        talk(client, server)
        clean("over the cap")


@test
def evicting():
    """a subflow that joins over the cap has nobody evicted: it does not try again"""
    if WHY:
        raise Skip(WHY)
    with Headcount(by_label(PORT, cap=2, excess="evict", evict_idle="1s")) as hc, listen("0.0.0.0", PORT, protocol=MPTCP) as listener, \
            contextlib.ExitStack() as held:
        for protocol in 0, MPTCP:
            client = held.enter_context(new_socket(namespace=C1, protocol=protocol))
            client.bind((ONE, 0))
            client.connect((HERE, PORT))
            server = held.enter_context(listener.accept()[0])
            label(server, b"jsmith")
        time.sleep(1.5 * SLOW)
        join(client, server)
        hc.wait_event(event__action="session-refused", headcount__user="jsmith", source__ip=TWO)
        time.sleep(0.5)
        equal([e for e in list(hc.events) if e["event.action"] == "session-killed"], [], "who was evicted")
        users_are({"jsmith": 2, f"unlabelled/{TWO}": 1})


@test
def bare():
    """one that joins before the connection has a label stays with its client, as do those of one without"""
    with Headcount(by_label(PORT, cap=5)), connection() as (client, server):
        join(client, server)
        users_are({f"unlabelled/{ONE}": 1, f"unlabelled/{TWO}": 1})
        label(server, b"jsmith")
        users_are({"jsmith": 1, f"unlabelled/{TWO}": 1})
        clean("joined before")


main()
