#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: its strangers among the sockops programs make every other headcount attach on_state
"""on_state, which looks at every state change of every socket, is attached only while sockets may not call back; and
what it saw is seen without it: a SYN that Fast Open puts off, an end whose callback a stranger has taken."""
from bpf import *
from clients import *

C1 = client_host(1)
PORT, ALICE, FASTOPEN_CONNECT = 7143, address(1, 2), 30
CONFIG = service("imap", listen=PORT, user="client/32/64", cap=50) + service("outbound", user="uid", override=f"{UID} 3")
PINS = "/sys/fs/bpf/headcount"


def needed():
    status = ask("status")
    state = status["on_state"]
    equal(state["attached"], "on_state" in [row["program"] for row in status["attached"]], "on_state is attached")
    equal(state["why"].split(":")[0], "needed" if state["attached"] else "not needed", "why")
    return state["attached"]


def strangers():
    return [p for p in json.loads(run("bpftool", "-j", "prog", "show")) if p["type"] == "sock_ops" and p.get("name") != "on_milestone"]


@contextlib.contextmanager
def calm(*options):
    """Headcount without on_state: no other sockops program is on the machine."""
    lacking = [row["feature"] for row in json.loads(headcount("status", "--json")[1])["features"] if not row["found"]]
    if {"TCP_BPF_SOCK_OPS_CB_FLAGS", "iter/bpf_prog"} & set(lacking):
        raise Skip(f"the kernel has no {lacking}: on_state is needed")
    for _ in range(20):
        until(lambda: not strangers(), "other sockops programs to go", 30)
        with Headcount(CONFIG, *options) as hc:
            if not needed():
                yield hc
                return
    raise AssertionError("there is always another sockops program")


def take_callbacks():
    """Another sockops program takes every socket's callbacks away."""
    with open("/proc/self/mounts") as mounts:
        root = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
    return Stranger(SOCK_OPS, 1, call=CB_FLAGS_SET).attach(root)


def come_in():
    with inside(C1):
        s = new_socket()
    s.bind((ALICE, 0))
    s.connect((address(1), PORT))
    s.recv(1)
    return s


@test
def put_off():
    """a SYN that Fast Open puts off holds a slot from connect() on, until its socket is closed, or as any other once it is sent"""
    def put_off_many(channel):
        held = []

        def connect(count):
            for _ in range(count):
                held.append(new_socket())
                held[-1].setsockopt(socket.IPPROTO_TCP, FASTOPEN_CONNECT, 1)
                yield held[-1].connect_ex((ALICE, PORT))
        answer(channel, list(connect(3)))
        channel.recv(9)
        answer(channel, list(connect(2)))
        channel.recv(9)
        held[0].close()
        held[1].send(b"x")
        held[1].recv(1)
        answer(channel, "sent")
        channel.recv(9)
    sysctl("net.ipv4.tcp_fastopen", 0x607, None, C1)
    with calm(), Server("0.0.0.0", PORT, C1):
        with new_socket() as s:  # for the cookie, which is asked for with the first SYN
            s.sendto(b"x", socket.MSG_FASTOPEN, (ALICE, PORT))
            s.recv(1)
        with Child(put_off_many, uid=UID) as child:
            equal(child.hear(), [0, 0, 0], "outcomes of connect()")
            time.sleep(5)  # longer than a reservation lives
            child.tell()
            equal(child.hear(), [errno.ECONNREFUSED] * 2, "outcomes of more")
            sent = [s for s in ss(None) if s.peer_port == PORT]
            equal([s.state for s in sent if s.state == "SYN-SENT"], ["SYN-SENT"] * 3, "states")
            equal((active("outbound", UID), headcount("audit")[0]), (3, 0), "active, audit")
            child.tell()
            child.hear()
            equal(active("outbound", UID), 2, "active when one is closed and one is sent")
            equal(sorted(row["state"] for row in our_sessions() if row["user"] == str(UID)), ["ESTAB", "SYN-SENT"], "sessions")
        until_equal(lambda: active("outbound", UID), 0, "active when the process has ended")
        equal((needed(), headcount("audit")[0]), (False, 0), "on_state, audit")


@test
def stranger_comes():
    """when another sockops program comes on_state is attached, and the end is seen though the process holds the socket"""
    with Server("0.0.0.0", PORT) as server, calm(), take_callbacks():
        until(needed, "on_state")
        s = come_in()
        equal(active("imap", ALICE), 1, "active")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        until_equal(lambda: active("imap", ALICE), 0, "active, before the server closes its socket")
        equal(len(server.connections), 1, "sockets of the server")


@test
def stranger_alone():
    """while no daemon can see a stranger, ends are seen when the sockets go; the next one attaches on_state, and it stays"""
    with Server("0.0.0.0", PORT) as server:
        with calm("--pin") as hc:
            hc.end(signal.SIGKILL)
            with take_callbacks():
                held = [come_in() for _ in range(6)]
                equal((needed(), active("imap", ALICE)), (False, 6), "on_state, active")
                for number, s in enumerate(held):
                    if number % 2:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.close()
                server.close_dead(6)
                until_equal(lambda: (active("imap", ALICE), our_sessions()), (0, []), "active, sessions")
                with Headcount(CONFIG, "--pin") as hc:
                    equal((any("adopted" in line for line in hc.said), needed()), (True, True), "adopted, on_state")
        equal((needed(), os.path.exists(PINS + "/link_on_state")), (True, True), "on_state when the stranger has gone")
        headcount("detach")


main()
