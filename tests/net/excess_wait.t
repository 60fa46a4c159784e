#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""excess = wait: over the cap a SYN vanishes, and the client's own retransmission gets in."""
from prometheus import *
from rawtcp import *
from waiting import *

client_host(1)
PORT = 7143
ALICE, BOB = address(1, 2), address(1, 3)
ALICE6 = f"{NET6}1::/64"
HTTP = "127.0.0.1:9435"
with open("/proc/self/comm") as name:
    OURSELVES = name.read().rstrip("\n")


def imap(**settings):
    return service("imap", **{"listen": PORT, "user": "client/32/64", "cap": 2, "excess": "wait", **settings})


def gets_in(where, source, name):
    """The third one waits, and is in once a slot is free; nobody else notices."""
    with Headcount(imap()) as hc, Server("::", PORT) as server:
        clients = take(where, PORT, 2, source)
        late = come(where, PORT, source)
        hc.wait_event(event__action="session-refused", headcount__excess="wait", headcount__user=name)
        equal(outcome(late, 0.5), None, "who is over the cap, before there is a slot")
        equal(active("imap", name), 2, "active meanwhile")
        clients.pop().close()
        server.close_dead(1)
        equal(greeting(late), b"+", "greeting of who waited")
        equal({k: user("imap", name)[k] for k in ("active", "opened", "refused", "excess")},
              dict(active=2, opened=3, refused=1, excess="wait"), "the user's row")
        equal(refusals(hc), {"wait": 1}, "what was told")
        event = hc.wait_event(event__action="session-refused")
        equal((event["source.port"], event["destination.port"], event["headcount.scope"], event["process.name"]),
              (late.getsockname()[1], PORT, "user", OURSELVES), "whom it tells of")
        clean()
        leave(clients + [late])


@test
def ipv4():
    """IPv4: the client's own retransmission gets in after a slot was freed, told once as waiting"""
    gets_in(address(1), ALICE, ALICE)


@test
def ipv6():
    """IPv6: the same"""
    gets_in(address(1, 1, 6), address(1, 2, 6), ALICE6)


@test
def ipv4_alone():
    """where IPv6 is disabled: the same"""
    sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    try:
        gets_in_ipv4()
    finally:
        sysctl("net.ipv6.conf.all.disable_ipv6", 0)
        run("ip", "addr", "add", f"{address(1, 1, 6)}/64", "dev", "v1", "nodad")


def gets_in_ipv4():
    with Headcount(imap()), Server("0.0.0.0", PORT) as server:
        clients = take(address(1), PORT, 2, ALICE)
        late = come(address(1), PORT, ALICE)
        equal(outcome(late, 0.3), None, "who is over the cap")
        clients.pop().close()
        server.close_dead(1)
        equal(greeting(late), b"+", "greeting of who waited")
        leave(clients + [late])


@test
def given_up():
    """after wait_max the attempt is rejected, told and counted as such; until then its SYNs are neither told nor counted again"""
    with Headcount(metrics_at(HTTP, imap(wait_max="2s"))) as hc, Server("::", PORT):
        clients = take(address(1), PORT, 2, ALICE)
        late = come(address(1), PORT, ALICE)
        equal(outcome(late, 0.5), None, "at first")
        equal(refusals(hc), {"wait": 1}, "told at first")
        equal(outcome(late, 10 * SLOW), "ECONNREFUSED", "with the SYN that comes after wait_max")
        until_equal(lambda: refusals(hc), {"wait": 1, "reject": 1}, "told at last")
        equal(user("imap", ALICE, "refused"), 2, "counted of the user")
        metrics = page(HTTP)
        equal([metrics["headcount_sessions_refused_total", "imap", "user", excess] for excess in ("wait", "reject")], [1, 1], "metrics")
        again = come(address(1), PORT, ALICE)
        equal(outcome(again, 0.5), None, "the next attempt waits again")
        leave(clients + [again, late])


