# SPDX-License-Identifier: GPL-2.0-only
"""What is compared: the bare kernel, headcount in its shapes, and its peers, each attached for
the length of a `with`. All caps are per client address of one service, the same, and admit."""
import contextlib
import json
import os
import re
import socket
import threading
import time

import kernel
from world import *

CAPS = """[service web]
listen = {port}
user = client/32/64
cap = {cap}
{more}
"""
OUTBOUND = """[service outbound]
cap = {high}
override = root unlimited
{more}
"""


def configuration(cap=HIGH_CAP, more="", top="", shape=CAPS + OUTBOUND):
    path = f"/run/bench-{os.getpid()}.conf"
    with open(path, "w") as file:
        file.write(top + shape.format(port=PORT, cap=cap, high=HIGH_CAP, more=more))
    return path


@contextlib.contextmanager
def bare(cap=None):
    yield None


def floor(*options):
    @contextlib.contextmanager
    def attached(cap=None):
        with process(built("floor"), cgroup_root(), *options, stdout=subprocess.PIPE,
                     ready=says("ready", "stdout")) as child:
            yield child
    return attached


def drains(child):
    """`trace` says nothing when it is ready: it has opened its reader of the events then."""
    def opened():
        fds = f"/proc/{child.pid}/fd/"
        with contextlib.suppress(OSError):
            return any("eventpoll" in os.readlink(fds + fd) for fd in os.listdir(fds))
    harness.until(lambda: opened() or child.poll() is not None, "headcount trace")
    if child.poll() is not None:
        raise RuntimeError(child.stderr.read().decode())


@contextlib.contextmanager
def trace(cap=None):
    with process(harness.PROGRAM, "trace", "--json", ready=drains) as child:
        yield child


@contextlib.contextmanager
def caps_quiet(cap=HIGH_CAP):
    path = configuration(cap, "emit = none")
    code, _, said = harness.headcount("run", "-c", path, "--check")
    if code:
        raise Skip(f"not yet: {said.split(': ')[-1].strip()}")
    with process(harness.PROGRAM, "run", "-c", path, ready=says("ready")) as child:
        yield child


@contextlib.contextmanager
def caps_events(cap=HIGH_CAP, **options):
    with process(harness.PROGRAM, "run", "-c", configuration(cap, **options), ready=says("ready")) as child:
        yield child


def caps_inbound(cap=HIGH_CAP):
    """What the peers look at, too: connect() is not counted."""
    return caps_events(cap, top="[headcount]\ndirections = inbound\n", shape=CAPS)


SERVED = """[headcount]
events = unix
metrics = unix:/run/bench-metrics.sock
"""


def read_page():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("/run/bench-metrics.sock")
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        page = b"".join(iter(lambda: s.recv(1 << 16), b""))
    if b"headcount_sessions_opened_total" not in page:
        raise RuntimeError("no page of metrics")


@contextlib.contextmanager
def caps_served(cap=HIGH_CAP):
    """A subscriber reads the events, and the metrics are asked for once a second."""
    over = threading.Event()

    def scrape():
        os.sched_setaffinity(0, {OTHER_CPU})
        while not over.wait(1):
            read_page()

    with caps_events(cap, top=SERVED) as child, process(harness.PROGRAM, "events") as reader:
        harness.until(lambda: harness.run("ss", "-xH", "state", "connected", "src", "*/events.sock"), "the subscriber")
        read_page()
        scraper = threading.Thread(target=scrape)
        scraper.start()
        try:
            yield child
        finally:
            over.set()
            scraper.join()
        if reader.poll() is not None:
            raise RuntimeError("the subscriber left")


NFT = """table inet bench {{
	set clients {{
		type ipv4_addr
		size 65535
		flags dynamic
	}}
	chain input {{
		type filter hook input priority filter
		tcp dport {port} ct state new add @clients {{ ip saddr ct count over {cap} }} reject with tcp reset
	}}
}}
"""


def tried(*command, **options):
    try:
        return harness.run(*command, **options)
    except FileNotFoundError:
        raise Skip(f"{command[0]} is not installed") from None
    except AssertionError as error:
        raise Skip(str(error).splitlines()[0]) from None


@contextlib.contextmanager
def nft(cap=HIGH_CAP):
    tried("nft", "-f", "-", input=NFT.format(port=PORT, cap=cap))
    try:
        yield None
    finally:
        harness.run("nft", "delete", "table", "inet", "bench")


@contextlib.contextmanager
def connlimit(cap=HIGH_CAP):
    rule = ["INPUT", "-p", "tcp", "--syn", "--dport", str(PORT), "-m", "connlimit", "--connlimit-above",
            str(cap), "--connlimit-mask", "32", "-j", "REJECT", "--reject-with", "tcp-reset"]
    tried("iptables", "-A", *rule)
    try:
        yield None
    finally:
        harness.run("iptables", "-D", *rule)


@contextlib.contextmanager
def tcplife(cap=None):
    """Prints as it is made to: a line a session, here to /dev/null as ours."""
    if not os.path.exists("/sys/kernel/tracing/events"):
        tried("mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing")  # in our own mount namespace
    with process("tcplife") as child:
        deadline = time.monotonic() + 10
        while not kernel.links_of(child.pid):
            if child.poll() is not None:
                raise Skip((child.stderr.read().decode().strip().splitlines() or ["it ended at once"])[-1])
            if time.monotonic() > deadline:
                raise Skip("it attached nothing")
            time.sleep(0.02)
        yield child


VARIANTS = {
    "bare": bare,
    "floor": floor(),
    "floor-no-states": floor("no-states"),
    "trace": trace,
    "caps": caps_quiet,
    "caps+events": caps_events,
    "inbound": caps_inbound,
    "served": caps_served,
    "nft": nft,
    "xt_connlimit": connlimit,
    "tcplife": tcplife,
}
# What each hook has in that: only where --variants names them.
PARTS = {
    "floor-no-destroyed": floor("floor_destroyed"),
    "floor-no-milestone": floor("floor_milestone"),
    "floor-no-arrival": floor("floor_arrival"),
    "floor-no-connect": floor("floor_connect4"),
}
WHAT = {
    "bare": "bare kernel",
    "floor": "empty programs on our hooks",
    "floor-no-states": "the same, sockops not asked for state changes",
    "floor-no-destroyed": "all but the tracepoint",
    "floor-no-milestone": "all but sockops",
    "floor-no-arrival": "all but sk_lookup",
    "floor-no-connect": "all but connect4",
    "trace": "headcount trace",
    "caps": "headcount run, counts and caps, no events",
    "caps+events": "headcount run, counts, caps, events drained",
    "inbound": "the same, with directions = inbound",
    "served": "caps+events, events to a subscriber, and metrics",
    "nft": "nft ct count over",
    "xt_connlimit": "iptables xt_connlimit",
    "tcplife": "libbpf-tools tcplife (traces only)",
}
