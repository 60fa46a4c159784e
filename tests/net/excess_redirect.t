#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""excess = redirect: over the cap a client reaches another listener, and is nobody's session."""
from prometheus import *
from rawtcp import *
from waiting import *

client_host(1)
PORT, BUSY = 7143, 7421
ALICE, BOB = address(1, 2), address(1, 3)
ALICE6 = f"{NET6}1::/64"
HTTP = "127.0.0.1:9435"
SORRY = b"421 4.7.0 Too many sessions\r\n"


def imap(**settings):
    return service("imap", **{"listen": PORT, "user": "client/32/64", "cap": 2, "excess": "redirect", "redirect": BUSY, **settings})


class Busy(Server):
    """Tells everybody who comes that there are too many sessions, and keeps him."""

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                self.connections.append(connection)
                connection.send(SORRY)


def here(port=PORT):
    """Established connections on a port, as ss has them."""
    return [s for s in ss() if s.port == port and s.state == "ESTAB"]


def nobodys(name, count, hc, sessions=2):
    """So many redirected clients are there, and nobody has them."""
    equal(len(here()), sessions + count, "connections, as ss has them")
    row = user("imap", name)
    equal((row["active"], row["opened"]), (sessions, sessions), "active and opened")
    equal(len(ask("sessions", "--service", "imap", "--user", name)), sessions, "rows of sessions")
    until_equal(lambda: len([e for e in hc.events if e["event.action"] == "session-opened" and e["rule.name"] == "imap"]),
                sessions, "events opened")  # refusals come by another way, and may be there sooner
    clean()


def reaches(where, source, name, listener=("::", BUSY), redirect=BUSY, connect=come):
    """Those over the cap are told so, by the other listener; and all is right when they have gone."""
    with Headcount(metrics_at(HTTP, imap(redirect=redirect))) as hc, Server("::", PORT) as server, Busy(*listener) as busy:
        clients = take(where, PORT, 2, source)
        late = [connect(where, PORT, source) for _ in range(3)]
        equal([greeting(s) for s in late], [SORRY] * 3, "what they are told")
        equal([s.getpeername()[1] for s in late], [PORT] * 3, "where they think they are")
        until_equal(lambda: refusals(hc), {"redirect": 3}, "told")
        event = hc.wait_event(event__action="session-refused")
        equal((event["source.port"], event["destination.port"], event["headcount.user"]), (late[0].getsockname()[1], PORT, name), "of whom")
        equal(user("imap", name, "refused"), 3, "refused")
        nobodys(name, 3, hc)
        equal(page(HTTP)["headcount_sessions_refused_total", "imap", "user", "redirect"], 3, "metrics")
        # Neither does their end change anything, whoever begins it.
        busy.connections.pop(0).close()
        late.pop().close()
        until_equal(lambda: len(here()), 3, "connections after two of them ended")
        nobodys(name, 1, hc)
        clients.pop().close()
        server.close_dead(1)
        until_equal(lambda: active("imap", name), 1, "active")
        clients += take(where, PORT, 1, source)
        late.append(connect(where, PORT, source))
        equal(greeting(late[-1]), SORRY, "with all slots taken again")
        leave(clients + late)
        server.hang_up()
        busy.hang_up()
        until_equal(lambda: (active("imap", name), len(here())), (0, 0), "at the end")
        equal([e for e in list(hc.events) if e["event.action"] == "session-closed" and e["rule.name"] == "imap"
               and e["source.port"] in {s["source.port"] for s in hc.events if s["event.action"] == "session-refused"}], [], "ends of those who were redirected")
        equal(losses("not-redirected"), [0], "losses")
        clean()


@test
def ipv4():
    """IPv4, to a port: told and counted as refused once each, no session of anybody's, in no listing; audit finds nothing"""
    reaches(address(1), ALICE, ALICE)


@test
def ipv6():
    """IPv6: the same"""
    reaches(address(1, 1, 6), address(1, 2, 6), ALICE6)