@test
def others():
    """a crowd that waits: another user, another port and a service that rejects notice nothing"""
    config = imap(cap=1) + service("pop", listen=PORT + 1, user="client/32/64", cap=1)
    with Headcount(config) as hc, Server("::", PORT) as server, Server("::", PORT + 1):
        clients = take(address(1), PORT, 1, ALICE)
        crowd = [come(address(1), PORT, ALICE) for _ in range(100)]
        equal(take(address(1), PORT, 1, BOB)[0].fileno() > 0, True, "another user gets in")
        pop = take(address(1), PORT + 1, 1, ALICE)
        with new_socket(namespace="c1") as s:
            s.bind((ALICE, 0))
            equal(s.connect_ex((address(1), PORT + 1)), errno.ECONNREFUSED, "where the excess is rejected")
            equal(s.connect_ex((address(1), PORT + 2)), errno.ECONNREFUSED, "where nobody listens")
        equal([s for s in crowd if outcome(s)], [], "those who were answered")
        until_equal(lambda: sum(refusals(hc, headcount__excess="wait").values()), 100, "told, one by one or as a number")
        equal(user("imap", ALICE, "refused"), 100, "counted")
        clients.pop().close()
        server.close_dead(1)
        until(lambda: [s for s in crowd if outcome(s) == "ok"], "one of the crowd to get in")
        time.sleep(1)
        equal(len([s for s in crowd if outcome(s)]), 1, "those who got in")
        equal(active("imap", ALICE), 1, "active")
        clean()
        leave(crowd + pop)


@test
def total():
    """over the total, too; and an override may say another excess"""
    with Headcount(imap(cap=5, total=2, override=f"{BOB} excess=reject")) as hc, Server("::", PORT) as server:
        clients = take(address(1), PORT, 2, ALICE)
        late = come(address(1), PORT, ALICE)
        bob = come(address(1), PORT, BOB)
        equal(outcome(bob, 2 * SLOW), "ECONNREFUSED", "who is to be rejected")
        equal(outcome(late, 0.3), None, "who waits")
        until_equal(lambda: refusals(hc, headcount__scope="total"), {"wait": 1, "reject": 1}, "told")
        policy = {row["service"]: row["total_refused"] for row in ask("policy")["services"]}
        equal(policy["imap"], 2, "refused by the total")
        clients.pop().close()
        server.close_dead(1)
        equal(greeting(late), b"+", "greeting of who waited")
        clean()
        leave(clients + [late, bob])


@test
def daemon_gone():
    """a daemon that is killed while SYNs wait: they are rejected at once, which status counts; the next one holds again"""
    with Headcount(imap(), "--pin") as hc, Server("::", PORT) as server:
        clients = take(address(1), PORT, 2, ALICE)
        late = come(address(1), PORT, ALICE)
        hc.wait_event(event__action="session-refused", headcount__excess="wait")
        hc.end(signal.SIGKILL)
        equal(losses("not-held"), [0], "counted before")
        equal(outcome(late, 5 * SLOW), "ECONNREFUSED", "who waited")
        another = come(address(1), PORT, ALICE)
        equal(outcome(another, 0.9 * SLOW), "ECONNREFUSED", "who comes now")
        equal(losses("not-held"), [2], "counted")
        code, out, _ = headcount("status")
        equal("rejected at once, as run is not active" in out, True, out)
        equal(ask_status()["excess_held"], False, "excess_held")
        with Headcount(imap(), "--pin") as hc:
            late = come(address(1), PORT, ALICE)
            hc.wait_event(event__action="session-refused", headcount__excess="wait", source__port=late.getsockname()[1])
            clients.pop().close()
            server.close_dead(1)
            equal(greeting(late), b"+", "greeting of who waited")
            equal(losses("not-held"), [2], "counted since")
            equal("rejected at once, as run" in headcount("status")[1], False, "status")
            equal(ask_status()["excess_held"], True, "excess_held")
            clean()
            leave(clients + [late])
        run(PROGRAM, "detach")


