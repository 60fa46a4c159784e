#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""directions =: what is not counted costs no program, and every command leaves it out."""
from clients import *

C1 = client_host(1)
PORT, ALICE = 7143, address(1, 2)
INBOUND = section("headcount", directions="inbound") + service("imap", listen=PORT, user="client/32/64", cap=5)
OUTBOUND = section("headcount", directions="outbound") + service("outbound", user="uid", override=f"{UID} 5")
PINS = "/sys/fs/bpf/headcount"


def attached():
    """Without what depends on the kernel and on other programs (tests/net/on_state.t)."""
    return sorted({row["program"] for row in ask("status")["attached"]} - {"on_state", "on_destroyed"})


@test
def costs_nothing():
    """inbound: nothing is at connect(), nor where a socket is closed"""
    # That sockets which connect are not asked for their state changes: tests/bpf/test_directions.c.
    with Headcount(INBOUND):
        equal(attached(), ["on_arrival", "on_milestone", "on_resent"], "attached")
    with Headcount(service("imap", listen=PORT)):
        equal(attached(), ["on_arrival", "on_connect4", "on_connect6", "on_milestone", "on_resent"], "when both are counted")


@test
def inbound_only():
    """inbound: caps hold, counts equal ss, and of what was there before only what came in is counted"""
    with Server("0.0.0.0", PORT) as server, Server("0.0.0.0", PORT, C1) as theirs, \
            Clients(address(1), PORT, 1, 2, sources=[ALICE], namespace=C1) as before:
        equal(before.go(), {"ok": 2}, "outcomes before")
        with plain_connect(ALICE, PORT) as older, Headcount(INBOUND) as hc, plain_connect(ALICE, PORT) as s:
            older.recv(1), s.recv(1)
            with Clients(address(1), PORT, 1, 8, sources=[ALICE], namespace=C1) as clients:
                equal(clients.go(), {"ok": 3, "ECONNREFUSED": 5}, "outcomes")
                came_in = {s.id for s in ss(None) if s.port == PORT} | {s.id for s in ss(C1) if s.port == PORT}
                equal({session_id(row) for row in our_sessions()}, came_in, "sessions, and those that came in by ss")
                equal((active("imap", ALICE), {row["direction"] for row in our_sessions()}), (5, {"inbound"}), "active, directions")
                equal([row for row in ask("users") if row["service"] == "outbound"], [], "users of outbound")
                equal(headcount("audit")[:1], (0,), "audit")
            server.close_dead(3)
            until_equal(lambda: active("imap", ALICE), 2, "active")
            status, policy = ask("status"), ask("policy")
            equal((status["directions"], policy["directions"]), (["inbound"], ["inbound"]), "directions in status and policy")
            equal([row["service"] for row in policy["services"]], ["inbound", "imap"], "services")
            equal('service="outbound"' in headcount("metrics")[1], False, "outbound in the metrics")
            for command in ["users", "-s", "outbound"], ["sessions", "-s", "outbound"], ["cap", "outbound", str(UID), "3"]:
                equal(headcount(*command)[::2], (1, "headcount: no service outbound is in force\n"), str(command))
            s.close()
            hc.end()
            equal({event["network.direction"] for event in hc.events if NET in str(event.get("source.ip"))}, {"ingress"}, "events")


@test
def beside_a_listener():
    """inbound: who connects from a listener's port is not taken for a session that came in"""
    with Server("0.0.0.0", PORT, C1), Headcount(INBOUND), new_socket() as ours, new_socket() as s:
        for end in ours, s:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            end.bind((address(1), PORT))
        ours.listen()
        s.connect((ALICE, PORT))
        s.recv(1)
        code, out, _ = headcount("audit", "--repair", "--json")
        equal((code, json.loads(out)["missing"]), (0, 0), "audit")
        equal([row["remote"] for row in our_sessions() if row["local"] == f"{address(1)}:{PORT}"], [], "sessions")