@test
def addresses():
    """to an address and port, of IPv4 and of IPv6; a listener on every address will do"""
    reaches(address(1), ALICE, ALICE, ("127.0.0.1", BUSY), f"127.0.0.1:{BUSY}")
    reaches(address(1, 1, 6), address(1, 2, 6), ALICE6, ("::1", BUSY), f"[::1]:{BUSY}")
    reaches(address(1), ALICE, ALICE, ("0.0.0.0", BUSY), f"127.0.0.1:{BUSY}")
    reaches(address(1, 1, 6), address(1, 2, 6), ALICE6, ("::", BUSY), f"[::1]:{BUSY}")


@test
def loopback():
    """to a port, where it is on loopback alone"""
    reaches(address(1), ALICE, ALICE, ("127.0.0.1", BUSY))
    reaches(address(1, 1, 6), address(1, 2, 6), ALICE6, ("::1", BUSY))


@test
def cookies():
    """with SYN cookies: the same, and told once each"""
    sysctl("net.ipv4.tcp_syncookies", 2)
    try:
        reaches(address(1), ALICE, ALICE)
        reaches(address(1, 1, 6), address(1, 2, 6), ALICE6)
    finally:
        sysctl("net.ipv4.tcp_syncookies", 1)


@test
def fast_open_too():
    """with Fast Open: the same"""
    def opened(where, port, source):
        s = new_socket(family_of(where), "c1")
        s.bind((source, 0))
        s.sendto(b"hello", socket.MSG_FASTOPEN, (where, port))
        s.setblocking(False)
        return s
    sysctl("net.ipv4.tcp_fastopen", 0x603, None, "c1")  # without a cookie, on every listener
    try:
        reaches(address(1), ALICE, ALICE, connect=opened)
    finally:
        sysctl("net.ipv4.tcp_fastopen", 1, None, "c1")


@test
def others():
    """with SYN cookies while another program on the host asks each socket for its cookie before headcount does"""
    sysctl("net.ipv4.tcp_syncookies", 2)
    with open("/run/trace-out", "w+b") as out:
        trace = start(PROGRAM, "trace", stdout=out)
        try:
            def seen():
                leave([come(address(1), BUSY + 2, ALICE)])  # which nobody listens on
                return str(BUSY + 2).encode() in os.pread(out.fileno(), 65536, 0)
            until(seen, "trace to be attached", 30)
            reaches(address(1), ALICE, ALICE)
        finally:
            sysctl("net.ipv4.tcp_syncookies", 1)
            os.kill(trace.pid, signal.SIGTERM)
            equal(trace.wait(30), 0, "end of trace")


@test
def handshakes():
    """a redirected handshake whose SYN-ACK goes out again takes no slot, though there is one by then"""
    evil = address(1, 66)
    with Headcount(imap(cap=1)) as hc, Server("0.0.0.0", PORT) as server, Busy("0.0.0.0", BUSY), Holder(1, 66, PORT) as holder:
        holder.begin([1000])
        holder.finish([1000])
        until_equal(lambda: active("imap", evil), 1, "active")
        equal(holder.begin([1001]), [1001], "who is redirected gets an answer")
        hc.wait_event(event__action="session-refused", headcount__excess="redirect", source__port=1001)
        holder.send(1000, RST, sequence=1001)
        until_equal(lambda: active("imap", evil), 0, "active once the session has ended")
        for _ in range(3):
            equal(holder.begin([1001]), [1001], "the SYN-ACK goes out again")
        holder.begin([1002])
        holder.finish([1002])
        until_equal(lambda: (user("imap", evil, "active"), user("imap", evil, "opened")), (1, 2), "who gets in then")
        holder.hear()
        holder.finish([1001])
        until_equal(lambda: len(here()), 2, "connections")
        equal((active("imap", evil), losses("late")), (1, [0]), "active, and late")
        clean()
        server.hang_up()


@test
def mptcp():
    """a listener of MPTCP cannot be redirected to: who is over the cap is rejected, and counted; status says so"""
    try:
        listener = listen("0.0.0.0", BUSY, protocol=262)  # IPPROTO_MPTCP
    except OSError as error:
        raise Skip(f"no MPTCP: {error}")
    for first in listener, None:
        with Headcount(imap()), Server("::", PORT):
            if not first:
                listener = listen("0.0.0.0", BUSY, protocol=262)
            clients = take(address(1), PORT, 2, ALICE)
            late = come(address(1), PORT, ALICE)
            equal(outcome(late, 2 * SLOW), "ECONNREFUSED", "who is over the cap")
            line = next(line for line in headcount("status")[1].splitlines() if "not-redirected" in line)
            equal((line.split()[1], "MPTCP" in line), ("1", True), line)
            equal(outcome(come(address(1), BUSY, ALICE), 2 * SLOW), "ok", "its own clients")
            listener.close()
            leave(clients + [late])


