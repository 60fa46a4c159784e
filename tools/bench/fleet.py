# SPDX-License-Identifier: GPL-2.0-only
"""Users granted a second by the fleet's stores: real servers, the real client of some hosts in one process."""
import statistics

import storing
from report import Table
from world import *

HOSTS, TARGET = 4, 50000
USERS = 400000  # of all hosts together, each a user of its own
# What; shards, replicas of each, hosts, users that each host asks for at a time.
VARIANTS = [("one", 1, 0, HOSTS, 512), ("one, one host", 1, 0, 1, 512), ("one, 50 hosts", 1, 0, 50, 512),
            ("one, 50 hosts, 8 users at a time", 1, 0, 50, 8), ("one, a replica acknowledges", 1, 1, HOSTS, 512),
            ("two shards, on both cores", 2, 0, HOSTS, 512), ("four shards, on both cores", 4, 0, HOSTS, 512)]
TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def servers(name, cpu, replicas):
    """A server on a core, and its replicas on the other: the primary's process, where hosts find it."""
    with contextlib.ExitStack() as stack:
        folder, primary = f"/run/{name}", None
        for i in range(replicas + 1):
            os.makedirs(f"{folder}.{i}")
            server = stack.enter_context(process(
                storing.SERVER, "--port", 7500 + i if replicas else 0, "--unixsocket", f"{folder}.{i}/socket", "--save", "",
                "--dir", f"{folder}.{i}", *(storing.replica_of(7500) if i else []), cpu=LOAD_CPU if i else cpu))
            harness.until(lambda: "PONG" in ask(f"{folder}.{i}", "ping"), "the server")
            primary = primary if i else server
        harness.until(lambda: f"connected_slaves:{replicas}\r" in ask(f"{folder}.0", "info", "replication"), "the replicas")
        yield primary.pid, f"unix:{folder}.0/socket"


def ask(folder, *words):
    return subprocess.run([storing.CLI, "-s", f"{folder}/socket", *words], capture_output=True).stdout.decode()


def cpu_seconds(pid):
    """Of the main thread: others free memory."""
    with open(f"/proc/{pid}/task/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(number, shards, replicas, hosts, ahead):
    """Users a second by the clock, by a second of a store's CPU; µs of the hosts' CPU for one; users in a message."""
    fresh_namespace()
    cpus = [OTHER_CPU, LOAD_CPU] if shards > 1 else [OTHER_CPU]
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(servers(f"store{number}.{i}", cpus[i % len(cpus)], replicas)) for i in range(shards)]
        before = sum(cpu_seconds(pid) for pid, _ in found)
        granted, wall, cpu, messages = load(built("grants"), hosts, USERS // hosts, 1 + replicas, ahead, *(place for _, place in found))
        stores = sum(cpu_seconds(pid) for pid, _ in found) - before
        if granted != USERS:
            raise RuntimeError(f"only {granted} of {USERS} users were granted")
    return granted / wall * 1e9, granted / stores, cpu / granted / 1e3, granted / messages


def run(options):
    table = Table(f"The fleet: {USERS:,} users granted, {HOSTS} hosts (or as said) in one process on CPU {LOAD_CPU}", {
        "what": ("stores", "s"), "clock": ("users/s by the clock", ",.0f"), "core": ("users/s of a store's core", ",.0f"),
        "host": ("µs of the hosts' CPU each", ".2f"), "message": ("users a message", ".0f"), "target": ("target", "s"), "met": ("", "s")})
    if not storing.SERVER:
        table.notes.append("skipped: no redis-server or valkey-server")
        return [table]
    rounds = options.rounds or (1 if options.quick else 5)
    number = 0
    for what, shards, replicas, hosts, ahead in VARIANTS:
        got = []
        for _ in range(rounds):
            number += 1
            got.append(measure(number, shards, replicas, hosts, ahead))
        clock, core, host, message = map(statistics.median, zip(*got))
        # With two cores the shards share them with each other and the hosts: what four have alone is reckoned.
        goal = table.goal(min(one[0] for one in got), max(one[0] for one in got), least=TARGET) if shards == 1 and ahead > 256 else (
            table.goal(*(4 * pick(one[1] for one in got) for pick in (min, max)), least=4 * TARGET) if shards == 4 else {})
        table.add(what=what, clock=clock, core=core, host=host, message=message, **goal)
    table.notes.append(f"{storing.SERVER} on CPU {OTHER_CPU}, its replica on CPU {LOAD_CPU}; medians of {rounds}; "
                       "one core's figure is by CPU time of a server's main thread")
    table.notes.append("the target of four shards is compared with four times the figure of a core: this machine may have fewer cores")
    return [table]
