#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""What the metrics say, against what happened: sessions, ends, refusals, durations, losses."""
from bpf import ENABLE_STATS, bpf
from prometheus import *

client_host(1)
PORT, HTTP = 7143, "127.0.0.1:9435"
ALICE, BOB = address(1, 2), address(1, 3)
IMAP = service("imap", listen=PORT, user="client/32/64", cap=3, total=4)
BOUNDS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 21600, 86400, float("inf")]
PATH = "unix:/run/metrics.sock"


def crowd(source=ALICE, count=5):
    return Clients(address(1), PORT, 1, count, sources=[source], namespace="c1")


def ended(hc, service="imap"):
    return [e for e in list(hc.events) if e["event.action"] == "session-closed" and e["rule.name"] == service]


def reset_by_peer():
    """A session that its client ends with a RST."""
    s = new_socket(namespace="c1")
    s.bind((BOB, 0))
    s.connect((address(1), PORT))
    equal(s.recv(1), b"+", "greeting")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


@test
def scenario():
    """sessions, users, caps, refusals by scope, ends by reason, and durations as the events have them"""
    with Headcount(metrics_at(HTTP, IMAP)) as hc, Server("0.0.0.0", PORT) as server:
        with crowd() as alice, crowd(BOB, 3) as bob:
            equal(alice.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes of one")
            equal(bob.go(), {"ok": 1, "ECONNREFUSED": 2}, "outcomes of the other, one below the total")
            want = {("headcount_sessions", "inbound"): 4, "headcount_users": 2, "headcount_session_cap": 3,
                    "headcount_service_cap": 4, "headcount_sessions_opened_total": 4,
                    ("headcount_sessions_refused_total", "user", "reject"): 2,
                    ("headcount_sessions_refused_total", "total", "reject"): 2}
            for metrics in page(HTTP), printed():
                equal(some(metrics, "imap"), want, "metrics of the service")
                equal(("headcount_session_cap", "inbound") in metrics, False, "a cap of a service without")
            alice.close()
            server.close_dead(3)
            bob.close()
            server.close_dead(1)
        until_equal(lambda: active("imap", ALICE) + active("imap", BOB), 0, "active")
        reset_by_peer()
        until(lambda: len(ended(hc)) == 5, "five events of an end")
        metrics = page(HTTP)
        want = {"headcount_session_cap": 3, "headcount_service_cap": 4, "headcount_sessions_opened_total": 5,
                ("headcount_sessions_closed_total", "finished"): 4, ("headcount_sessions_closed_total", "reset"): 1,
                ("headcount_sessions_refused_total", "user", "reject"): 2, ("headcount_sessions_refused_total", "total", "reject"): 2}
        equal(some(metrics, "imap"), want, "metrics when all have ended")
        durations = [e["event.duration"] for e in ended(hc)]
        name = "headcount_session_duration_seconds_"
        for bound in BOUNDS:
            text = "+Inf" if bound == BOUNDS[-1] else str(float(bound)) if bound != 10 ** -3 else "0.001"
            equal(metrics[name + "bucket", "imap", text], sum(d <= bound * 10 ** 9 for d in durations),
                  f"sessions of at most {bound} s, of {durations}")
        equal(round(metrics[name + "sum", "imap"] * 10 ** 9), sum(durations), "nanoseconds together")
        equal(metrics[name + "count", "imap"], 5, "their number")


@test
def muted():
    """what no event tells of is counted: emit = none, observe, refusals beyond the rate limit"""
    quiet = service("imap", listen=PORT, user="client/32/64", cap=2, emit="none")
    with Headcount(quiet) as hc, Server("0.0.0.0", PORT) as server:
        with crowd(count=30) as clients:
            equal(clients.go(), {"ok": 2, "ECONNREFUSED": 28}, "outcomes")
            equal(printed()["headcount_sessions_refused_total", "imap", "user", "reject"], 28, "refused")
            clients.close()
        server.close_dead(2)
        until_equal(lambda: printed()["headcount_sessions_closed_total", "imap", "finished"], 2, "closed")
        hc.reload(quiet.replace("emit = none", "excess = observe"))
        with crowd() as clients:
            equal(clients.go(), {"ok": 5}, "outcomes under observe")
            equal(printed()["headcount_sessions_refused_total", "imap", "user", "observe"], 3, "observed")
            equal(printed()["headcount_sessions_opened_total", "imap"], 7, "opened")
            equal(user("imap", ALICE, "refused"), 31, "refused, in the user's row")


@test
def outbound():
    """refused connects and ended sessions of an outbound service"""
    outbound = service("outbound", user="uid", override=f"{UID} 2")

    def counted():
        metrics = printed("--top-users", "1000")
        return [metrics.get((f"headcount_user_{name}", "outbound", str(UID)))
                for name in ("sessions", "cap", "refused_total")]
    with Headcount(outbound), Server("0.0.0.0", PORT, "c1"):
        before = printed()["headcount_sessions_refused_total", "outbound", "user", "reject"]
        with Clients(ALICE, PORT, 1, 5, uid=UID) as clients:
            equal(clients.go(), {"ok": 2, "ECONNREFUSED": 3}, "outcomes")
            equal(counted(), [2, 2, 3], "the user's sessions, cap and refusals")
            equal(printed()["headcount_sessions_refused_total", "outbound", "user", "reject"] - before, 3, "refused")


@test
def found():
    """sessions that were there before: opened and closed, but how long they lasted is not known"""
    with Server("0.0.0.0", PORT) as server, crowd() as clients:
        equal(clients.go(), {"ok": 5}, "outcomes without headcount")
        with Headcount(service("imap", listen=PORT, user="client/32/64")) as hc:
            equal(some(printed(), "imap"), {("headcount_sessions", "inbound"): 5, "headcount_users": 1,
                                            "headcount_sessions_opened_total": 5}, "metrics")
            clients.close()
            server.close_dead(5)
            until(lambda: len(ended(hc)) == 5, "five events of an end")
            metrics = printed()
            equal(metrics["headcount_sessions_closed_total", "imap", "finished"], 5, "closed")
            equal(metrics["headcount_session_duration_seconds_count", "imap"], 0, "in the histogram")


@test
def moved():
    """a reload moves sessions to another service: the gauge goes with them, the counters tell what was where"""
    def what(name):
        metrics = printed()
        return [metrics[f"headcount_sessions{suffix}", name, *label] for suffix, *label in (
            ("", "inbound"), ("_opened_total",), ("_closed_total", "finished"))]
    with Headcount(IMAP) as hc, Server("0.0.0.0", PORT) as server, crowd(count=3) as clients:
        equal(clients.go(), {"ok": 3}, "outcomes")
        hc.reload(service("pop", listen=PORT, user="client/32/64"))
        until_equal(lambda: what("pop"), [3, 0, 0], "sessions, opened, closed at the new one")
        clients.close()
        server.close_dead(3)
        until_equal(lambda: what("pop"), [0, 0, 3], "sessions, opened, closed at the new one when all have ended")
        hc.reload(IMAP)
        equal(what("imap"), [0, 0, 0], "a service that is new again")


@test
def pinned():
    """metrics go on without a daemon, and the next daemon goes on counting"""
    names = "headcount_sessions_opened_total", ("headcount_sessions_refused_total", "user", "reject")
    with Server("0.0.0.0", PORT), Headcount(metrics_at(PATH, IMAP), "--pin") as hc, crowd() as clients:
        equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes")
        hc.end(signal.SIGKILL)
        equal([some(printed(), "imap")[name] for name in names], [3, 2], "opened and refused without a daemon")
        equal(os.path.exists(PATH[5:]), True, "the socket's file is what a killed daemon leaves")
        with Headcount(metrics_at(PATH, IMAP), "--pin"):
            with crowd() as more:
                equal(more.go(), {"ECONNREFUSED": 5}, "outcomes under the next one")
            metrics = page(PATH)
            equal([some(metrics, "imap")[name] for name in names], [3, 7], "opened and refused of both")
            equal(("headcount_bpf_program_missed_total", "on_milestone") in metrics, True, "programs of both")
        equal(os.path.exists(PATH[5:]), False, "the socket's file at the end")
        equal(headcount("detach")[0], 0, "exit code of detach")
    code, out, err = headcount("metrics")
    equal((code, out, err.startswith("headcount: not running")), (1, "", True), f"metrics without headcount: {err}")


@test
def tables():
    """how full the tables are, what was lost, which headcount: as status says"""
    with Headcount(section("headcount", sessions_max=1024) + service("imap", listen=PORT, user="client/32/64")):
        with Server("0.0.0.0", PORT), crowd() as clients:
            equal(clients.go(), {"ok": 5}, "outcomes")
            equal(headcount("cap", "imap", BOB, "7")[0], 0, "exit code of cap")
            metrics, status = printed(), ask("status")
            for row in status["maps"]:
                equal(metrics["headcount_map_capacity", row["map"]], row["capacity"], f"capacity of {row['map']}")
            maps = {row["map"]: row["entries"] for row in status["maps"]}
            for name, least in dict(services=3, sessions=10, users=2, caps=1, listeners=1).items():
                equal(metrics["headcount_map_entries", name] >= least <= maps[name], True, f"at least {least} {name}")
            equal(metrics["headcount_map_capacity", "sessions"], 1024, "room for sessions")
            told = {labels[0]: number for (name, *labels), number in metrics.items()
                    if re.fullmatch("headcount_(untracked|events_lost|notes)_total", name)}
            told["corrected"] = metrics["headcount_count_corrections_total",]
            equal(told, status["losses"], "losses")
            equal(metrics["headcount_build_info", status["version"]], 1, "build_info")


@test
def programs():
    """what the programs cost, when the kernel's statistics are on (shown so, in this namespace only)"""
    names = "headcount_bpf_program_runs_total", "headcount_bpf_program_seconds_total"
    with open("/run/stats", "w") as file:
        file.write("1\n")
    with Headcount(metrics_at(HTTP, IMAP)), Server("0.0.0.0", PORT):
        equal([key for key in page(HTTP) if key[0] in names], [], "programs while the statistics are off")
        statistics = bpf(ENABLE_STATS, struct.pack("=I", 0))
        run("mount", "--bind", "/run/stats", "/proc/sys/kernel/bpf_stats_enabled")
        try:
            with crowd(count=3) as clients:
                equal(clients.go(), {"ok": 3}, "outcomes")
            for metrics in page(HTTP), printed():
                for program in "on_milestone", "on_arrival":
                    runs, seconds = [metrics[name, program] for name in names]
                    equal((runs >= 3, 0 < seconds < runs), (True, True), f"{runs} runs of {program} in {seconds} s")
        finally:
            run("umount", "/proc/sys/kernel/bpf_stats_enabled")
            os.close(statistics)


@test
def promtool():
    """promtool finds nothing to say about either page; OpenMetrics ends as it must"""
    with Headcount(metrics_at(HTTP, IMAP, metrics_top_users=5)), Server("0.0.0.0", PORT), crowd() as clients:
        equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes")
        promtool_is_content(run(PROGRAM, "metrics", "--top-users", "5"))
        _, headers, plain = get(HTTP)
        equal(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "type")
        promtool_is_content(plain)
        _, headers, open_page = get(HTTP, Accept=OPEN + ",*/*;q=0.1")
        equal(headers["Content-Type"], OPEN + "; charset=utf-8", "type of OpenMetrics")
        equal((open_page[-6:], open_page.count("# EOF")), ("# EOF\n", 1), "its end")
        same = [[key for key in parse(text) if not key[0].startswith("headcount_user_")] for text in (open_page, plain)]
        equal(*same, "series in both (but for users, of whom the host has others)")
        equal("# TYPE headcount_sessions_opened counter\n" in open_page, True, "a family's name in OpenMetrics")


main()