@test
def nobody_there():
    """where nobody listens the attempt is rejected, and counted; a listener that comes later is found, and one that goes is missed"""
    with Headcount(imap()) as hc, Server("::", PORT):
        clients = take(address(1), PORT, 2, ALICE)
        for count in 1, 2:
            late = come(address(1), PORT, ALICE)
            equal(outcome(late, 2 * SLOW), "ECONNREFUSED", "where nobody listens")
            equal(losses("not-redirected"), [count], "counted")
        until_equal(lambda: refusals(hc), {"reject": 2}, "told")
        with Busy("0.0.0.0", BUSY):
            late = come(address(1), PORT, ALICE)
            equal(greeting(late), SORRY, "once somebody does")
            late6 = come(address(1, 1, 6), PORT, address(1, 2, 6))
            equal(greeting(late6), b"+", "another user")
            more = [come(address(1, 1, 6), PORT, address(1, 2, 6)) for _ in range(2)]
            equal([outcome(s, 2 * SLOW) for s in more], ["ok", "ECONNREFUSED"], "an IPv6 client, and a listener of IPv4")
            equal(losses("not-redirected"), [3], "counted")
            leave([late, late6] + more)
        late = come(address(1), PORT, ALICE)
        equal(outcome(late, 2 * SLOW), "ECONNREFUSED", "once it has gone")
        clean()
        leave(clients)


@test
def earlier():
    """a listener that is older than headcount, or than the reload that leads there, or on its port in another namespace"""
    client_host(2)
    with Server("::", PORT), Busy("::", BUSY), Busy("::", BUSY + 1), Server("::", PORT, "c2"), Busy("::", BUSY, "c2"):
        with Headcount(imap(cap=1)) as hc:
            clients = take(address(1), PORT, 1, ALICE)
            late = come(address(1), PORT, ALICE)
            equal(greeting(late), SORRY, "older than headcount")
            equal(targets(), [BUSY], "listeners that packets may be sent to: none of a namespace that is not enforced")
            hc.reload(imap(cap=1, excess="reject").replace(f"redirect = {BUSY}\n", ""))
            late = come(address(1), PORT, ALICE)
            equal(outcome(late, 2 * SLOW), "ECONNREFUSED", "after a reload")
            equal(targets(), [], "listeners of others that headcount has its hands on")
            hc.reload(imap(cap=1, redirect=BUSY + 1))
            late = come(address(1), PORT, ALICE)
            equal(greeting(late), SORRY, "older than the reload that leads there")
            hc.reload(section("headcount", netns=["c2", "/proc/self/ns/net"]) + imap(cap=1))
            late = [come(address(1), PORT, ALICE)]
            equal(greeting(late[0]), SORRY, "in the old namespace")
            there = take(address(2, 2), PORT, 1, None, None)
            late += [come(address(2, 2), PORT, None, None)]
            equal(greeting(late[-1]), SORRY, "in the one that came")
            equal(losses("not-redirected"), [0], "losses")
            clean()
            leave(clients + late + there)


@test
def elsewhere_on_the_way():
    """what one CPU remembers of a packet that was redirected is not taken for true of a handshake on another one"""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise Skip("there is one CPU alone")
    evil = address(1, 67)  # no other test's, whose connections may have been left half closed
    try:
        with Headcount(imap(cap=1)), Server("0.0.0.0", PORT), Busy("0.0.0.0", BUSY), Holder(1, 67, PORT) as holder:
            os.sched_setaffinity(0, {cpus[0]})
            holder.begin([1000])
            holder.finish([1000])
            until_equal(lambda: active("imap", evil), 1, "active")
            os.sched_setaffinity(0, {cpus[1]})
            holder.send(1001, ACK, sequence=1001, acknowledged=4711)  # redirected
            until(lambda: 1001 in holder.hear(), "the RST that answers it")
            os.sched_setaffinity(0, {cpus[0]})
            holder.send(1000, RST, sequence=1001)
            until_equal(lambda: active("imap", evil), 0, "active once that has ended")
            equal(holder.begin([1001]), [1001], "the handshake")
            os.sched_setaffinity(0, {cpus[1]})
            holder.finish([1001])
            until_equal(lambda: active("imap", evil), 1, "active: it is a session")
            clean()
    finally:
        os.sched_setaffinity(0, cpus)


