# SPDX-License-Identifier: GPL-2.0-only
"""setsockopt(): what labelling a session costs, and what any other option costs beside a service of
labels. The bare kernel refuses the label, which takes its time, too."""
import statistics

import session
import slices
from report import GOAL, Table
from variants import *

TARGETS = {"label": 2500, "other": 300}  # ns above the bare kernel, with a service of labels
WHAT = {"label": "a session is labelled", "other": "TCP_NODELAY is set"}
SHAPE = """[service web]
listen = {port}
user = label
labellers = *
cap = {cap}
{more}
"""


def labels():
    return caps_events(HIGH_CAP, shape=SHAPE)


def cost(what, name):
    calls, ns = load(built("setopt"), LOAD_CPU, "127.0.0.1", PORT, session.SLICE_MS, what, nice=session.AHEAD)
    if (what, name) == ("label", "labels"):
        rows = harness.ask("users", "--service", "web")
        seen = sum(row["opened"] for row in rows if row["user"].startswith("user"))
        if seen != calls:
            raise RuntimeError(f"headcount saw {seen} of {calls} labels")
    return ns / calls


def run(options):
    fresh_namespace()
    variants = {"bare": bare, "caps+events": caps_events, "labels": labels}
    table = Table("setsockopt(), ns of a call", {
        "what": ("", "s"), "name": ("variant", "s"), "min": ("min", ",.0f"), "median": ("median", ",.0f"),
        "more": ("above bare", ",.0f"), **GOAL})
    for what, target in TARGETS.items():
        samples = slices.alternate(variants, lambda name: lambda child: cost(what, name),
                                   options.rounds or (4 if options.quick else 16), "labels")
        table.notes += samples.notes()
        for name in samples.names():
            more = [mine - other for mine, other in zip(samples.of[name], samples.of["bare"])]
            goal = table.goal(*slices.interval(more), most=target) if name == "labels" else {}
            table.add(what=WHAT[what], name=name, min=min(samples.of[name]), median=statistics.median(samples.of[name]),
                      more=statistics.median(more), **goal)
    return [table]
