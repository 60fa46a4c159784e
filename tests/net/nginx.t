#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: the tens of thousands of sessions of wrk fill the events of every other headcount
"""The main job on real programs: nginx under wrk, and redis."""
from clients import *

client_host(1)
PORT, REDIS = 8080, 6380
ALICE, BOB = address(1, 2), address(1, 3)
# nginx would end a connection after 1000 requests, and its place would be taken while ss still walks
# the table: such a dump shows both.
NGINX = f"""daemon off; worker_processes 2; pid /run/nginx.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path /run/nb; proxy_temp_path /run/np; fastcgi_temp_path /run/nf;
uwsgi_temp_path /run/nu; scgi_temp_path /run/ns; keepalive_requests 100000000;
server {{ listen {PORT} backlog=4096; location / {{ return 200 "hello\\n"; }} }} }}
"""


@contextlib.contextmanager
def nginx():
    with open("/run/nginx.conf", "w") as file:
        file.write(NGINX)
    server = start("nginx", "-c", "/run/nginx.conf", stdout=subprocess.DEVNULL)
    try:
        until(lambda: server.poll() is not None or curl(), "nginx to answer")
        yield server
    finally:
        server.terminate()
        server.wait(20)
        server.stderr.close()


def curl(source=None):
    """Whether one request from c1 succeeds."""
    with inside("c1"):
        options = ["--interface", source] if source else []
        url = f"http://{address(1)}:{PORT}/"
        return subprocess.run(["curl", "-sf", "-m", "10", "-o", "/dev/null", *options, url],
                              stdin=subprocess.DEVNULL).returncode == 0


def wrk(connections, seconds, prefix):
    """wrk in c1; which address it comes from is for the route to say, by the server's address."""
    with inside("c1"):
        return start("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"http://{prefix}:{PORT}/")


def requests(process):
    out = process.communicate(timeout=60)[0].decode()
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    return int(re.search(r"(\d+) requests in", out)[1]), [int(n) for n in errors.groups()] if errors else [0] * 4


@test
def under_wrk():
    """nginx, cap = 10: wrk -c64 never holds more, wrk -c5 from another address loses nothing"""
    other = address(9, 1)  # a second address of the server, to which c1 goes as BOB
    run("ip", "addr", "add", other + "/32", "dev", "v1")
    with inside("c1"):
        run("ip", "route", "add", other, "via", address(1), "src", BOB)
    config = service("web", listen=PORT, user="client/32/64", cap=10)
    with nginx(), Headcount(config) as hc, Sampler(by_client(PORT)) as sampler:
        crowd, few = wrk(64, 5, address(1)), wrk(5, 5, other)
        until(lambda: active("web", ALICE) == 10 and active("web", BOB) == 5, "both to hold what they may")
        (many, many_errors), (some, some_errors) = requests(crowd), requests(few)
        say(f"64 connections: {many} requests, errors {many_errors}; 5: {some} requests; {sampler.samples} samples")
        equal((some_errors, some > 0, many > 0), ([0] * 4, True, True), "errors of the five, requests of both")
        equal(sampler.most[ALICE], 10, "most sessions at once of the crowd")
        equal(user("web", BOB, "refused"), 0, "refused of the five")
        until_equal(lambda: (active("web", ALICE), active("web", BOB)), (0, 0), "active at the end")
        equal(user("web", ALICE, "refused") >= 54, True, "refused of the crowd")
        refused = hc.wait_event(event__action="session-refused")
        equal(refused["headcount.user"], ALICE, "the refused user")
        equal([r for r in our_sessions() if r["service"] == "web"], [], "sessions left")


@test
def reloaded_nginx():
    """nginx reloads under load: workers come and go, and no count stays behind"""
    config = service("web", listen=PORT, user="client/32/64", cap=30)
    with nginx() as server, Headcount(config):
        load = wrk(64, 4, address(1))
        until(lambda: active("web", ALICE) > 0, "sessions")
        for _ in range(3):
            os.kill(server.pid, signal.SIGHUP)
            until(lambda: curl() or True, "a request")
        requests(load)
        until_equal(lambda: active("web", ALICE), 0, "active at the end")
        equal(user("web", ALICE, "peak"), 30, "peak")
        equal(headcount("audit")[0], 0, "exit code of audit")


@test
def redis():
    """redis, user = uid: the server's owner is the user, and clients over the cap are refused"""
    server = start("redis-server", "--port", str(REDIS), "--protected-mode", "no", "--save", "", "--dir", "/run",
                   preexec_fn=lambda: (os.setresuid(UID, UID, UID), call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)),
                   stdout=subprocess.DEVNULL)

    def ping(where, port, source):
        s = plain_connect(where, port, source)
        s.send(b"PING\r\n")
        equal(s.recv(1), b"+", "PONG's first byte")
        peeked = s.recv(6)
        equal(peeked, b"PONG\r\n", "the answer")
        s.send(b"ECHO +\r\n")
        equal(s.recv(4), b"$1\r\n", "the echo")
        return s
    try:
        until(lambda: [1 for line in run("ss", "-tlnH").splitlines() if f":{REDIS} " in line], "redis to listen")
        with Headcount(service("kv", listen=REDIS, user="uid", cap=10)):
            with Clients(address(1), REDIS, 4, 8, ping, sources=[ALICE, BOB], namespace="c1") as clients:
                equal(clients.go(), {"ok": 10, "ECONNREFUSED": 22}, "outcomes")
                row = [r for r in our_sessions() if r["service"] == "kv"][0]
                equal((row["user"], row["pid"], row["process"]), (str(UID), host_pid(server.pid), "redis-server"), "a session")
                clients.close()
            until_equal(lambda: active("kv", UID), 0, "active at the end")
    finally:
        server.terminate()
        server.wait(20)


main()
