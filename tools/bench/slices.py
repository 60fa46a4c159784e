# SPDX-License-Identifier: GPL-2.0-only
"""Alternation in short slices, and what is made of the samples.

Every round runs one slice of each variant, in an order that changes from round to round, so
that what drifts (clock rate, caches, neighbours) meets all of them alike. A slice during which
somebody else's BPF programs came to this host or left it is run again, and said if that persists.

Slices of one variant that are ten slices apart differ by half as much again as neighbours: where
that matters (paired), the base runs before and after each of the others, and these two are what it is
divided by.
"""
import random
import statistics
import sys
import time

import kernel
from world import Skip

OLD_LINKS = kernel.links()  # there before us: the "bare" kernel has them too
TRIES, PATIENCE = 2, 1.5  # seconds
HOPELESS = 5  # so many disturbed slices in a row: it will not be quiet soon


class Samples:
    def __init__(self, names):
        self.of = {name: [] for name in names}
        self.beside = {}  # paired: name -> what the base took just before and after, on average
        self.skipped = {}
        self.disturbed = self.slices = self.streak = 0

    def names(self):
        return [name for name in self.of if name not in self.skipped]

    def ratios(self, name, base="bare"):
        """Against the base of the same round, or where they are paired its neighbours."""
        return [mine / other for mine, other in zip(self.of[name], self.beside.get(name) or self.of[base])]

    def summary(self, name, base="bare"):
        mine, other, ratios = self.of[name], self.of[base], self.ratios(name, base)
        low, high = interval(ratios)
        return {
            "min": min(mine), "median": statistics.median(mine),
            "ratio_min": min(mine) / min(other), "ratio_median": statistics.median(ratios),
            "low": low, "high": high, "slices": len(mine),
        }

    def notes(self):
        lines = [f"{name}: skipped: {why}" for name, why in self.skipped.items()]
        if self.disturbed:
            lines.append(f"{self.disturbed} of {self.slices} slices ran beside other BPF programs "
                         "(or statistics) than there were at the start")
        return lines


def interval(values, times=1000):
    """Where the median of such values lies in 95 of 100 cases (bootstrap)."""
    pick = random.Random(1)
    medians = sorted(statistics.median(pick.choices(values, k=len(values))) for _ in range(times))
    return medians[times * 25 // 1000], medians[times * 975 // 1000 - 1]


def foreign(child):
    """What others do on this host that a slice would feel."""
    others = kernel.links() - (kernel.links_of(child.pid) if child else set())
    found = others ^ OLD_LINKS  # who came, who went
    return found | {"statistics"} if kernel.statistics_are_on() else found


def one(variant, measure, hope):
    """One slice: its value, and whether it was disturbed."""
    for _ in range(TRIES if hope else 1):
        with variant() as child:
            if hope:
                quiet(child)
            before = foreign(child)
            value = measure(child)
            if not before and not foreign(child):
                return value, False
    return value, True


def quiet(child):
    """Gives others a moment to take their programs away."""
    deadline = time.monotonic() + PATIENCE
    while foreign(child) and time.monotonic() < deadline:
        time.sleep(0.05)


def alternate(variants, measure, rounds, say=None, paired=None):
    """variants: name -> context manager; measure(name) -> function of the attached
    process -> number; paired: the name of the base, if it is to run beside each of the others."""
    samples, order = Samples(variants), random.Random(1)
    for number in range(rounds):
        names = [name for name in samples.names() if name != paired]
        order.shuffle(names)
        before = run_one(samples, paired, variants, measure) if paired else None
        for name in names:
            value = run_one(samples, name, variants, measure)
            if paired and value is not None:
                after = run_one(samples, paired, variants, measure)
                samples.beside.setdefault(name, []).append((before + after) / 2)
                before = after
        progress(say, number + 1, rounds)
    return samples


def run_one(samples, name, variants, measure):
    """One slice more of this variant; None if it cannot be had here."""
    try:
        value, disturbed = one(variants[name], measure(name), samples.streak < HOPELESS)
    except Skip as reason:
        samples.skipped[name] = str(reason)
        return None
    samples.of[name].append(value)
    samples.slices += 1
    samples.disturbed += disturbed
    samples.streak = samples.streak + 1 if disturbed else 0
    return value


def progress(what, number, rounds):
    if what and sys.stderr.isatty():
        end = "\r" if number < rounds else "\r\033[K"
        print(f"{what}: {number}/{rounds}", end=end, file=sys.stderr, flush=True)
