# SPDX-License-Identifier: GPL-2.0-only
"""Does a session cost more when many are held? By one user, and by 50,000 users.

The held sessions are opened while the variant is attached (nft knows no others) to the service
that is measured, and by the user that is measured where there is one. The bare kernel's own
growth, of its tables and of caches, is shown beside, and divided out."""
import random
import statistics

import session
import slices
from holders import Holders
from report import GOAL, INTERVAL, Table
from variants import *

TARGET = 1.05
ONE, MANY = (10, 1000, 9000), (10, 10000, 200000)
USERS = 50000
NFT_ROUNDS = 3


@contextlib.contextmanager
def ours_large(cap=HIGH_CAP):
    """Both ends of 200,000 connections are 400,000 sessions: more than the default size."""
    with caps_events(cap, top="[headcount]\nsessions_max = 524288\n") as child:
        yield child


def climb(variant, levels, users, slices_each):
    """Least CPU ns of a cycle at each level, in one attachment; and whether it was disturbed."""
    costs, disturbed = [], False
    fresh_namespace()
    with variant() as child, Holders(levels[-1], users) as holders:
        for level in levels:
            holders.hold(level)
            disturbed |= bool(slices.foreign(child))
            costs.append(min(session.cost()[1] for _ in range(slices_each)))
            disturbed |= bool(slices.foreign(child))
    return costs, disturbed


def measure(title, variants, levels, users, rounds, slices_each):
    """Rounds of climbs. nft takes half a minute for one and grows far beyond noise: a few will do."""
    table = Table(title, {
        "name": ("variant", "s"), "held": ("held", ",d"), "min": ("min ns", ".0f"),
        "median": ("median ns", ".0f"), "growth": ("of its own at 10", ".3f"),
        "net": ("bare's growth divided out", ".3f"),
        **INTERVAL, "over_bare": ("of bare, as many held", ".3f"), **GOAL})
    found, disturbed, order = {name: [] for name in variants}, 0, random.Random(1)
    for number in range(rounds):
        names = list(variants)
        order.shuffle(names)
        for name in names:
            if found[name] is None or (name == "nft" and number >= NFT_ROUNDS):
                continue
            try:
                costs, foreign = climb(variants[name], levels, users, slices_each)
            except Skip as reason:
                table.notes.append(f"{name}: skipped: {reason}")
                found[name] = None
                continue
            found[name].append(costs)
            disturbed += foreign
        slices.progress("growth", number + 1, rounds)
    for name, costs in found.items():
        if costs:
            rows_of(table, name, costs, found["bare"], levels)
    if disturbed:
        table.notes.append(f"{disturbed} of {sum(len(c or []) for c in found.values())} climbs ran beside "
                           "other BPF programs than there were at the start")
    return table


def rows_of(table, name, costs, bare, levels):
    for i, level in enumerate(levels):
        growth = [c[i] / c[0] for c in costs]
        net = [own * b[0] / b[i] for own, b in zip(growth, bare)]  # of the same round
        low, high = slices.interval(net)
        table.add(name=name, held=level, min=min(c[i] for c in costs),
                  median=statistics.median(c[i] for c in costs), growth=statistics.median(growth),
                  net=statistics.median(net), low=low, high=high,
                  over_bare=statistics.median(c[i] / b[i] for c, b in zip(costs, bare)),
                  **(table.goal(low, high, most=TARGET) if name == "caps+events" and i else {}))


def run(options):
    one = {"bare": bare, "caps+events": caps_events, "nft": nft}
    many = {"bare": bare, "caps+events": ours_large}
    tables = [
        measure("Growth: sessions held by the one user", one, ONE, 0,
                options.rounds or (3 if options.quick else 10), 4),
        measure(f"Growth: sessions held by {USERS:,} users", many, MANY, USERS,
                options.rounds or (1 if options.quick else 3), 6)]
    tables[1].notes.append("headcount with sessions_max = 524288: both ends of a connection are "
                           "sessions here")
    return tables
