# SPDX-License-Identifier: GPL-2.0-only
"""Events: how fast they become lines, and whether any is lost when this machine opens and closes
sessions as fast as it can, on every CPU, while the daemon has no CPU of its own."""
import statistics

from report import GOAL, Table
from variants import *

TARGET = 1500000
LOSSES = "ring-full", "refusal-ring-full", "sessions-full", "users-full"


def drained(options):
    table = Table("Events: from the ring to lines of JSON on /dev/null, by one core", {
        "what": ("", "s"), "min": ("min /s", ",.0f"), "median": ("median /s", ",.0f"),
        "max": ("max /s", ",.0f"), "ns": ("ns/record", ".0f"),
        "bytes": ("bytes/line", "d"), **GOAL})
    runs = [load("taskset", "-c", LOAD_CPU, built("drain"), 20) for _ in range(3 if options.quick else 9)]
    rates = [records / ns * 1e9 for records, ns, _ in runs]
    median = statistics.median(rates)
    table.add(what="drained, decoded, printed", min=min(rates), median=median, max=max(rates),
              ns=1e9 / median, bytes=runs[0][2], **table.goal(median, least=TARGET))
    table.notes.append("records of 4,096 sessions of as many users, both families; the daemon's own drain.c")
    return table


def storm(seconds):
    """Cycles made on all CPUs at once; what headcount's counters lost; lines that came out."""
    fresh_namespace()
    path = "/run/bench-last-line"
    with open(path, "wb") as out, process("tail", "-n", "1", cpu=None, stdout=out) as tail:
        # The number of the last line says how many there were, whatever headcount's counters say.
        with process(harness.PROGRAM, "run", "-c", configuration(), cpu=None, ready=says("ready"),
                     stdout=tail.stdin) as child:
            tail.stdin.close()
            loads = [subprocess.Popen([built("cycle"), str(cpu), f"127.0.0.{cpu % 200 + 1}", str(PORT), "0",
                                       str(seconds * 1000)], stdout=subprocess.PIPE) for cpu in CPUS]
            cycles = [list(map(int, one.communicate()[0].split())) for one in loads]
            lost = harness.ask("status")["losses"]
            resident = status_of(child.pid, "VmRSS")
        tail.wait(30)
    with open(path) as out:
        lines = json.loads(out.read())["event.sequence"]
    return sum(c[0] for c in cycles), max(c[2] for c in cycles) / 1e9, lost, lines, resident


def status_of(pid, key):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key + ":"))


def lossless(options):
    table = Table("Events: at the highest rate of sessions that this machine makes", {
        "cycles": ("connections", ",d"), "rate": ("sessions/s", ",.0f"),
        "records": ("records expected", ",d"), "lines": ("lines", ",d"), "lost": ("counted lost", ",d"),
        "resident": ("daemon RSS MiB", ".1f"), **GOAL})
    for _ in range(1 if options.quick else 3):
        cycles, seconds, lost, lines, resident = storm(3)
        expected, gone = 4 * cycles, sum(lost[reason] for reason in LOSSES)
        # Sessions of the rest of the host add lines, so there may be more; never fewer.
        table.add(cycles=cycles, rate=2 * cycles / seconds, records=expected, lines=lines, lost=gone,
                  resident=resident / 2**20, target="none lost", met=gone == 0 and lines >= expected)
    table.notes.append("both ends are sessions, each opens and closes; the load is on all "
                       f"{len(CPUS)} CPUs, the daemon beside it")
    return table


def run(options):
    return [drained(options), lossless(options)]
