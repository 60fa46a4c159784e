#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Sessions and listeners that are older than headcount are counted from the first second."""
from bpf import detach
from clients import *

client_host(1)
PORT = 7143
ALICE, BOB, ALICE6 = address(1, 2), address(1, 3), address(1, 2, 6)
CONFIG = service("imap", listen=PORT, user="client/32/64", cap=5) \
    + service("outbound", user="uid", override=f"{UID} 12")


def crowd(source=ALICE, count=4, where=address(1)):
    return Clients(where, PORT, 1, count, sources=[source], namespace="c1", uid=UID)


@test
def sessions_before():
    """sessions from before are charged, capped, listed with both ends, and released once"""
    with Server("::", PORT) as server, crowd() as clients, crowd(ALICE6, 3, address(1, 1, 6)) as clients6:
        equal((clients.go(), clients6.go()), ({"ok": 4}, {"ok": 3}), "outcomes before headcount")
        with Headcount(CONFIG) as hc:
            equal((active("imap", ALICE), active("imap", f"{NET6}1::/64"), active("outbound", UID)), (4, 3, 7),
                  "active at once")
            equal(sorted(map(session_id, our_sessions())), sorted(s.id for s in ss(None, "c1")), "sessions")
            with crowd() as more:
                equal(more.go(), {"ok": 1, "ECONNREFUSED": 3}, "outcomes under headcount")
            clients.close()
            clients6.close()
            server.hang_up()
            until_equal(lambda: (active("imap", ALICE), active("outbound", UID), our_sessions()), (0, 0, []),
                        "active and sessions at the end")
            closed = [e for e in hc.events if e["event.action"] == "session-closed" and e["rule.name"] == "imap"]
            until_equal(lambda: len([e for e in hc.events if e["event.action"] == "session-closed"
                                     and e.get("rule.name") == "imap"]), 8, f"closed events ({len(closed)})")
            equal(headcount("audit")[0], 0, "exit code of audit")


@test
def half_closed_before():
    """a session from before that is half-closed has no time of that, one that is half-closed later has"""
    with listen("0.0.0.0", PORT) as listener, \
            plain_connect(address(1), PORT) as before, listener.accept()[0], plain_connect(address(1), PORT) as later, listener.accept()[0]:
        before.shutdown(socket.SHUT_WR)
        until_equal(lambda: sorted(s.state for s in ss(None) if s.state != "LISTEN"), ["CLOSE-WAIT", "ESTAB", "ESTAB", "FIN-WAIT-2"], "states")
        with Headcount(CONFIG):
            equal({r["state"]: r["half_closed_ms"] for r in our_sessions()}, {"ESTAB": None, "CLOSE-WAIT": None, "FIN-WAIT-2": None}, "half-closed before")
            later.shutdown(socket.SHUT_WR)
            until_equal(lambda: sorted((r["state"], r["half_closed_ms"] is not None) for r in our_sessions()),
                        [(state, known) for state in ("CLOSE-WAIT", "FIN-WAIT-2") for known in (False, True)], "later")


@test
def fast_open_before():
    """a Fast Open session from before, of which the client's ACK is still to come, is counted"""
    sysctl("net.ipv4.tcp_fastopen", 0x607, None, "c1")  # without a cookie, on every listener
    rule = "INPUT", "-p", "tcp", "--dport", str(PORT), "--tcp-flags", "SYN,ACK", "ACK", "-j", "DROP"
    run("iptables", "-I", *rule)
    with listen("0.0.0.0", PORT) as listener, new_socket(namespace="c1") as client:
        client.bind((ALICE, 0))
        client.sendto(b"hello", socket.MSG_FASTOPEN, (address(1), PORT))
        with listener.accept()[0] as server:
            equal(server.recv(5), b"hello", "what came with the SYN")
            equal("SYN-RECV" in run("ss", "-tanH"), True, "state")
            with Headcount(CONFIG):
                equal(active("imap", ALICE), 1, "active at once")
                run("iptables", "-D", *rule)
                server.send(b"x")
                equal(client.recv(1), b"x", "what the client gets")
                until_equal(lambda: "SYN-RECV" in run("ss", "-tanH"), False, "state")
                equal((active("imap", ALICE), headcount("audit")[0]), (1, 0), "active, audit")
                client.close()
                server.close()
                until_equal(lambda: (active("imap", ALICE), our_sessions()), (0, []), "active and sessions at the end")


@test
def queued_before():
    """sessions from before that nobody has accepted end with their listener, though nobody tells of it: a walk that charges them may come too late"""
    with listen("0.0.0.0", PORT) as listener, new_socket(namespace="c1") as client:
        client.bind((ALICE, 0))
        client.connect((address(1), PORT))
        with Headcount(CONFIG, "--pin"):
            equal(active("imap", ALICE), 1, "active at once")
            detach("/sys/fs/bpf/headcount/link_on_milestone")
            listener.close()
            until_equal(lambda: active("imap", ALICE), 0, "active without the listener")
            equal([row for row in our_sessions() if row["service"] == "imap"], [], "sessions")
    equal(headcount("detach")[0], 0, "exit code of detach")


