# SPDX-License-Identifier: GPL-2.0-only
"""Full tables: how long the listings take, and what memory headcount takes, at default sizes."""
import resource
import statistics

import events
import kernel
from holders import Holders
from report import GOAL, Table
from variants import *

USERS, CONNECTIONS = 50000, 100000  # both ends are here: 200,000 sessions
LISTINGS = {"users": (USERS, 0.2), "sessions": (2 * CONNECTIONS, 0.5)}


def wall_and_cpu(*command):
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)  # a timeout would look only every 50 ms
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.monotonic() - start,
            after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def listings(options):
    table = Table(f"Listings to /dev/null, {USERS:,} users, {2 * CONNECTIONS:,} sessions, seconds of wall", {
        "what": ("command", "s"), "rows": ("rows", ",d"), "min": ("min", ".3f"), "median": ("median", ".3f"),
        "cpu": ("least CPU", ".3f"), **GOAL})
    for name, (least, target) in LISTINGS.items():
        rows = len(harness.ask(name))
        if rows < least:
            raise RuntimeError(f"headcount {name} has {rows} rows, not {least}")
        for command in [name], [name, "--json"]:
            times, cpu = zip(*(wall_and_cpu(harness.PROGRAM, *command) for _ in range(9)))
            table.add(what=" ".join(["headcount", *command]), rows=rows, min=min(times),
                      median=statistics.median(times), cpu=min(cpu), **table.goal(statistics.median(times), most=target))
    return table


def maps(pid):
    """name -> kernel bytes of the maps that a process has open, each once."""
    shown = {m["id"]: m["name"] for m in json.loads(harness.run("bpftool", "-j", "map", "show"))}
    found = {int(number): int(text["memlock"]) for number, text in kernel.fdinfo(pid, "map_id")}
    return {shown[number]: size for number, size in found.items() if number in shown}


def default_size(name):
    """sessions_max or users_max as they are without a configuration, from `run --check`."""
    said = harness.headcount("run", "-c", "/dev/null", "--check")[1]
    return int(re.search(rf"(\d+) {name}", said)[1])


def memory(before, empty, full):
    table = Table("Memory with the default sizes", {
        "what": ("", "s"), "bytes": ("bytes", ",d"), "mib": ("MiB", ".1f"), "each": ("bytes each", ".0f")})

    def add(what, size, each=None):
        table.add(what=what, bytes=size, mib=size / 2**20, each=size / each if each else None)
    add("kernel: sessions", before["sessions"], default_size("sessions"))
    add("kernel: users", before["users"], default_size("users"))
    for name in sorted(before, key=before.get, reverse=True):
        if name not in ("sessions", "users") and before[name] >= 2**20:
            add("kernel: " + name, before[name])
    add("kernel: all maps", sum(before.values()))
    add("daemon, resident, idle", empty[0])
    add("  of it anonymous", empty[1])
    add(f"daemon, resident, after {2 * CONNECTIONS:,} sessions", full[0])
    add("  of it anonymous", full[1])
    table.notes.append("maps by the kernel's memlock of fdinfo; the rings are mapped by the daemon: in both")
    return table


def run(options):
    fresh_namespace()
    with caps_events() as child, Holders(CONNECTIONS, USERS) as holders:
        def resident():
            return events.status_of(child.pid, "VmRSS"), events.status_of(child.pid, "RssAnon")
        before, empty = maps(child.pid), resident()
        holders.hold(CONNECTIONS)
        time.sleep(0.1)  # the daemon prints
        listed = listings(options)
        return [listed, memory(before, empty, resident())]
