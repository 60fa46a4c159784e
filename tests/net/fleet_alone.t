#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""alone = close: what is closed once a lease is over, and what is not."""
import datetime
import itertools

from fleets import *
from labelling import LABEL, SOL

THIRD = f"{NET}200.3"  # its excess is only observed
PLAIN = 7200           # a service of this host's own cap


def settings(**more):
    return dict(alone="close", override=[f"{OTHER} unlimited", f"{THIRD} 4 excess=observe"], **more)


def config_of(n, lease=LEASE, /, **more):
    return (fleet_config(n, "close", **settings(**more)) + service("plain", listen=PLAIN, cap=4)).replace(f"lease = {LEASE}s", f"lease = {lease}s")


@contextlib.contextmanager
def hosts(*numbers, lease=LEASE, options=(), ready=True, **more):
    """Like fleet(), with a service beside that is not the fleet's."""
    with contextlib.ExitStack() as stack:
        run("ip", "addr", "replace", f"{THIRD}/32", "dev", "lo")
        world = {}
        for n in numbers:
            world[n] = Host(n, config_of(n, lease, **more), *options)
            stack.callback(world[n].close)
            stack.enter_context(world[n])
            world[n].server = stack.enter_context(Server("0.0.0.0", 7143, namespace=f"c{n}"))
            world[n].plain = stack.enter_context(Server("0.0.0.0", PLAIN, namespace=f"c{n}"))
        for host in world.values():
            if ready:
                host.ready()
        yield world


def session(n, source=USER):
    return until(lambda: attempt(n, source=source), f"a session of {source} at host {n}", 20)


def is_reset(s):
    """None while it is there."""
    s.setblocking(False)
    try:
        return not s.recv(1)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return True


@contextlib.contextmanager
def cut_off(n):
    rule = "OUTPUT", "-p", "tcp", "--dport", str(STORE_PORT), "-j", "DROP"
    iptables = "nsenter", f"--net=/run/netns/c{n}", "iptables"
    run(*iptables, "-I", *rule)
    try:
        yield
    finally:
        run(*iptables, "-D", *rule)


def here(host):
    return {source: host.active("close", source) for source in (USER, OTHER, THIRD)} | {"plain": host.active("plain")}


@test
def closed():
    """a host that is cut off closes what the fleet's caps hold, and nothing else; others get what it had, and it joins without a debt"""
    with Store(), hosts(1, 2) as world:
        held = [session(1) for _ in range(2)]
        kept = [session(1, OTHER), session(1, THIRD), plain_connect(address(1, 2), PLAIN, USER)]
        equal(kept[2].recv(1), b"+", "a session of the service beside")
        equal(here(world[1]), {USER: 2, OTHER: 1, THIRD: 1, "plain": 1}, "sessions before")
        with cut_off(1):
            world[1].wait_said("this host is alone, and alone = close holds")
            for s in held:
                until(lambda s=s: is_reset(s), "a session of the fleet's to be reset")
            until(lambda: world[1].said_of("closed 2 sessions: this host is alone, and alone = close"), "the log to say so")
            event = world[1].wait_event(event__action="session-killed", rule__name="close")
            equal((event["event.reason"], event["headcount.user"]), ("fleet-alone", USER), "why it was closed, and whose it was")
            world[1].wait_event(event__action="session-closed", rule__name="close", event__reason="fleet-alone")
            until_equal(lambda: world[1].fleet()["closed"], 2, "closed sessions in status")
            equal("headcount_fleet_sessions_closed_total 2\n" in world[1].command("metrics")[1], True, "metrics")
            equal(attempt(1), None, "one that connects again")
            taken = [session(2) for _ in range(4)]
            equal(here(world[1]), {USER: 0, OTHER: 1, THIRD: 1, "plain": 1}, "sessions that stay")
            equal([is_reset(s) for s in kept], [None] * 3, "those that no cap of the fleet holds")
        world[1].ready()
        until(lambda: (world[1].fleet()["debts"], world[1].fleet()["units"]) == (0, 1), "no debt, and the one unit of who is observed", 20)
        equal([attempt(n) for n in (1, 2)], [None] * 2, "the fifth")
        taken.pop().close()
        world[2].server.close_dead(1)
        taken.append(session(1))
        equal([world[n].active("close") for n in (1, 2)], [1, 3], "sessions at last")
        for s in held + kept + taken:
            s.close()


def give(s, label):
    """False while the host asks the store for a unit."""
    try:
        s.setsockopt(SOL, LABEL, label.encode())
    except BlockingIOError:
        return False
    return True


