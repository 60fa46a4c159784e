#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The metrics' server: addresses, methods, errors at the start, reloads, readers that misbehave."""
from prometheus import *

client_host(1)
PORT, HTTP = 7143, "127.0.0.1:9435"
OTHER, ANY, UNIX = "[::1]:9436", "0.0.0.0:9435", "unix:/run/metrics.sock"
ALICE = address(1, 2)
IMAP = service("imap", listen=PORT, user="client/32/64", cap=3)


def answers(where):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return get(where)[0] == 200
    return False


def fails(config, *says):
    """`run` ends at once, with one line that says all this, and leaves nothing."""
    with open("/run/fails.conf", "w") as file:
        file.write(config)
    code, out, err = headcount("run", "-c", "/run/fails.conf")
    equal((out, err.count("\n"), err.startswith("headcount: ")), ("", 1, True), f"one line: {err!r}")
    equal([word for word in says if word not in err], [], f"what {err!r} does not say")
    equal((os.path.exists("/sys/fs/bpf/headcount"), os.path.exists("/run/headcount.lock")), (False, False),
          "pins and lock")
    return code


@test
def addresses():
    """IPv4, IPv6, all addresses, a Unix socket that curl knows; no server unless it is asked for"""
    for where, place in (HTTP, HTTP), (OTHER, OTHER), (ANY, "127.0.0.1:9435"), (UNIX, UNIX):
        with Headcount(metrics_at(where, IMAP)):
            equal(page(place)["headcount_session_cap", "imap"], 3, f"cap at {where}")
            if where == UNIX:
                text = run("curl", "-sS", "--fail", "--unix-socket", UNIX[5:], "http://localhost/metrics")
                equal(parse(text)["headcount_session_cap", "imap"], 3, "cap that curl sees")
        equal(answers(place), False, f"an answer at {where} after the end")
    equal(os.path.exists(UNIX[5:]), False, "the socket's file at the end")
    with Headcount(IMAP):
        equal(answers(HTTP), False, "an answer where nothing is configured")


@test
def check():
    """run --check says where the metrics are"""
    with open("/run/check.conf", "w") as file:
        file.write(metrics_at(HTTP, metrics_top_users=7))
    equal(f"\nmetrics at {HTTP}, 7 users by name\n" in run(PROGRAM, "run", "--check", "-c", "/run/check.conf"), True,
          "the line")


@test
def methods():
    """GET and HEAD of /metrics; 404 for anything else but the page, 405 for other methods"""
    with Headcount(metrics_at(HTTP)):
        status, headers, body = get(HTTP, method="HEAD")
        equal((status, body, int(headers["Content-Length"]) > 1000), (200, "", True), "HEAD")
        for url in "/metrics/", "/metrics2", "//metrics", "/" + "x" * 5000:
            equal(get(HTTP, url)[0], 404, f"status of {url[:20]}")
        equal(get(HTTP, "/metrics?name=x")[0], 200, "status with a query")
        for method in "POST", "PUT", "DELETE", "OPTIONS":
            status, headers, _ = get(HTTP, method=method)
            equal((status, headers.get("Allow")), (405, "GET, HEAD"), method)


@test
def top_users():
    """users are in labels only if they are asked for; a reload changes how many"""
    def names():
        return {labels[1] for (name, *labels) in page(HTTP)
                if name == "headcount_user_sessions" and labels[0] == "imap"}
    imap = service("imap", listen=PORT, user="client/32/64")
    with Server("0.0.0.0", PORT), Headcount(metrics_at(HTTP, imap)) as hc:
        # Enough that others of this host do not push them out.
        crowds = [Clients(address(1), PORT, 1, 30, sources=[address(1, h)], namespace="c1") for h in (2, 3, 4)]
        for clients in crowds:
            equal(clients.go(), {"ok": 30}, "outcomes")
        equal(names(), set(), "users without metrics_top_users")
        for count in 1000, 0:
            hc.reload(metrics_at(HTTP, imap, metrics_top_users=count))
            equal(names(), {address(1, h) for h in (2, 3, 4)} if count else set(), f"users of {count}")
        for clients in crowds:
            clients.close()
            for child in clients.children:
                child.end()


