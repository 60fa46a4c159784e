#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A fleet at its edges: clients that wait long, units that nobody knows any more, sessions past the gate, handshakes that never end."""
from fleets import *

TRANSPARENT = 19  # IP_TRANSPARENT
IP_PKTINFO = 8


def units(hosts):
    return [host.fleet()["units"] for host in hosts.values()]


@test
def early():
    """a client that comes as the store begins an epoch gets in with a SYN that it sends long after its unit came"""
    with Store() as store, fleet("early", hosts=(1,), lease=10, cap=4) as hosts:
        store.ask("flushall")
        hosts[1].wait_said("has begun epoch 2")
        began = time.monotonic()
        client = until(lambda: attempt(1, 60), "the client", 70)
        if time.monotonic() - began < 9:
            raise AssertionError("the store did not learn: it granted at once")
        equal(units(hosts), [1], "units")
        client.close()


@test
def nameless():
    """a label's unit that came and was not used outlives its daemon: it is worth nothing to the next one"""
    settings = dict(user="label", cap=2, labellers="*")

    def connect(n):
        client = attempt(n)
        return client, until(lambda: [c for c in hosts[n].server.connections
                                      if c.fileno() >= 0 and c.getpeername() == client.getsockname()], "the server")[0]

    def give(server):
        try:
            server.setsockopt(0x6863, 1, b"carol")
            return 0
        except OSError as error:
            return error.errno
    with Store(), fleet("label", "--pin", **settings) as hosts:
        client, server = connect(1)
        equal(give(server), errno.EAGAIN, "the first time")
        until_equal(lambda: units(hosts)[0], 1, "the unit")
        hosts[1].end(signal.SIGKILL)
        with hosts[1].again(fleet_config(1, "label", **settings), "--pin") as again:
            again.ready()
            until(lambda: hosts[2].fleet()["shards"][0]["members"] == 3, "three hosts", 10 * LEASE)
            kept = []
            for n in 2, 3:
                kept.append(connect(n))
                until(lambda: give(kept[-1][1]) == 0, f"the label at host {n}", 10 * LEASE)
            if give(server) == 0:
                raise AssertionError("a third one by a unit that is another host's")
            equal([h.active("label", "carol") for h in (hosts[2], hosts[3])], [1, 1], "sessions")
            client.close()


@test
def past_the_gate():
    """sessions that TPROXY leads past the gate are asked for, and not closed while there are units"""
    with Store(), fleet("past", hosts=(1,), cap=4) as hosts, Server("0.0.0.0", 7200, namespace="c1") as proxy:
        inside_it = "nsenter", "--net=/run/netns/c1", "iptables", "-t", "mangle"
        proxy.listener.setsockopt(socket.SOL_IP, TRANSPARENT, 1)
        run(*inside_it, "-A", "PREROUTING", "-p", "tcp", "--dport", "7143", "-j", "TPROXY", "--on-port", "7200", "--tproxy-mark", "1")
        try:
            held = [until(lambda: attempt(1), "a session") for _ in range(3)]
            until_equal(lambda: (hosts[1].active("past"), units(hosts)), (3, [3]), "sessions and units")
            time.sleep(1)
            equal(hosts[1].active("past"), 3, "sessions a second later")
        finally:
            run(*inside_it, "-F", "PREROUTING")
        for s in held:
            s.close()


@test
def half_open():
    """cold = admit: a handshake that never ends closes no session that was granted"""
    rule = "INPUT", "-p", "tcp", "--sport", "7143", "--tcp-flags", "SYN,ACK", "SYN,ACK", "-j", "DROP"
    with Store(), fleet("half", cold="admit", cap=2, hosts=(1, 2)) as hosts:
        sessions = [until(lambda n=n: attempt(n, 3), "a session") for n in (2, 1)]
        until_equal(lambda: units(hosts), [1, 1], "units")
        run("iptables", "-I", *rule)
        try:
            equal(attempt(1, 1), None, "a handshake whose SYN-ACK is lost")
        finally:
            run("iptables", "-D", *rule)
        time.sleep(1)
        equal([h.active("half") for h in hosts.values()], [1, 1], "sessions")
        for s in sessions:
            s.close()


@test
def unheard():
    """cold = admit: while a host's daemon is stopped, or has died, nobody is let in there without a unit"""
    with Store(), fleet("unheard", "--pin", hosts=(1,), cold="admit", cap=16, lease=10) as hosts:
        held = [until(lambda: attempt(1, 0.4), "a session")]
        until_equal(lambda: units(hosts), [1], "units")
        hosts[1].process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(2)
            equal(attempt(1, 0.4), None, "while it is stopped")
            equal(attempt(1, 0.4, OTHER), None, "another user")
        finally:
            hosts[1].process.send_signal(signal.SIGCONT)

        def full():
            """Units that were asked for meanwhile are in use, too."""
            if units(hosts)[0] > len(held):
                held.extend(s for s in [attempt(1, 0.4)] if s)
            return units(hosts)[0] == len(held)
        for _ in range(2):
            time.sleep(1.5)  # what is under way comes
            until(full, "each unit to be in use", 20)
        hosts[1].end(signal.SIGKILL)
        time.sleep(2)
        equal(attempt(1, 0.4), None, "without a daemon")
        for s in held:
            s.close()


