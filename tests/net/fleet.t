#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""One cap for many hosts: three headcounts in namespaces of their own, and a store."""
from fleets import *

HOSTS = 1, 2, 3


@contextlib.contextmanager
def fleet(name, /, *options, hosts=HOSTS, **settings):
    """Hosts that are ready, and their servers."""
    with contextlib.ExitStack() as stack:
        world = {}
        for n in hosts:
            world[n] = stack.enter_context(Host(n, fleet_config(n, name, **settings), *options))
            stack.callback(world[n].close)
            world[n].server = stack.enter_context(Server("0.0.0.0", 7143, namespace=f"c{n}"))
        for host in world.values():
            host.ready()
        yield world


def hold(*where):
    """A session at each of these hosts."""
    held = [attempt(n) for n in where]
    equal([s is not None for s in held], [True] * len(where), "sessions")
    return held


def let_go(*held):
    for s in held:
        s.close()


@test
def one_cap():
    """a client's cap of 4 holds over three hosts, and what one gives back another gets"""
    with Store() as store, fleet("one") as hosts:
        held = hold(1, 2, 3, 1)
        equal([attempt(n) for n in HOSTS], [None] * 3, "one more at each")
        equal([hosts[n].active("one") for n in HOSTS], [2, 1, 1], "sessions")
        equal(store.ask("hlen", "fleet:units"), "2", "users in the store, and the epoch")
        held.pop(0).close()
        hosts[1].server.close_dead(1)
        held.append(until(lambda: attempt(3), "a session that ended at host 1 to be admitted at host 3", 20))
        equal(attempt(2), None, "one more")
        let_go(*held)


@test
def store_away():
    """without a store the lease ends, and each host goes by cap_alone, as status, log, metrics and events say; until it is back"""
    with Store() as store, fleet("away", metrics="127.0.0.1:9435") as hosts:
        held = hold(1, 2, 3)
        store.end()
        equal(attempt(1, 0.5), None, "a session that needs another unit, while the lease holds")
        for host in hosts.values():
            host.wait_said("this host is alone, and alone = local holds")
            equal(host.stage(), ["alone"], "stage")
            equal(host.wait_event(event__action="fleet-alone")["host.name"], f"host{host.n}", "host of the event")
            equal("headcount_fleet_alone{shard=\"0\"} 1\n" in host.command("metrics")[1], True, "metrics")
            equal(re.search("alone since .*: alone = local holds, 3 hosts seen last", host.command("status")[1]) is not None, True, "status")
        equal([attempt(n) for n in HOSTS], [None] * 3, "more than the cap divided by three")
        let_go(held.pop(0))
        hosts[1].server.close_dead(1)
        held += hold(1)
        store.begin()
        for host in hosts.values():
            host.wait_said("is back after")
            host.wait_event(event__action="fleet-back")
            host.ready()
            equal(host.fleet()["alone_since"], None, "alone")
        held += [until(lambda: attempt(2), "the fourth", 20)]
        equal([attempt(n) for n in HOSTS], [None] * 3, "the fifth")
        let_go(*held)


@test
def wiped():
    """a store that was wiped learns what there is before it grants again"""
    with Store() as store, fleet("wiped") as hosts:
        held = hold(1, 1, 2)
        store.ask("flushall")
        for host in hosts.values():
            host.wait_said("has begun epoch 2")
            host.ready()
        equal([host.said_of("alone") for host in hosts.values()], [[]] * 3, "hosts that were alone")
        held += [until(lambda: attempt(3), "the fourth", 20)]
        equal([attempt(n) for n in HOSTS], [None] * 3, "the fifth")
        let_go(*held)


@test
def killed():
    """a daemon that is killed prolongs nothing; with --pin the next one claims what is there"""
    with Store(), fleet("killed", "--pin") as hosts:
        held = hold(1, 1, 2)
        hosts[1].end(signal.SIGKILL)
        until(lambda: hosts[2].fleet()["shards"][0]["members"] == 2, "the others to notice", 10 * LEASE)
        with hosts[1].again(fleet_config(1, "killed"), "--pin") as again:
            again.wait_said("adopted the pinned state")
            again.ready()
            until(lambda: hosts[2].fleet()["shards"][0]["members"] == 3, "three hosts", 10 * LEASE)
            equal(again.active("killed"), 2, "sessions of the host that was killed")
            held += [until(lambda: attempt(3), "the fourth", 20)]
            equal([attempt(n) for n in HOSTS], [None] * 3, "the fifth")
            let_go(*held)


main()
