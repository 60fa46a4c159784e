#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Clients that hold their handshakes back: never more than the cap get in, and forged ones take a total from nobody for long."""
from clients import *
from rawtcp import *

client_host(1)
PORT = 7143
DEFER_ACCEPT, SYNCNT = 9, 7
EVIL = address(1, 66)


def imap(cap=3, **more):
    return service("imap", listen=PORT, user="client/32/64", cap=cap, **more)


def established():
    """Sessions of the adversary that are open, as ss sees them."""
    return len(run("ss", "-tnH", "state", "established", "dst", EVIL, "sport", "=", str(PORT)).splitlines())


def half_open():
    return len(run("ss", "-tnH", "state", "syn-recv", "dst", EVIL, "sport", "=", str(PORT)).splitlines())


def audit_is_clean():
    code, out, err = headcount("audit", "--json")
    found = json.loads(out)
    equal((code, err, found["missing"], found["stale"], found["wrong"]), (0, "", 0, 0, 0), f"audit {found}")


def attack(hc, holder, seconds, repeat):
    """For some seconds as many handshakes as the server lets begin, all kept half-open; then all ACKs at once."""
    begun, port, deadline = [], 2000, time.monotonic() + seconds
    while time.monotonic() < deadline:
        begun += holder.begin(range(port, port + 5))
        port += 5
        for old in begun if repeat else ():
            holder.send(old)
        time.sleep(0.6)
    holder.hear()
    holder.finish(begun)
    return begun


@test
def repeated_syns():
    """handshakes kept half-open by repeated SYNs hold their slots: three get in under cap 3, and none is late"""
    with Headcount(imap()) as hc, listen("0.0.0.0", PORT), Holder(1, 66, PORT) as holder:
        begun = attack(hc, holder, 12, True)
        equal(len(begun), 3, "handshakes that began")
        until_equal(established, 3, "established")
        equal((active("imap", EVIL), ask("status")["losses"]["late"]), (3, 0), "active, and late")
        audit_is_clean()


@test
def waits():
    """handshakes that only wait hold theirs until the kernel gives them up, and no longer than ten seconds"""
    with Headcount(imap()) as hc, listen("0.0.0.0", PORT), Holder(1, 66, PORT) as holder:
        began, most = time.monotonic(), 0
        equal(holder.begin(range(1000, 1003)), [1000, 1001, 1002], "handshakes that begin")
        while half_open():
            equal(holder.begin([2000]), [], f"a fourth one after {time.monotonic() - began:.1f} s")
            time.sleep(0.2)
        equal(6 < time.monotonic() - began < 9, True, f"half-open for {time.monotonic() - began:.1f} s")
        until(lambda: holder.begin([2001]), "a new handshake to begin", 4)
        equal(ask("status")["losses"]["late"], 0, "late")


@test
def bounded():
    """a listener of a limited service sends its SYN-ACK twice more, be it older than headcount or not; others are left alone"""
    with listen("0.0.0.0", PORT) as older, listen("0.0.0.0", PORT + 1) as other, listen("0.0.0.0", PORT + 2) as strict:
        strict.setsockopt(socket.IPPROTO_TCP, SYNCNT, 1)
        with Headcount(service("imap", listen=f"{PORT}, {PORT + 2}, {PORT + 3}", cap=3)), listen("0.0.0.0", PORT + 3) as newer:
            counts = [s.getsockopt(socket.IPPROTO_TCP, SYNCNT) for s in (older, newer, strict, other)]
            equal(counts, [2, 2, 1, 6], "TCP_SYNCNT")


@test
def accepted_early():
    """a third packet that is a SYN as well is queued in SYN_RECV, and accepted so: with its ACK it is a session like others"""
    with Headcount(imap()), listen("0.0.0.0", PORT) as listener, Holder(1, 66, PORT) as holder:
        begun = holder.begin(range(1000, 1003))
        holder.finish(begun, b"hi", again=SYN)
        with inside("c1"):
            client = socket.create_connection((address(1), PORT), 10)  # for whom accept() wakes
        accepted = [listener.accept()[0] for _ in range(4)]
        equal((established(), half_open()), (0, 3), "established and in SYN_RECV, once accepted")
        holder.finish(begun)
        until_equal(established, 3, "established")
        until_equal(lambda: active("imap", EVIL), 3, "active")
        equal(holder.begin([2000]), [], "a fourth one")
        audit_is_clean()
        for s in *accepted, client:
            s.close()
        for port in begun:
            holder.send(port, RST, sequence=1001)
        until_equal(lambda: active("imap", EVIL), 0, "active in the end")
        equal(ask("status")["losses"]["late"], 0, "late")


