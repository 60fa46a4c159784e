#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""One cap for many hosts: three headcounts in namespaces of their own, and a store."""
from fleets import *

HOSTS = 1, 2, 3


@contextlib.contextmanager
def fleet(name, /, *options, hosts=HOSTS, **settings):
    """Hosts that are ready, and their servers."""
    with contextlib.ExitStack() as stack:
        world = {n: stack.enter_context(Host(n, fleet_config(n, name, **settings), *options)) for n in hosts}
        for n in hosts:
            world[n].server = stack.enter_context(Server("0.0.0.0", 7143, namespace=f"c{n}"))
        for host in world.values():
            host.ready()
        yield world


@test
def one_cap():
    """a client's cap of 4 holds over three hosts, and what one gives back another gets"""
    with Store() as store, fleet("one") as hosts:
        held = [attempt(n) for n in (1, 2, 3, 1)]
        equal([s is not None for s in held], [True] * 4, "the first four")
        equal([attempt(n) for n in HOSTS], [None] * 3, "one more at each")
        equal([hosts[n].active("one") for n in HOSTS], [2, 1, 1], "sessions")
        equal(store.ask("hlen", "fleet:units"), "2", "users in the store, and the epoch")
        held.pop(0).close()
        hosts[1].server.close_dead(1)
        more = until(lambda: attempt(3), "a session that ended at host 1 to be admitted at host 3", 20)
        equal(attempt(2), None, "one more")
        for s in [*held, more]:
            s.close()


main()
