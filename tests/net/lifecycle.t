#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Never leaked: sessions that end in the ways of every day, and then the counts equal ss's."""
from endings import *


@ending(1000)
def client_closes_first():
    c, s = pair()
    c.close()
    equal(s.recv(1), b"", "end of file")
    s.close()


@ending(500)
def server_closes_first():
    c, s = pair(family=socket.AF_INET6)
    s.close()
    equal(c.recv(1), b"", "end of file")
    c.close()


@ending(500)
def both_close_at_once():
    c, s = pair()
    c.shutdown(socket.SHUT_WR)
    s.shutdown(socket.SHUT_WR)
    c.close()
    s.close()


@ending(500)
def client_aborts():
    c, s = pair()
    abort(c)
    s.close()


@ending(500)
def server_aborts():
    c, s = pair(family=socket.AF_INET6)
    abort(s)
    c.close()


@ending(250)
def closed_with_unread_data():
    c, s = pair()
    c.send(b"never read")
    s.close()
    c.close()


@ending(250)
def half_closed():
    c, s = pair()
    c.shutdown(socket.SHUT_WR)
    equal(s.recv(1), b"", "end of file")
    s.send(b"late")
    equal(c.recv(4), b"late", "data after the FIN")
    s.close()
    c.close()


@ending(500)
def refused_by_the_peer():
    with client() as c:
        equal(c.connect_ex((HERE, CLOSED_PORT)), errno.ECONNREFUSED, "connect")


@ending(250)
def unroutable():
    with client() as c:
        equal(c.connect_ex((NOWHERE, PORT)), errno.ENETUNREACH, "connect")


@ending(20)
def no_free_port():
    """Two sockets on one port cannot connect to one place."""
    first, second = client(), client()
    for s in first, second:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind((THERE, 5999))
    first.connect((HERE, PORT))
    equal(second.connect_ex((HERE, PORT)), errno.EADDRNOTAVAIL, "the second connect")
    second.close()
    abort(first)
    accept().close()


@ending(250)
def abandoned_while_connecting():
    connecting(SILENT).close()


@ending(250)
def abandoned_after_the_syn():
    abort(connecting())


@ending(1)
def timed_out():
    """Nobody answers; the kernel gives up (all at once: this takes seconds)."""
    waiting = [connecting(SILENT) for _ in range(50)]
    for s in waiting:
        s.setsockopt(socket.IPPROTO_TCP, SYNCNT, 1)
    for s in waiting:
        writable(s, 20)
        equal(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), errno.ETIMEDOUT, "the connect")
        s.close()


@ending(250)
def disconnected_and_connected_again():
    c, s = pair()
    disconnect(c)
    s.close()
    c.connect((HERE, PORT))
    s = accept()
    c.close()
    s.close()


@ending(20)
def disconnected_while_connecting():
    c = connecting(SILENT)
    disconnect(c)
    disconnect(c)
    c.close()


@ending(20)
def connected_to_itself():
    """One socket that is both ends (TCP's simultaneous open)."""
    c = client()
    c.bind((THERE, 0))
    c.connect(c.getsockname())
    c.close()


main_of_endings()