def deferred(cap=3, **more):
    return Headcount(imap(cap, **more)), listen("0.0.0.0", PORT, options=[(socket.IPPROTO_TCP, DEFER_ACCEPT, 30)]), Holder(1, 66, PORT)


def come_late(holder):
    """Three that hold back behind TCP_DEFER_ACCEPT until their slots are forgotten, three more, and then data of all."""
    first = holder.begin(range(1000, 1003))
    holder.finish(first)  # the kernel waits for data now, and sends nothing more
    second = until(lambda: len(new := holder.begin(range(2000, 2003))) == 3 and new, "new handshakes to begin")
    for port in second:
        holder.send(port, ACK, sequence=1001, acknowledged=holder.answers[port][1] + 1 & 0xffffffff)
    holder.finish(second, b"hello!")
    until_equal(established, 3, "established")
    time.sleep(1.2)  # of the SYNs that were refused before a second has only so many told
    holder.finish(first, b"hello!")


def ends(holder, begun):
    """The ACK, and data."""
    for port in begun:
        holder.send(port, ACK, sequence=1001, acknowledged=holder.answers[port][1] + 1 & 0xffffffff)
    holder.finish(begun, b"hello!")


@test
def late_before_renewed():
    """who comes late comes first, while three more have had their slots renewed: three get in, under cap 3"""
    hc, listener, holder = deferred()
    with hc, listener, holder:
        first = holder.begin(range(1000, 1003))
        holder.finish(first)
        second = until(lambda: len(new := holder.begin(range(2000, 2003))) == 3 and new, "new handshakes to begin")
        time.sleep(3.4)  # the SYN-ACKs have gone out for the third time
        holder.finish(first, b"hello!")
        until_equal(established, 3, "established")
        ends(holder, second)
        until(lambda: all(holder.hear()[port][0] & RST for port in range(2000, 2003)), "the RSTs of the others")
        until_equal(established, 3, "established")
        audit_is_clean()


@test
def late_for_a_total():
    """the same of a total, whose reservations live for a second"""
    with Headcount(imap(9, total=3)), listen("0.0.0.0", PORT), Holder(1, 66, PORT) as holder:
        first = holder.begin(range(1000, 1003))
        second = until(lambda: len(new := holder.begin(range(2000, 2003))) == 3 and new, "new handshakes to begin")
        holder.finish(first)
        until_equal(established, 3, "established")
        holder.finish(second)
        until(lambda: all(holder.hear()[port][0] & RST for port in range(2000, 2003)), "the RSTs of the others")
        until_equal(established, 3, "established")
        audit_is_clean()


@test
def defer_accept():
    """behind TCP_DEFER_ACCEPT: who comes late and is over the cap is closed at once, told and counted as refused"""
    hc, listener, holder = deferred()
    with hc, listener, holder:
        come_late(holder)
        refused = [hc.wait_event(event__action="session-refused", source__ip=EVIL, source__port=port) for port in range(1000, 1003)]
        until_equal(established, 3, "established")
        equal([(e["headcount.late"], e["headcount.user"], e["headcount.cap"]) for e in refused], [(True, EVIL, 3)] * 3, "events")
        row = user("imap", EVIL)
        equal((row["active"], row["opened"], row["refused"] >= 3), (3, 3, True), f"{row}")
        equal([e for e in hc.events if e.get("source.ip") == EVIL and e.get("source.port") in range(1000, 1003) and e["event.action"] != "session-refused"], [], "other events")
        until(lambda: all(holder.hear()[port][0] & RST for port in range(1000, 1003)), "their RSTs")
        audit_is_clean()
    equal(len([e for e in hc.events if e["event.action"] == "session-closed" and e["headcount.user"] == EVIL]) <= 3, True, "closed events")