@test
def wrong_configurations():
    """a bad metrics or metrics_top_users: exit 2, and which"""
    for value in ("9435", "localhost:9435", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "[::1]", "::1:9435", "unix:",
                  "unix:metrics.sock", "unix:/" + "x" * 107, "http://127.0.0.1:9435", "x" * 150):
        equal(fails(metrics_at(value), ":2:", "metrics"), 2, f"exit code of {value[:30]}")
    for value in "1001", "-1", "many":
        equal(fails(metrics_at(HTTP, metrics_top_users=value), ":3:", value), 2, f"exit code of {value} top users")


@test
def unusable_addresses():
    """an address in use or not ours, a path that is a file or leads nowhere: exit 1, nothing left behind"""
    with listen("127.0.0.1", 9435):
        equal(fails(metrics_at(HTTP), HTTP, "in use"), 1, "exit code of a port in use")
    equal(fails(metrics_at("192.0.2.1:9435"), "192.0.2.1:9435", "assign"), 1, "exit code of a foreign address")
    equal(fails(metrics_at("unix:/run/no/such"), "/run/no/such"), 1, "exit code of a folder that is not there")
    with open("/run/precious", "w") as file:
        file.write("kept")
    equal(fails(metrics_at("unix:/run/precious"), "/run/precious", "in use"), 1, "exit code of a file")
    equal(open("/run/precious").read(), "kept", "the file")
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind("/run/taken")
        taken.listen()
        equal(fails(metrics_at("unix:/run/taken"), "/run/taken", "in use"), 1, "exit code of another's socket")


@test
def reloads():
    """a reload opens the new address and closes the old; one that fails leaves both as they were"""
    with Headcount(metrics_at(HTTP, IMAP)) as hc:
        for where, old in (UNIX, HTTP), (OTHER, UNIX), (HTTP, OTHER):
            hc.reload(metrics_at(where, IMAP))
            equal((answers(where), answers(old)), (True, False), f"answers of {where} and {old}")
        hc.reload(metrics_at(ANY, IMAP))
        equal(answers(f"{address(1)}:9435"), True, "an answer at every address, on the same port")
        hc.reload(metrics_at(HTTP, IMAP))
        with listen("::1", 9436):
            hc.reload(metrics_at(OTHER, IMAP.replace("cap = 3", "cap = 4")), "not reloaded")
        equal(page(HTTP)["headcount_session_cap", "imap"], 3, "cap after a reload that failed")
        equal([line for line in hc.said if "in use" in line], [f"headcount: cannot listen on {OTHER} for metrics: "
                                                               "Address already in use"], "what it said")
        hc.reload(metrics_at(UNIX, "[service x]\n"), "not reloaded")
        equal((answers(HTTP), os.path.exists(UNIX[5:])), (True, False), "the old answers, the new is not made")
        hc.reload(metrics_at(UNIX, metrics_top_users=3, netns="no-such-ns"), "not reloaded")
        equal((answers(HTTP), os.path.exists(UNIX[5:])), (True, False), "the old answers, the new is not made")
        hc.reload(IMAP)
        equal(answers(HTTP), False, "an answer when it is taken out")


def silent(count):
    return [socket.create_connection(("127.0.0.1", 9435)) for _ in range(count)]


@test
def bad_readers():
    """100 silent connections, readers that stop, half a request: others are answered, events flow, it ends"""
    with Headcount(metrics_at(HTTP, IMAP)) as hc, Server("0.0.0.0", PORT):
        idle = silent(100)
        for s in idle[:10]:  # ask for much and read nothing
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        for s in idle[10:20]:
            s.sendall(b"GET /metr")
        for s in idle[20:25]:
            s.sendall(b"\x00\xff\r\n" * 100)
        equal(page(HTTP)["headcount_session_cap", "imap"], 3, "cap")
        with Clients(address(1), PORT, 1, 3, sources=[ALICE], namespace="c1") as clients:
            equal(clients.go(), {"ok": 3}, "outcomes")
            until(lambda: sum(e["event.action"] == "session-opened" and e["rule.name"] == "imap"
                              for e in list(hc.events)) == 3, "three events")
        idle += silent(100)
        equal(hc.end(), 0, "exit code, with all of them connected")
        for s in idle:
            s.close()


@test
def silent_ones_go():
    """more silent connections than there is room for hold a reader up only until they are closed"""
    with Headcount(metrics_at(HTTP, IMAP)):
        idle = silent(140)
        equal(page(HTTP)["headcount_session_cap", "imap"], 3, "cap")
        for s in idle:
            s.close()


main()