@test
def transparent():
    """a connection that TPROXY leads to a listener which another service redirects to is a session of its own service"""
    rule = "PREROUTING", "-p", "tcp", "--dport", str(BUSY + 1), "-j", "TPROXY", "--on-port", str(BUSY), "--tproxy-mark", "1"
    with Headcount(service("web", listen=BUSY + 1, cap=2) + imap()), Server("0.0.0.0", PORT), Server("0.0.0.0", BUSY) as proxy:
        proxy.listener.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
        run("iptables", "-t", "mangle", "-A", *rule)
        try:
            clients = take(address(1), BUSY + 1, 2, ALICE)
            until_equal(lambda: active("web", ALICE), 2, "active")
        finally:
            run("iptables", "-t", "mangle", "-D", *rule)
        leave(clients)


@test
def several():
    """of two that listen on the port one goes: the other is found"""
    share = [(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)]
    with Headcount(imap(cap=1)), Server("::", PORT):
        one, other = [listen("0.0.0.0", BUSY, options=share) for _ in range(2)]
        clients = take(address(1), PORT, 1, ALICE)
        other.close()  # the last to come has the place

        def found():
            late = come(address(1), PORT, ALICE)
            clients.append(late)
            return outcome(late, 2 * SLOW)
        until_equal(found, "ok", "who is redirected")
        one.close()
        leave(clients)


@test
def pinned():
    """without a daemon a redirect to a listener of one's own goes on, for those that come later, too; the next one adopts all"""
    with Server("::", PORT), Headcount(imap(cap=1), "--pin") as hc:
        clients = take(address(1), PORT, 1, ALICE)
        hc.end(signal.SIGKILL)
        with Busy("::", BUSY):
            late = come(address(1), PORT, ALICE)
            equal(greeting(late), SORRY, "without a daemon")
            clean()
            with Headcount(imap(cap=1), "--pin"):
                equal(user("imap", ALICE, "active"), 1, "active")
                more = come(address(1), PORT, ALICE)
                equal(greeting(more), SORRY, "with the next one")
                equal(len(ask("sessions", "--service", "imap", "--user", ALICE)), 1, "rows")
                clean()
        leave(clients + [late, more])
        run(PROGRAM, "detach")


@test
def one_user():
    """an override redirects one user alone; the total redirects as the cap does"""
    config = imap(cap=1, excess="reject", total=2, override=f"{ALICE} excess=redirect")
    with Headcount(config) as hc, Server("::", PORT), Busy("::", BUSY):
        clients = take(address(1), PORT, 1, ALICE) + take(address(1), PORT, 1, BOB)
        late = [come(address(1), PORT, source) for source in (ALICE, BOB)]
        equal(greeting(late[0]), SORRY, "whom the override redirects")
        equal(outcome(late[1], 2 * SLOW), "ECONNREFUSED", "the other")
        hc.reload(config.replace("cap = 1", "cap = 9"))
        late += [come(address(1), PORT, ALICE)]
        equal(greeting(late[-1]), SORRY, "over the total")
        until_equal(lambda: refusals(hc, headcount__scope="total"), {"redirect": 1}, "told")
        equal(user("imap", ALICE, "active"), 1, "active")
        clean()
        leave(clients + late)


def no_marks():
    """Why the kernel keeps no marks with sockets here, or None. Since 7.0 it needs cmpxchg16b for that, which QEMU's
    emulator does not get right and tests/kernels/run takes away."""
    try:
        with Headcount(imap(redirect="answer:smtp")):
            return None
    except AssertionError as error:
        if "cannot mark" not in str(error):
            raise
        return "the kernel keeps nothing with sockets (no cmpxchg16b)"


def skipping(function, why):
    def skip():
        raise Skip(why)
    skip.__doc__ = function.__doc__
    return skip


lacking = no_marks()
if lacking:
    tests[:] = [skipping(function, lacking) for function in tests]
main()