@test
def added_namespace():
    """so is who comes late in a network namespace that a reload has added, though run may not enter it any more; one that it drops is let go"""
    hc, listener, holder = Headcount(section("headcount", netns="c1") + imap()), listen("0.0.0.0", PORT, options=[(socket.IPPROTO_TCP, DEFER_ACCEPT, 30)]), Holder(1, 66, PORT)
    with hc, listener, holder:
        run("ip", "netns", "add", "brief")
        files = os.listdir(f"/proc/{hc.process.pid}/fd")
        for netns in "c1, brief", "c1":
            hc.reload(section("headcount", netns=netns) + imap())
        run("ip", "netns", "del", "brief")
        equal(len(os.listdir(f"/proc/{hc.process.pid}/fd")), len(files), "open files afterwards")
        hc.reload(section("headcount", netns="c1, /proc/self/ns/net") + imap())
        come_late(holder)
        until_equal(established, 3, "established")
        equal(active("imap", EVIL), 3, "active")
        audit_is_clean()


@test
def first_namespace():
    """so is who comes late where a reload is the first to name a namespace: the start had no netns at all"""
    with open("/run/netns/here", "w"):
        run("mount", "--bind", "/proc/self/ns/net", "/run/netns/here")
    with inside("c1"):
        hc = Headcount(imap())
    with hc, listen("0.0.0.0", PORT, options=[(socket.IPPROTO_TCP, DEFER_ACCEPT, 30)]), Holder(1, 66, PORT) as holder:
        hc.reload(section("headcount", netns="here") + imap())
        come_late(holder)
        until_equal(established, 3, "established")
        equal(active("imap", EVIL), 3, "active")
        audit_is_clean()
    run("ip", "netns", "del", "here")


@test
def quiet():
    """a service that emits no refusals has the late ones closed all the same; one that observes has none"""
    hc, listener, holder = deferred(emit="opened, closed")
    with hc, listener, holder:
        come_late(holder)
        until_equal(established, 3, "established")
        equal([e for e in hc.events if e["event.action"] == "session-refused" and e["source.ip"] == EVIL], [], "refusals told")
    hc, listener, holder = deferred(excess="observe")
    with hc, listener, holder:
        come_late(holder)
        until_equal(established, 6, "established")
        equal(active("imap", EVIL), 6, "active")


@test
def nobody_there():
    """who came late while no daemon was there is closed by the next one"""
    hc, listener, holder = Headcount(imap(), "--pin"), listen("0.0.0.0", PORT, options=[(socket.IPPROTO_TCP, DEFER_ACCEPT, 30)]), Holder(1, 66, PORT)
    with listener, holder:
        with hc:
            hc.end(signal.SIGKILL)
            come_late(holder)
            until_equal(established, 6, "established")
            audit_is_clean()
        with Headcount(imap(), "--pin") as hc:
            until_equal(established, 3, "established")
            equal(active("imap", EVIL), 3, "active")
            audit_is_clean()
    equal(headcount("detach")[0], 0, "exit code of detach")


@test
def total():
    """SYNs forged in everybody's name keep a total full for a second"""
    run("ip", "route", "add", f"{NET}128.0/17", "via", address(1, 2))
    with Headcount(imap(cap=100, total=20)) as hc, Server("0.0.0.0", PORT) as server, Holder(1, 66, PORT) as holder:
        for i in range(200):
            holder.out.sendto(packet(f"{NET}{128 + i % 100}.{i // 100 + 1}", 1024 + i, holder.to, PORT), (holder.to, 0))
        equal(sum(r["refused"] for r in ask("users", "--service", "imap")) >= 150, True, "refused of the flood")
        time.sleep(1.2)
        with Clients(address(1), PORT, 1, 20, sources=[address(1, 2)], namespace="c1") as clients:
            equal(clients.go(), {"ok": 20}, "honest clients")
            equal(half_open() == 0 and len(run("ss", "-tnH", "state", "syn-recv", "sport", "=", str(PORT)).splitlines()) > 10, True, "still half-open")
        server.hang_up()
    run("ip", "route", "del", f"{NET}128.0/17")


@test
def late_over_total():
    """who comes late and is over the total is closed, too"""
    hc, listener, holder = deferred(cap=100, total=3)
    with hc, listener, holder:
        come_late(holder)
        refused = hc.wait_event(event__action="session-refused", source__ip=EVIL, source__port=1000)
        equal(refused["headcount.scope"], "total", "scope")
        until_equal(established, 3, "established")
        audit_is_clean()


main()
