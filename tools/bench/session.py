# SPDX-License-Identifier: GPL-2.0-only
"""Cost of a session: connect, accept, close by RST, both ends on this host."""
import slices
from report import GOAL, INTERVAL, Table
from variants import *

TARGETS = {"caps+events": 1.10, "served": 1.10, "inbound": 1.06}
PEERS = "nft", "xt_connlimit"
AHEAD = -20  # of what else wants this CPU, and would leave its caches cold
WARM_MS, SLICE_MS = 60, 150  # the warm-up is the same for all, the bare kernel included


def cost(server="127.0.0.1"):
    """Cycles, and CPU nanoseconds of one. Where interrupts are not charged to the process that they
    interrupt (CONFIG_IRQ_TIME_ACCOUNTING), the CPU clock misses half of it: then by the wall."""
    cycles, cpu, wall = load(built("cycle"), LOAD_CPU, server, PORT, WARM_MS, SLICE_MS, nice=AHEAD)
    return cycles, (wall if irq_time() else cpu) / cycles


def irq_time():
    import gzip
    for path in "/proc/config.gz", f"/boot/config-{os.uname().release}":
        with contextlib.suppress(OSError), (gzip.open if path.endswith("gz") else open)(path, "rt") as config:
            return "CONFIG_IRQ_TIME_ACCOUNTING=y" in config.read()
    return False


def counted(name):
    """The cost, and proof that headcount saw what was measured."""
    def measure(child):
        cycles, ns = cost()
        if name in ("caps", "caps+events", "inbound", "served"):
            opened = sum(row["opened"] for row in harness.ask("users", "--service", "web"))
            if opened < cycles:
                raise RuntimeError(f"{name}: headcount saw {opened} of {cycles} sessions")
        return ns
    return measure


def run(options):
    fresh_namespace()
    chosen, known = options.variants or list(VARIANTS), {**VARIANTS, **PARTS}
    samples = slices.alternate({n: known[n] for n in dict.fromkeys(["bare", *chosen])}, counted,
                               options.rounds or (8 if options.quick else 40), "session", paired="bare")
    table = Table("Cost of a session (connect, accept, RST close on loopback, both ends), ns of CPU", {
        "name": ("variant", "s"), "what": ("", "s"), "min": ("min", ".0f"), "median": ("median", ".0f"),
        "ratio_min": ("min/bare", ".3f"), "ratio_median": ("median/bare", ".3f"), **INTERVAL,
        "slices": ("slices", "d"), **GOAL}, samples.notes())
    rows = {name: samples.summary(name) for name in samples.names()}
    for name, row in rows.items():
        goal = table.goal(row["low"], row["high"], most=TARGETS[name]) if name in TARGETS else {}
        table.add(name=name, what=WHAT[name], **row, **goal)
        for peer in PEERS:
            if name in TARGETS and peer in rows:
                below = row["high"] < rows[peer]["low"]
                table.notes.append(f"{name}: its interval is {'' if below else 'NOT '}wholly below that of {peer}")
    table.notes.append("median/bare: median of the ratios to the bare slices just before and after, and where it "
                       "lies in 95 of 100 cases")
    return [table]
