# SPDX-License-Identifier: GPL-2.0-only
"""Refusing: how much an over-cap client can make a host do, and what another client of the same
service loses meanwhile in the time that its connect() takes."""
import statistics
import threading

import slices
from holders import Holders
from report import GOAL, Table
from variants import *

CAP, ABUSER, POLITE = 8, "127.1.0.0", "127.1.0.9"
TARGET = 0.95  # refusals a second, to a closed port
VARIANT = {"closed port": bare, "caps+events": caps_events, "inbound": caps_inbound, "nft": nft,
           "xt_connlimit": connlimit}
WHAT = {"closed port": "nobody listens", "caps+events": "headcount run, over the cap",
        "inbound": "the same, with directions = inbound",
        "nft": "nft ct count over, reject with tcp reset",
        "xt_connlimit": "iptables REJECT --reject-with tcp-reset"}


def refuse(name, ms):
    """Attempts a second, and CPU ns of one, ends of both sides included."""
    if name == "closed port":
        attempts, cpu, wall = load(built("refuse"), LOAD_CPU, ABUSER, "127.0.0.3", PORT + 1, ms)
    else:
        attempts, cpu, wall = load(built("refuse"), LOAD_CPU, ABUSER, "127.0.0.3", PORT, ms, "listen")
    return attempts / wall * 1e9, cpu / attempts


def polite(ms):
    return load(built("polite"), OTHER_CPU, POLITE, "127.0.0.1", PORT, ms, 200)


def both(name):
    """The polite client's figures while the other one is refused all the time."""
    failed = []

    def abuse():
        try:
            refuse(name, 1300)
        except Exception as error:
            failed.append(error)
    abuser = threading.Thread(target=abuse)
    abuser.start()
    try:
        time.sleep(0.1)
        figures = polite(1000)
    finally:
        abuser.join()
    if failed:
        raise failed[0]
    return figures


def measure(name):
    def figures(child):
        with Holders(CAP, 1) as holders:
            holders.hold(CAP)  # the abuser's share
            _, alone50, alone99, _ = polite(700)
            rate, cpu = refuse(name, 500)
            _, busy50, busy99, _ = both(name)
        return rate, cpu, alone50 / 1e3, alone99 / 1e3, busy50 / 1e3, busy99 / 1e3
    return figures


def with_cap(variant):
    @contextlib.contextmanager
    def attached():
        fresh_namespace()
        with variant(CAP) as child:
            yield child
    return attached


def run(options):
    names = [n for n in VARIANT if not options.variants or n in options.variants or n == "closed port"]
    samples = slices.alternate({n: with_cap(VARIANT[n]) for n in names}, measure,
                               options.rounds or (2 if options.quick else 6), "refusing")
    table = Table("Refusing one over-cap client; connect() of another client of the service, us (medians)", {
        "name": ("variant", "s"), "what": ("", "s"), "rate": ("refused/s", ",.0f"), "ratio": ("to closed", ".3f"), **GOAL,
        "cpu_ns": ("CPU ns", ",.0f"),
        "alone_p50": ("p50", ".1f"), "alone_p99": ("p99", ".1f"),
        "refusing_p50": ("p50 meanwhile", ".1f"), "refusing_p99": ("p99 meanwhile", ".1f")}, samples.notes())
    for name in samples.names():
        middle = [statistics.median(column) for column in zip(*samples.of[name])]
        keys = ["rate", "cpu_ns", "alone_p50", "alone_p99", "refusing_p50", "refusing_p99"]
        ratios = [mine[0] / closed[0] for mine, closed in zip(samples.of[name], samples.of["closed port"])]
        goal = table.goal(*slices.interval(ratios), least=TARGET) if name in ("caps+events", "inbound") else {}
        table.add(name=name, what=WHAT[name], **dict(zip(keys, middle)), ratio=statistics.median(ratios), **goal)
    table.notes.append("refused/s by the wall on one CPU, of both ends: the client's sessions are counted too, but for inbound")
    return [table]