@test
def outbound_only():
    """outbound: caps hold, what comes in is not counted, and no packet is looked at"""
    with Server("0.0.0.0", PORT) as server, Server("0.0.0.0", PORT, C1), Headcount(OUTBOUND):
        equal(attached(), ["on_connect4", "on_connect6", "on_milestone"], "attached")
        with Clients(ALICE, PORT, 1, 8, uid=UID) as clients, \
                Clients(address(1), PORT, 1, 7, sources=[ALICE], namespace=C1) as others:
            equal(clients.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes")
            equal(others.go(), {"ok": 7}, "outcomes of those who come in")
            equal({session_id(row) for row in our_sessions()},
                  {s.id for namespace in (None, C1) for s in ss(namespace) if s.peer_port == PORT}, "sessions, and ss's that connected")
            equal((headcount("audit")[0], ask("status")["directions"]), (0, ["outbound"]), "audit, directions")
            equal([row["service"] for row in ask("policy")["services"]], ["outbound"], "services")
        until_equal(lambda: our_sessions(), [], "sessions")


@test
def orphans():
    """inbound, orphans = ignore: sock_release is attached while a service asks for it, and gives the slot back"""
    ignoring = INBOUND + "orphans = ignore\n"
    with Server("0.0.0.0", PORT) as server:
        for first, options in (INBOUND, ["--pin"]), (INBOUND, []), (ignoring, []):
            with Headcount(first, *options) as hc:
                equal("on_release" in attached(), first == ignoring, "on_release at the start")
                hc.reload(ignoring)
                equal("on_release" in attached(), True, "on_release after a reload")
                with inside(C1):
                    s = new_socket()
                s.bind((ALICE, 0))
                s.connect((address(1), PORT))
                s.recv(1)
                until_equal(lambda: active("imap", ALICE), 1, "active")
                server.hang_up()  # the client does not: ours waits in FIN_WAIT2
                until_equal(lambda: active("imap", ALICE), 0, "active")
                s.close()
                hc.reload(INBOUND)
                equal(attached(), ["on_arrival", "on_milestone", "on_resent"], "attached in the end")
            if options:
                equal(os.path.exists(PINS + "/link_on_release"), False, "the pin of on_release")
            headcount("detach")


@test
def changes():
    """a reload with other directions is refused; the next run --pin counts anew"""
    with Server("0.0.0.0", PORT), Server("0.0.0.0", PORT, C1), plain_connect(ALICE, PORT) as s:
        s.recv(1)
        with Headcount(INBOUND, "--pin") as hc:
            hc.reload(OUTBOUND, says="headcount: directions cannot change while running: restart headcount")
            equal(ask("policy")["directions"], ["inbound"], "directions after it")
        with Headcount(INBOUND, "--pin") as hc:
            equal(any("adopted" in line for line in hc.said), True, f"adopted: {hc.said}")
        with Headcount(OUTBOUND, "--pin") as hc:
            equal(any("counting anew" in line for line in hc.said), True, f"rebuilt: {hc.said}")
            equal([row["remote"] for row in our_sessions() if row["direction"] == "outbound"], [f"{ALICE}:{PORT}"], "sessions")
            equal(attached(), ["on_connect4", "on_connect6", "on_milestone"], "attached")
    headcount("detach")


@test
def traces():
    """trace --inbound and --outbound tell of one direction, and introduce themselves so"""
    with Server("0.0.0.0", PORT) as server:
        for options, word, want in (["--inbound"], " inbound", {"in"}), (["--outbound"], " outbound", {"out"}), \
                (["--inbound", "--outbound"], "", {"in", "out"}):
            with open("/run/trace", "w+") as out:
                process = start(PROGRAM, "trace", *options, stdout=out)
                line = process.stderr.readline().decode()
                equal(line.startswith(f"headcount: watching TCP{word}, "), True, line)
                with plain_connect(address(1), PORT) as s:
                    s.recv(1)
                server.close_dead(1)

                def told():
                    out.seek(0)
                    return {line.split()[2] for line in out if " close " in line and f"{address(1)}:{PORT}" in line}
                until_equal(told, want, f"directions of {options}")
                process.terminate()
                equal(process.wait(30 * SLOW), 0, "exit code")


@test
def checked():
    """run --check says what is not counted, and leaves its service out"""
    for config, out, kept in (INBOUND, "outbound", "inbound"), (OUTBOUND, "inbound", "outbound"):
        with open("/run/check.conf", "w") as file:
            file.write(config)
        text = run(PROGRAM, "run", "--check", "-c", "/run/check.conf")
        equal((f"\n{out} sessions are not counted\n" in text, re.findall(f"^({out}|{kept}) +- ", text, re.M)), (True, [kept]), text)


main()
