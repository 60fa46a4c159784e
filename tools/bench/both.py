# SPDX-License-Identifier: GPL-2.0-only
"""Both CPUs at once: does what they share cost more than on one CPU? Sessions of one user from both,
then of many. The CPU time of a session, to the bare kernel on as many CPUs."""
import concurrent.futures

import session
import slices
from report import GOAL, INTERVAL, Table
from variants import *

MANY = 5000  # users
SHAPES = {  # CPUs, client addresses (0: one)
    "one user, one CPU": (1, 0), "one user, both CPUs": (2, 0),
    "many users, one CPU": (1, MANY), "many users, both CPUs": (2, MANY),
}


def cost(cpus, clients):
    """CPU nanoseconds of a cycle. Each CPU has a listener of its own, of the same service."""
    def one(number):
        return load(built("cycle"), CPUS[-1 - number], f"127.0.0.{number + 1}", PORT, session.WARM_MS,
                    session.SLICE_MS, 0, clients, nice=session.AHEAD)
    with concurrent.futures.ThreadPoolExecutor(cpus) as pool:
        done = list(pool.map(one, range(cpus)))
    return sum(wall if session.irq_time() else cpu for _, cpu, wall in done) / sum(cycles for cycles, _, _ in done)


def run(options):
    fresh_namespace()
    if len(CPUS) < 2:
        return [Table("Both CPUs at once", {"name": ("", "s")}, ["skipped: one CPU"])]
    names = {f"{variant}, {shape}": (variant, shape) for shape in SHAPES
             for variant in options.variants or ["bare", "caps+events"]}
    samples = slices.alternate({name: VARIANTS[variant] for name, (variant, _) in names.items()},
                               lambda name: lambda child: cost(*SHAPES[names[name][1]]),
                               options.rounds or (6 if options.quick else 24), "both")
    table = Table("Both CPUs at once, ns of CPU for a session of both ends", {
        "name": ("variant", "s"), "shape": ("", "s"), "min": ("min", ".0f"), "median": ("median", ".0f"),
        "ratio_min": ("min/bare", ".3f"), "ratio_median": ("median/bare", ".3f"), **INTERVAL,
        "slices": ("slices", "d"), **GOAL}, samples.notes())
    on_one = {}
    for name, (variant, shape) in names.items():
        row = samples.summary(name, f"bare, {shape}")
        goal = {}
        if variant == "caps+events":
            users, cpus = shape.split(", ")
            on_one.setdefault(users, row["high"])
            goal = table.goal(row["low"], row["high"], most=round(on_one[users], 3)) if cpus == "both CPUs" else {}
        table.add(name=variant, shape=shape, **row, **goal)
    table.notes.append("target: no worse than the upper end of the interval on one CPU")
    return [table]
