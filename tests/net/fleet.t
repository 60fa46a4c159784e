#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""One cap for many hosts: three headcounts in namespaces of their own, and a store."""
from fleets import *


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
        for host in hosts.values():  # and not left waiting
            host.wait_event(event__action="session-refused", rule__name="one", headcount__excess="reject")
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
        held += [attempt(n, source=OTHER) for n in HOSTS]  # whom the store does not know of yet
        equal([attempt(n, source=OTHER) for n in HOSTS], [None] * 3, "the second of another user")
        store.begin()
        for host in hosts.values():
            host.wait_said("is back after")
            host.wait_event(event__action="fleet-back")
            host.ready()
            equal(host.fleet()["alone_since"], None, "alone")
        for source in USER, OTHER:
            held += [until(lambda: attempt(2, source=source), "the fourth", 20)]
            equal([attempt(n, source=source) for n in HOSTS], [None] * 3, "the fifth")
        let_go(*held)


@test
def left():
    """a host that ends leaves its units to the others; alone = refuse admits nobody without a store"""
    with Store() as store, fleet("left", alone="refuse", hosts=(1, 2)) as hosts:
        held = hold(1, 1, 1)
        why = hosts[1].command("why", "left", USER)[1]
        equal("the cap is of all hosts together: 3 of it are at this host\n" in why, True, "why:\n" + why)
        let_go(*held)
        hosts[1].server.close_dead(3)
        hosts[1].end()
        held = [until(lambda: attempt(2), "a session", LEASE)] + hold(2, 2, 2)  # at once: less than a lease
        store.end()
        hosts[2].wait_said("alone = refuse holds")
        equal(attempt(2, source=OTHER), None, "a session of another user")
        why = hosts[2].command("why", "left", USER)[1]
        equal(re.search("this host is alone since .*, and alone = refuse holds", why) is not None, True, "why:\n" + why)
        equal(hosts[2].active("left"), 4, "sessions that were there")
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


@test
def labels():
    """a label's cap is the fleet's; who gives one that has no unit here is told to try again, and then EDQUOT"""
    with Store(), fleet("label", user="label", cap=2, labellers="*") as hosts:
        def label(n):
            """A session of carol at host n, and what giving the label said at last."""
            client = attempt(n)
            server = until(lambda: [c for c in hosts[n].server.connections if c.fileno() >= 0 and c.getpeername() == client.getsockname()], "the server")[0]
            said = []

            def give():
                try:
                    server.setsockopt(0x6863, 1, b"carol")
                    said.append(0)
                except OSError as error:
                    said.append(error.errno)
                return said[-1] != errno.EAGAIN
            until(give, "an answer to the label")
            return client, said
        first, second, third = label(1), label(2), label(3)
        equal([first[1][-1], second[1][-1], third[1][-1]], [0, 0, errno.EDQUOT], "labels")
        equal(errno.EAGAIN in first[1], True, "the first had to try again")
        equal([hosts[n].active("label", "carol") for n in HOSTS], [1, 1, 0], "sessions of carol")
        let_go(first[0], second[0], third[0])


@test
def at_once():
    """sessions of a user that come at once all find units when their SYNs come again, and not one each time"""
    with Store(), fleet("crowd", hosts=(1, 2)), contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(4)]
        for s in sockets:
            s.setblocking(False)
            s.bind((USER, 0))
            s.connect_ex((address(1, 2), 7143))
        for s in sockets:
            equal(writable(s, 40 * SLOW), True, "a session")
            equal(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0, "its connect()")
        again = [s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[100:104] for s in sockets]
        equal(max(struct.unpack("=I", n)[0] for n in again) <= 2, True, f"SYNs that were sent again: {again}")


@test
def admitted():
    """cold = admit lets the first session of a host in at once, and closes the one that finds no unit"""
    # Who is alone may let one in: not even on a machine that stalls for some seconds.
    with Store(), fleet("admit", cold="admit", cap=2, lease=10) as hosts:
        held = [attempt(1, 0.5), attempt(2, 0.5)]
        equal([s is not None for s in held], [True, True], "sessions at once")
        late = attempt(3, 0.5)
        if late:  # greeted before the answer came
            late.settimeout(5 * SLOW)
            with contextlib.suppress(ConnectionResetError):
                equal(late.recv(1), b"", "what the one over the cap hears")
        until(lambda: [hosts[n].active("admit") for n in HOSTS] == [1, 1, 0], "the one over the cap to be closed")
        until(lambda: hosts[3].fleet()["closed"] == 1, "closed sessions to be counted")
        let_go(*held)


@test
def reloads():
    """a reload changes scope, cold and alone, and nothing else of [fleet]"""
    with Store(), fleet("reload", hosts=(1, 2)) as hosts:
        held = hold(1, 1, 2)
        config = fleet_config(1, "reload")
        hosts[1].reload(config.replace("lease = 3s", "lease = 4s"), r"\[fleet\] cannot change while running, but for alone")
        hosts[1].reload(config.replace("alone = local", "alone = refuse").replace("scope = fleet", "scope = fleet\ncold = admit\ncap_alone = 2"))
        row = [row for row in hosts[1].json("policy")["services"] if row["service"] == "reload"][0]
        equal([row[key] for key in ("scope", "cold", "alone", "cap_alone")], ["fleet", "admit", "refuse", 2], "policy")
        hosts[1].reload(config.replace("scope = fleet", "scope = host"))
        until(lambda: hosts[1].fleet()["units"] == 0, "units of a host whose caps are its own to go back", 20)
        held += hold(1, 1, 2, 2, 2)
        hosts[1].reload(config)
        until(lambda: hosts[1].fleet()["units"] == 4, "its sessions to be the fleet's again", 20)
        equal([attempt(n) for n in (1, 2)], [None] * 2, "one more")
        let_go(*held)


@test
def files():
    """a file of TLS that is not there: one line, and nothing is pinned"""
    with open("/run/tls.conf", "w") as file:
        file.write(section("fleet", store="valkeys://127.0.0.1", tls_ca="/run/none.pem"))
    equal(headcount("run", "--pin", "-c", "/run/tls.conf"), (1, "", "headcount: cannot read /run/none.pem: No such file or directory\n"), "run")
    equal([name for name in os.listdir("/sys/fs/bpf") if name.startswith("headcount")], [], "pins")


main()
