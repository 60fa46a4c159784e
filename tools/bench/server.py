# SPDX-License-Identifier: GPL-2.0-only
"""A real server: nginx answers 200 to wrk, which makes a connection for each request."""
import re
import slices
from report import GOAL, INTERVAL, Table
from variants import *

NGINX = """worker_processes 1;
daemon off;
pid /run/bench-nginx.pid;
error_log /dev/null;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    server {{ listen {port} backlog=4096; location / {{ return 200 "ok"; }} }}
}}
"""


@contextlib.contextmanager
def nginx():
    """One worker on one CPU; wrk has the other. Who drains events takes from both, as it would."""
    path = f"/run/bench-nginx-{os.getpid()}.conf"
    with open(path, "w") as file:
        file.write(NGINX.format(port=PORT))
    with process("nginx", "-e", "/dev/null", "-c", path, cpu=OTHER_CPU):
        def listens():
            return f":{PORT}" in harness.run("ss", "-tlnH")
        harness.until(listens, "nginx to listen")
        yield


@contextlib.contextmanager
def beside():
    """wrk on the same host: how to get there, and the server's address."""
    yield [], "127.0.0.1"


@contextlib.contextmanager
def outside():
    """wrk in a network namespace of its own: to headcount it is as on another host."""
    name = harness.client_host(1)
    try:
        harness.sysctl("net.ipv4.ip_local_port_range", "10000 65535", name)
        yield ["ip", "netns", "exec", name], harness.address(1)
    finally:
        harness.run("ip", "netns", "del", name)


def wrk(prefix, server, seconds):
    """Requests a second; an error in one of them spoils the slice."""
    said = tried(*prefix, "taskset", "-c", str(LOAD_CPU), "wrk", "-t1", "-c64", f"-d{seconds}s",
                 "-H", "Connection: close", f"http://{server}:{PORT}/")
    if "Socket errors" in said or "Non-2xx" in said:
        raise RuntimeError(f"wrk met errors: {said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def throughput(place):
    def measure(child):
        with place() as (prefix, server), nginx():
            wrk(prefix, server, 1)
            return wrk(prefix, server, 2)
    return lambda name: measure


def in_fresh_namespace(variant):
    """Without the last slice's TIME_WAIT sockets and conntrack entries."""
    @contextlib.contextmanager
    def attached():
        fresh_namespace()
        with variant() as child:
            yield child
    return attached


PLACES = {  # where wrk is: what is compared, and what is to be reached
    "beside nginx": (beside, ["bare", "caps+events", "nft", "xt_connlimit", "tcplife"], {"caps+events": 0.94}),
    "outside": (outside, ["bare", "inbound", "nft", "xt_connlimit"], {"inbound": 0.96}),
}


def measured(where, options):
    place, names, targets = PLACES[where]
    names = options.variants or names
    samples = slices.alternate({n: in_fresh_namespace(VARIANTS[n]) for n in dict.fromkeys(["bare", *names])},
                               throughput(place), options.rounds or (3 if options.quick else 10), "server")
    table = Table(f"A real server: nginx `return 200` under wrk -c64 -H 'Connection: close', {where}, requests/s", {
        "name": ("variant", "s"), "max": ("max", ".0f"), "median": ("median", ".0f"),
        "ratio_max": ("max/bare", ".3f"), "ratio_median": ("median/bare", ".3f"), **INTERVAL,
        "slices": ("slices", "d"), **GOAL}, samples.notes())
    for name in samples.names():
        row = samples.summary(name)
        row["max"], row["ratio_max"] = max(samples.of[name]), max(samples.of[name]) / max(samples.of["bare"])
        goal = table.goal(row["low"], row["high"], least=targets[name]) if name in targets else {}
        table.add(name=name, **row, **goal)
    return table


def run(options):
    return [measured(where, options) for where in PLACES]