@test
def listener_before():
    """a listener from before gives sessions its process; a later one too"""
    with Server("0.0.0.0", PORT, uid=None):
        with Headcount(CONFIG), Server("0.0.0.0", PORT + 1), crowd() as clients, \
                Clients(address(1), PORT + 1, namespace="c1") as later:
            equal((clients.go(), later.go()), ({"ok": 4}, {"ok": 1}), "outcomes")
            rows = [r for r in our_sessions() if r["direction"] == "inbound"]
            with open("/proc/self/comm") as file:
                comm = file.read().strip()
            equal([(r["pid"], r["process"]) for r in rows], [(host_pid(os.getpid()), comm)] * 5, "pid and process")


@test
def listener_elsewhere_before():
    """a listener from before in another namespace, and its process there"""
    def serve(channel):
        call("prctl", PR_SET_NAME, b"elsewhere")
        listener = listen("0.0.0.0", PORT)
        answer(channel, "listening")
        held = [listener.accept()[0] for _ in range(2)]
        for s in held:
            s.send(b"+")
        channel.recv(1)
    with Child(serve, namespace="c1") as child:
        child.hear()
        with Headcount(CONFIG), Clients(ALICE, PORT, 1, 2) as clients:
            equal(clients.go(), {"ok": 2}, "outcomes")
            rows = [r for r in our_sessions() if r["direction"] == "inbound"]
            equal([(r["pid"], r["process"]) for r in rows], [(host_pid(child.pid), "elsewhere")] * 2, "pid and process")


@test
def owner_before():
    """user = uid and cgroup from before: the listener's"""
    with cgroup("old") as (path, directory), Server("0.0.0.0", PORT, uid=UID + 1, cgroup=directory) as server, \
            crowd() as clients:
        equal(clients.go(), {"ok": 4}, "outcomes")
        for kind, name in (("uid", UID + 1), ("cgroup", path)):
            with Headcount(service("web", listen=PORT, user=kind, cap=5)):
                equal(active("web", name), 4, f"active of {name}")
                with crowd(BOB) as more:
                    equal(more.go(), {"ok": 1, "ECONNREFUSED": 3}, f"outcomes by {kind}")
                server.close_dead(1)


def come_and_go(channel):
    """Sessions without a pause, with nobody but this process, until told to stop."""
    listener = listen("0.0.0.0", PORT)
    answer(channel, "listening")
    while not readable(channel, 0):
        with plain_connect(address(1), PORT) as s, listener.accept()[0]:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@test
def accepted_before_the_gates():
    """sessions that are accepted before the gates are attached are not late"""
    with Child(come_and_go) as child:
        equal(child.hear(), "listening", "the child")
        for _ in range(2):
            with Headcount(service("web", listen=PORT, user="client/32/64", cap=1000)):
                until(lambda: user("web", address(1), "opened") > 100, "sessions")
                equal(ask("status")["losses"]["late"], 0, "late")
        child.tell()


@test
def shown():
    """sessions shows state, bytes, idle time and RTT as the kernel has them"""
    with Headcount(CONFIG), Server("0.0.0.0", PORT), crowd(count=1) as clients:
        equal(clients.go(), {"ok": 1}, "outcomes")
        rows = {r["direction"]: r for r in our_sessions()}
        keys = "id service user direction local remote state opened idle_ms rx_bytes tx_bytes srtt_us pid process " \
            "heard_ms send_queue unanswered orphan half_closed_ms holder_pid holder holders stale keepalive_ms user_timeout_ms"
        for row in rows.values():
            equal(list(row), keys.split(), "keys of a session")
            equal(row["state"], "ESTAB", "state")
        equal((rows["outbound"]["rx_bytes"], rows["inbound"]["tx_bytes"]), (1, 1), "the greeting's byte")
        equal((rows["inbound"]["remote"], rows["outbound"]["local"]), (rows["outbound"]["local"],) * 2, "addresses")
        equal(list(ask("users")[0]), "service user active cap peak opened refused excess idle_s".split(), "keys of a user")
        equal(len(ask("sessions", "--service", "imap", "--user", ALICE)), 1, "sessions of one user")
        for words in (["users"], ["sessions"], ["status"], ["audit"]):
            code, out, err = headcount(*words)
            equal((code, err), (0, ""), f"headcount {words}")
            equal(ALICE in out or words[0] in ("status", "audit"), True, f"{ALICE} in {out!r}")


main()