@test
def reloads():
    """a reload changes the excess at once, for who waits already as well, and in a namespace that it adds"""
    os.makedirs("/run/netns", exist_ok=True)
    client_host(2)
    with Headcount(imap(excess="reject")) as hc, Server("::", PORT) as server:
        silent = [line for line in run("ss", "-tnlH").splitlines() if f":{PORT} " not in line]
        clients = take(address(1), PORT, 2, ALICE)
        late = come(address(1), PORT, ALICE)
        equal(outcome(late, 2 * SLOW), "ECONNREFUSED", "before")
        hc.reload(imap())
        late = come(address(1), PORT, ALICE)
        equal(outcome(late, 0.4), None, "after")
        equal(targets(), [0], "sockets of our own")
        hc.reload(imap(excess="reject"))
        equal(outcome(late, 5 * SLOW), "ECONNREFUSED", "who waited")
        equal([line for line in run("ss", "-tnlH").splitlines() if f":{PORT} " not in line], silent, "listeners, as before")
        equal(targets(), [], "sockets of our own")
        both = section("headcount", netns=["c2", "/proc/self/ns/net"])
        hc.reload(both + imap(cap=1))
        with Server("::", PORT, "c2") as there:
            here = take(address(2, 2), PORT, 1, None, None)
            late = come(address(2, 2), PORT, None, None)
            equal(outcome(late, 0.4), None, "in the other namespace")
            here.pop().close()
            there.close_dead(1)
            equal(greeting(late), b"+", "greeting of who waited there")
            leave([late])
        leave(clients)


@test
def no_port():
    """what it waits by takes nobody's port, in no namespace; IPv4 and IPv6 wait there, in each namespace"""
    where = section("headcount", netns=["/proc/self/ns/net", "c1"])
    with Headcount(where + imap(cap=1, user="client/32/128")), Server("::", PORT), Server("::", PORT, "c1"):
        waiting = []
        for here, there, from_here in ((address(1), ALICE, "c1"), (address(1, 1, 6), address(1, 2, 6), "c1"),
                                       (ALICE, address(1), None), (address(1, 2, 6), address(1, 1, 6), None)):
            waiting += take(here, PORT, 1, there, from_here) + [come(here, PORT, there, from_here)]
            equal(outcome(waiting[-1], 0.4), None, f"who is over the cap, from {there}")
        for namespace in None, "c1":
            with inside(namespace):
                equal([line for line in run("ss", "-tnlpH").splitlines() if "headcount" in line], [], "listeners of headcount")
        leave(waiting)


@test
def cookies():
    """with SYN cookies: the same"""
    sysctl("net.ipv4.tcp_syncookies", 2)
    try:
        gets_in(address(1), ALICE, ALICE)
    finally:
        sysctl("net.ipv4.tcp_syncookies", 1)


@test
def late_cookies():
    """with SYN cookies: whose slot is another's when his ACK comes is not told so, and gets in by what he sends once there is one"""
    evil = address(1, 66)
    sysctl("net.ipv4.tcp_syncookies", 2)
    try:
        with Headcount(imap(cap=1)) as hc, Server("0.0.0.0", PORT), Holder(1, 66, PORT) as holder:
            equal(holder.begin([1000]) + holder.begin([1001]), [1000, 1001], "both begin")
            holder.finish([1001])
            until_equal(lambda: active("imap", evil), 1, "active")
            holder.finish([1000])
            hc.wait_event(event__action="session-refused", headcount__excess="wait", source__port=1000)
            time.sleep(0.3)
            equal(holder.hear()[1000][0] & RST, 0, "a RST for who waits")
            holder.send(1001, RST, sequence=1001)
            until_equal(lambda: active("imap", evil), 0, "active once the first has ended")
            holder.finish([1000], b"hi")
            until_equal(lambda: active("imap", evil), 1, "active once he has sent something")
            clean()
    finally:
        sysctl("net.ipv4.tcp_syncookies", 1)


main()