@test
def stalled():
    """cold = admit: what a store that stalls for less than the lease has left over the cap is closed"""
    with Store() as store, fleet("stall", cold="admit", cap=2, lease=10) as hosts:
        store.process.send_signal(signal.SIGSTOP)
        try:
            held = [attempt(n, 0.5) for n in (1, 1, 2, 2, 3, 3)]
            time.sleep(4.5)
        finally:
            store.process.send_signal(signal.SIGCONT)
        equal([s is not None for s in held], [True] * 6, "admitted while it stalls")
        until(lambda: sum(h.active("stall") for h in hosts.values()) <= 2, "those over the cap to be closed", 30)
        for s in held:
            s.close()


class Lost(Host):
    """A host whose resolver is at address(n, 1), and is waited for for minutes."""

    def make(self):
        keeper = super().make()
        with open(f"{self.folder}/resolv.conf", "w") as file:
            file.write(f"nameserver {address(self.n, 1)}\noptions timeout:30 attempts:3\n")
        run("nsenter", "-t", str(keeper.pid), "-m", "mount", "--bind", "/run/resolv.conf", "/etc/resolv.conf")
        return keeper


@test
def resolver():
    """names that nobody answers for keep neither other shards nor the end waiting"""
    rule = "INPUT", "-p", "udp", "--dport", "53", "-j", "DROP"
    run("iptables", "-I", *rule)
    config = fleet_config(1, "lost", store=[f"valkey://{address(1, 1)}:{STORE_PORT}", "valkey://store.example, other.example"])
    try:
        with Store(), contextlib.closing(Lost(1, config)) as host, host, Server("0.0.0.0", 7143, namespace="c1"):
            until(lambda: host.stage() and host.stage()[0] == "ready", "the shard that has a store to be ready", 10 * LEASE)
            until(lambda: host.fleet()["shards"][1]["alone_since"], "the other to be alone", 10 * LEASE)
            equal(re.search("no address of that name for 300 ms", str(host.fleet()["shards"][1])) is not None, True, "why")
            time.sleep(2 * LEASE)
            equal(host.said_of(f"no lease from the store at {address(1, 1)}"), [], "leases of the first shard that were late")
            began = time.monotonic()
            host.end()
            if time.monotonic() - began > 15:
                raise AssertionError(f"it took {time.monotonic() - began} s to end")
    finally:
        run("iptables", "-D", *rule)


class Resolver:
    """Says to each question of port 53 that every name is the address it was asked at, so many seconds later."""

    def __init__(self, seconds):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_IP, IP_PKTINFO, 1)
        self.socket.bind(("0.0.0.0", 53))
        self.seconds, self.questions = seconds, []
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while True:
            question, ancillary, _, client = self.socket.recvmsg(2000, 200)
            if not question:
                return
            self.questions.append(question)
            to = next(data for _, kind, data in ancillary if kind == IP_PKTINFO)[8:12]
            threading.Timer(self.seconds, self.answer, (question, client, to)).start()

    def answer(self, question, client, to):
        name_and_type = question[12:question.index(b"\0", 12) + 5]
        found = name_and_type[-4:] == b"\0\1\0\1" and b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + to
        with contextlib.suppress(OSError):
            self.socket.sendto(question[:2] + b"\x81\x80\0\1\0" + bytes([bool(found)]) + bytes(4) + name_and_type + (found or b""), client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("127.0.0.1", 53))
        self.thread.join()
        self.socket.close()


@test
def slow_resolver():
    """a name that takes longer than any try is waited for: the host answers the fleet, and who asks finds the store"""
    config = fleet_config(1, "slow", store=f"valkey://store.example:{STORE_PORT}")
    with Store() as store, Resolver(4) as resolver, contextlib.closing(Lost(1, config)) as host, host:
        until_equal(lambda: store.ask("hkeys", "fleet:hosts"), "host1", "hosts that answer", 30)
        code, out, err = host.command("users", "--fleet", "--json", "-s", "slow")
        equal((code, err), (0, ""), "users --fleet")
        # The store's client, the voice and the command, of which each asks for IPv4 and IPv6.
        if len(resolver.questions) > 3 * 2 * 2:
            raise AssertionError(f"{len(resolver.questions)} questions")


@test
def silent():
    """cold = admit: while the store learns or does not answer nobody is let in without a unit"""
    with Store() as store, fleet("silent", cold="admit", cap=2, lease=10) as hosts:
        store.ask("flushall")
        for host in hosts.values():
            host.wait_said("has begun epoch 2")
        equal([attempt(n, 0.4) for n in hosts], [None] * 3, "while it learns")
        for host in hosts.values():
            host.wait_said("epoch 2 grants")
        held = [until(lambda: attempt(1, 0.4), "a session")]
        store.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(2)  # each host has sent a message meanwhile
            equal([attempt(n, 0.4) for n in hosts], [None] * 3, "while it does not answer")
        finally:
            store.process.send_signal(signal.SIGCONT)
        held.append(until(lambda: attempt(2, 0.4), "the second session"))
        equal([h.json("status")["losses"]["not-held"] for h in hosts.values()], [0] * 3, "attempts that were reset, not held")
        for s in held:
            s.close()


main()
