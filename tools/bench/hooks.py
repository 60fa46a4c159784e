# SPDX-License-Identifier: GPL-2.0-only
"""Nanoseconds of each program in one cycle, by the kernel's own BPF statistics. They cost time
themselves, so nothing else is measured meanwhile; the empty programs show how much is theirs."""
import kernel
import session
from report import Table
from variants import *

ORDER = ["connect4", "arrival", "milestone", "destroyed"]


def per_cycle(variant):
    """name: (runs, ns of one run) of the programs during the cycles of one slice, warm."""
    with variant() as child:
        session.cost()
        with kernel.statistics():
            before = kernel.programs_of(child.pid)
            cycles = load(built("cycle"), LOAD_CPU, "127.0.0.1", PORT, 0, 400, nice=session.AHEAD)[0]
            after = kernel.programs_of(child.pid)
    found = {}
    for name, (runs, ns) in after.items():
        runs, ns = runs - before[name][0], ns - before[name][1]
        if runs:
            found[name.split("_", 1)[1]] = (runs / cycles, ns / runs)
    return found


def per_cycle_ns(programs):
    return sum(runs * ns for runs, ns in programs.values())


def run(options):
    fresh_namespace()
    table = Table("Time in each program (BPF statistics), best of some slices", {
        "name": ("variant", "s"), "program": ("program", "s"), "runs": ("runs/cycle", ".2f"),
        "ns": ("ns/run", ".0f"), "ns_cycle": ("ns/cycle", ".0f")})
    wanted = options.variants or ["floor", "trace", "caps", "caps+events"]
    for name in [n for n in wanted if n in ("floor", "floor-no-states", "trace", "caps", "caps+events", "inbound")]:
        try:
            tries = [per_cycle(VARIANTS[name]) for _ in range(3 if options.quick else 7)]
        except Skip as reason:
            table.notes.append(f"{name}: skipped: {reason}")
            continue
        best = min(tries, key=per_cycle_ns)
        for program in sorted(best, key=lambda p: ORDER.index(p) if p in ORDER else 99):
            runs, ns = best[program]
            table.add(name=name, program=program, runs=runs, ns=ns, ns_cycle=runs * ns)
        table.add(name=name, program="all", ns_cycle=per_cycle_ns(best))
    table.notes.append("runs/cycle are of both ends; the whole host's sessions are in them")
    return [table]