@test
def by_shard():
    """of two shards one is away: the sessions of its users are closed, by their labels, and of no others"""
    stores = [f"valkey://{address(1, 1)}:{port}" for port in (STORE_PORT, STORE_PORT + 1)]
    config = fleet_config(1, "named", store=stores, alone="close", user="label", unlabelled=100)
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(Store(port=port)) for port in (STORE_PORT, STORE_PORT + 1))
        host = Host(1, config)
        stack.callback(host.close)
        listener = stack.enter_context(listen("0.0.0.0", 7143, "c1"))
        stack.enter_context(host)
        host.ready()
        held = {}
        for label in (f"user{i}" for i in range(10)):
            client, server = plain_connect(address(1, 2), 7143, USER), listener.accept()[0]
            until(lambda s=server, label=label: give(s, label), f"the label {label}", 20)
            held[label] = client, server
        unlabelled = plain_connect(address(1, 2), 7143, USER), listener.accept()[0]
        theirs = [int(store.ask("hlen", "fleet:units")) - 1 for store in (first, second)]  # and the epoch's name
        equal((sum(theirs), min(theirs) > 0), (10, True), f"users of each store: {theirs}")
        second.end()
        host.wait_said("this host is alone, and alone = close holds")
        until_equal(lambda: host.fleet()["closed"], theirs[1], "closed sessions")
        gone = {label for label, (client, _) in held.items() if is_reset(client)}
        equal(len(gone), theirs[1], "sessions that are closed")
        until_equal(lambda: {e["headcount.user"] for e in host.events if e.get("event.reason") == "fleet-alone"}, gone, "whose it is told of")
        time.sleep(LEASE)
        equal({label for label, (client, _) in held.items() if is_reset(client)}, gone, "whose are closed after another while")
        equal(is_reset(unlabelled[0]), None, "who has no label")
        label, (_, server) = next((label, ends) for label, ends in held.items() if label not in gone)
        client, server = plain_connect(address(1, 2), 7143, USER), listener.accept()[0]
        until(lambda: give(server, label), "another session of who was not", 20)
        for s in [client, server, *unlabelled, *itertools.chain(*held.values())]:
            s.close()


@test
def no_lease_yet():
    """a host that never had a lease closes nothing; once it had one it does"""
    with hosts(1, ready=False) as world:
        host = world[1]
        host.reload(config_of(1).replace("alone = close", "alone = admit"))
        held = session(1)
        host.reload(config_of(1))
        host.wait_said("this host is alone, and alone = (admit holds|close holds; there has been no lease yet, so no session is closed)$")
        equal(attempt(1), None, "another one")
        time.sleep(2 * LEASE)
        equal((is_reset(held), host.active("close")), (None, 1), "the session that is there")
        with Store() as store:
            host.ready()
            until_equal(lambda: host.fleet()["units"], 1, "its unit")
            store.end()
            until(lambda: is_reset(held), "the session to be closed", 10 * LEASE)
        held.close()


@test
def started_again():
    """--pin: a daemon that finds no store waits for a lease, and then closes what a lease before it had let in"""
    with Store() as store, hosts(1, options=("--pin",)) as world:
        held = session(1)
        store.end()
        world[1].end(signal.SIGKILL)
        time.sleep(LEASE)  # the lease is over, and nobody there to close
        equal(is_reset(held), None, "without a daemon")
        began = time.time()
        with world[1].again(config_of(1), "--pin") as again:
            event = again.wait_event(event__action="session-killed", rule__name="close")
            until(lambda: is_reset(held), "the session to be closed")
            at = datetime.datetime.fromisoformat(event["@timestamp"][:26]).replace(tzinfo=datetime.timezone.utc).timestamp()
            if at - began < LEASE:
                raise AssertionError(f"closed {at - began} s after the start")
        held.close()


@test
def stopped():
    """a daemon that was stopped for longer than its lease hears the store first, and closes nothing"""
    with Store() as store, hosts(1, lease=10) as world:
        held = session(1)
        world[1].process.send_signal(signal.SIGSTOP)
        time.sleep(11)
        equal(attempt(1), None, "another one meanwhile")
        store.process.send_signal(signal.SIGSTOP)
        world[1].process.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        store.process.send_signal(signal.SIGCONT)
        session(1).close()
        equal(world[1].fleet()["closed"], 0, "closed sessions")
        equal(is_reset(held), None, "the session that was there")
        held.close()


main()
