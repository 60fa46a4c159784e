# SPDX-License-Identifier: GPL-2.0-only
"""A session of a fleet's user whose units are at hand, beside one of a cap of this host alone: two services
of one headcount that differ in nothing else, at ports of which turns.c takes one after the other."""
import statistics

import session
import slices
import storing
from report import GOAL, Table
from variants import *

TARGET = 1.01
CYCLES = 300  # in a slice: some ten milliseconds
SLICES = 51   # in a round
TURNS = 2     # attachments: in the second the two have changed their ports
UNITS = 4     # as many as a browser or a mail program would have
WHAT = {"host": "cap of this host alone", "fleet": "cap of the fleet, units at hand"}
SHAPE = """[fleet]
store = unix:/run/warm/socket
keep = 1h

[service fleet]
listen = FLEET
user = client/32/64
scope = fleet
cap = {cap}

[service host]
listen = HOST
user = client/32/64
cap = {cap}
"""


@contextlib.contextmanager
def store():
    os.makedirs("/run/warm", exist_ok=True)
    with process(storing.SERVER, "--port", 0, "--unixsocket", "/run/warm/socket", "--save", "", "--dir", "/run/warm") as server:
        harness.until(lambda: os.path.exists("/run/warm/socket"), "the store")
        yield server


def fetch_units(port):
    """The user's first sessions wait for their units, which stay when these have ended."""
    with socket.create_server(("127.0.0.1", port)), contextlib.ExitStack() as stack:
        for _ in range(UNITS):
            client = stack.enter_context(socket.socket())
            client.settimeout(30)
            client.connect(("127.0.0.1", port))
    harness.until(lambda: harness.ask("status")["fleet"]["units"] >= UNITS, "status to tell of them")


def told():
    """What the store was asked, and the sessions that each service has seen."""
    asks = sum(shard["asks"] for shard in harness.ask("status")["fleet"]["shards"])
    return asks, {name: sum(row["opened"] for row in harness.ask("users", "--service", name)) for name in WHAT}


def cycles_at(ports, count):
    """ns of a session in each slice: of the host's, the fleet's, by turns; and proof that this is what was measured."""
    before, opened = told()
    words = load(built("turns"), LOAD_CPU, "127.0.0.1", ports["host"], ports["fleet"], CYCLES, count, nice=session.AHEAD)
    after, seen = told()
    least = min(seen[name] - opened[name] for name in WHAT)
    if least < count // 2 * CYCLES or after != before:
        raise RuntimeError(f"{least} of {count // 2 * CYCLES} sessions were seen, and the store asked {after - before} times")
    return [ns / CYCLES for ns in words[session.irq_time()::2]]


def take(samples, child, ports):
    """A round: slices of both by turns, and each of the fleet's with a neighbour of the host's."""
    before = slices.foreign(child)
    ns = cycles_at(ports, SLICES)
    samples.slices += len(ns)
    samples.disturbed += len(ns) if before or slices.foreign(child) else 0
    for i in range(1, len(ns) - 1, 2):
        samples.of["fleet"].append(ns[i])
        # The one before or the one after, by turns. The mean of both would be more often above the
        # median than not: what disturbs only lengthens.
        samples.of["host"].append(ns[i + 1 if i % 4 == 1 else i - 1])


def turn(samples, number, rounds):
    """One attachment's rounds."""
    ports = {name: PORT + (i + number) % 2 for i, name in enumerate(WHAT)}
    shape = SHAPE.replace("FLEET", str(ports["fleet"])).replace("HOST", str(ports["host"]))
    with caps_events(HIGH_CAP, shape=shape) as child:
        harness.until(lambda: harness.ask("status")["fleet"]["shards"][0]["stage"] == "ready", "the store to grant", 30)
        fetch_units(ports["fleet"])
        for done in range(rounds):
            take(samples, child, ports)
            slices.progress("warm", number * rounds + done + 1, TURNS * rounds)


def run(options):
    table = Table("A session of the fleet's, units at hand, beside one of this host's cap, ns of CPU", {
        "name": ("scope", "s"), "what": ("", "s"), "min": ("min", ".0f"), "median": ("median", ".0f"),
        "ratio_min": ("min/host", ".3f"), "ratio_median": ("median/host", ".4f"),
        "low": ("95 %", ".4f"), "high": ("", ".4f"), "slices": ("slices", "d"), **GOAL})
    if not storing.SERVER:
        table.notes.append("skipped: no redis-server or valkey-server")
        return [table]
    fresh_namespace()
    samples = slices.Samples(WHAT)
    with store():
        for number in range(TURNS):
            turn(samples, number, -(-(options.rounds or (4 if options.quick else 40)) // TURNS))
    table.notes += samples.notes()
    for name in WHAT:
        row = samples.summary(name, "host")
        table.add(name=name, what=WHAT[name], **row, **(table.goal(row["low"], row["high"], most=TARGET) if name == "fleet" else {}))
    table.notes.append(f"slices of {CYCLES} sessions; median/host: median of the ratios to a slice just before or after, and where it "
                       "lies in 95 of 100 cases")
    return [table]
