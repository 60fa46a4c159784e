#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Never leaked: sessions that end by kills, overflows, odd protocols and vanishing namespaces."""
import uring
from endings import *


def hold_many(channel, count):
    held = []
    for _ in range(count):
        held.append(plain_connect(HERE, PORT))
    answer(channel, "held")
    channel.recv(1)


@ending(2)
def client_killed():
    with Child(hold_many, 30, namespace=C1, uid=UID) as child:
        child.hear()
        accepted = [accept() for _ in range(30)]
        compare("sessions of a child")
        child.end(signal.SIGKILL)
    for s in accepted:
        s.close()


def serve_many(channel, count):
    other = listen("0.0.0.0", OTHER_PORT)
    answer(channel, "listening")
    accepted = [other.accept() for _ in range(count)]
    answer(channel, "held")
    channel.recv(len(accepted))


@ending(2)
def server_killed():
    with Child(serve_many, 30, uid=UID) as child:
        child.hear()
        clients = []
        for _ in range(30):
            clients.append(client())
            clients[-1].connect((HERE, OTHER_PORT))
        child.hear()
        child.end(signal.SIGKILL)
    for c in clients:
        c.close()


@ending(5)
def listener_closed_with_children_queued():
    other = listen(HERE, OTHER_PORT)
    clients = [client() for _ in range(20)]
    for c in clients:
        c.connect((HERE, OTHER_PORT))
    other.close()
    for c in clients:
        c.close()


@ending(3)
def accept_queue_overflows():
    other = listen(HERE, OTHER_PORT, backlog=4)
    clients = [connecting(port=OTHER_PORT) for _ in range(30)]
    writable(clients[0], 1)
    compare("an accept queue that overflows")
    for number, c in enumerate(clients):
        (abort if number % 2 else socket.socket.close)(c)
    other.close()


@ending(250)
def deferred_accept():
    other = listen(HERE, OTHER_PORT, options=[(socket.IPPROTO_TCP, DEFER_ACCEPT, 5)])
    c = client()
    c.connect((HERE, OTHER_PORT))
    c.close()
    other.close()


@ending(500)
def syn_cookies():
    sysctl("net.ipv4.tcp_syncookies", 2)
    c, s = pair()
    c.close()
    s.close()
    sysctl("net.ipv4.tcp_syncookies", 1)


def open_fast(where=None):
    """Data in the SYN, with no cookie asked for."""
    where = where or HERE
    other = listen(where, OTHER_PORT, options=[(socket.IPPROTO_TCP, FASTOPEN, 100)])
    c = client(family_of(where))
    equal(c.sendto(b"early", socket.MSG_FASTOPEN, (where, OTHER_PORT)), 5, "bytes in the SYN")
    return other, c


@ending(250)
def fast_open_ends():
    other, c = open_fast()
    s = other.accept()[0]
    equal(s.recv(9), b"early", "data of the SYN")
    for end in c, s, other:
        end.close()


@ending(250)
def fast_open_aborts():
    other, c = open_fast(HERE6)
    abort(c)
    other.close()


@ending(250)
def mptcp():
    try:
        c = client(protocol=MPTCP)
    except OSError as error:
        raise Skip(f"MPTCP: {error}")
    other = listen(HERE, OTHER_PORT, protocol=MPTCP)
    c.connect((HERE, OTHER_PORT))
    s = other.accept()[0]
    c.send(b"x")
    s.recv(1)
    for end in c, s, other:
        end.close()


@ending(1)
def io_uring():
    ring = uring.Ring()
    for where, port, want in ((HERE, PORT, 0), (HERE, CLOSED_PORT, -errno.ECONNREFUSED)) * 25:
        with client() as c:
            equal(ring.connect(c, where, port), want, "the completion")
    ring.close()


@ending(20)
def shared_by_a_fork():
    c, s = pair()
    with Child(lambda channel: channel.recv(1), keep=(c.fileno(), s.fileno())):
        c.close()
        s.close()
        compare("sessions that only a child holds")


@ending(1)
def killed_by_ss():
    pairs = [pair() for _ in range(20)]
    run("ss", "-K", "-t", "sport", "=", str(PORT))
    if any(s.port == PORT for s in ss()):
        raise Skip("ss -K: the kernel has no CONFIG_INET_DIAG_DESTROY")
    for c, s in pairs:
        c.close()
        s.close()


def hold_there(channel):
    held = [plain_connect(address(9), PORT) for _ in range(20)]
    answer(channel, len(held))
    channel.recv(1)


@ending(1)
def namespace_deleted():
    client_host(9)
    sysctl("net.ipv4.tcp_orphan_retries", 1, "c9")
    with Child(hold_there, namespace="c9", uid=UID) as child:
        child.hear()
        accepted = [accept() for _ in range(20)]
        run("ip", "netns", "del", "c9")
        child.end()
    until(lambda: "v9@" not in run("ip", "link"), "the namespace to vanish")
    compare("sessions whose client's namespace is gone")
    for s in accepted:
        s.close()


@ending(1)
def peer_vanished():
    """The peer goes silent and the user timeout ends the session."""
    client_host(8)
    c = client(namespace="c8")
    c.connect((address(8), PORT))
    s = accept()
    s.setsockopt(socket.IPPROTO_TCP, USER_TIMEOUT, 300)
    run("ip", "link", "set", "v8", "down")
    s.send(b"anybody?")
    readable(s, 20)
    s.close()
    run("ip", "link", "del", "v8")
    run("ip", "netns", "del", "c8")
    abort(c)


main_of_endings()
