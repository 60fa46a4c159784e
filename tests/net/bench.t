#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: it measures, and its sessions fill the events of every other headcount
"""The measurements of tools/bench run: what they find is for `make bench` to say."""
from harness import *

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/bench/bench")


def tables(*arguments):
    signal.alarm(int(200 * SLOW))  # a fleet learns for a lease; and beside other tests
    done = subprocess.run([BENCH, "--json", "--quick", *arguments], capture_output=True, text=True, timeout=180 * SLOW)
    equal(done.returncode, 0, f"bench: {done.stderr}")
    return json.loads(done.stdout)


@test
def sessions_and_hooks():
    """a round of bare sessions, sessions with empty programs and with headcount; the time in each program"""
    found = tables("--rounds", "1", "--variants", "floor,trace,caps+events", "session", "hooks")
    rows = {row["name"]: row for row in found["session"][0]["rows"]}
    equal((set(rows), all(row["median"] > 1000 for row in rows.values())), ({"bare", "floor", "trace", "caps+events"}, True), rows)
    seen = {(row["name"], row.get("program")) for row in found["hooks"][0]["rows"]}
    equal({("caps+events", hook) for hook in ("connect4", "arrival", "milestone", "all")} - seen, set(), "programs")


@test
def warm():
    """a round of warm sessions of the fleet, which ask the store for nothing, beside those of a host's cap"""
    rows = tables("--rounds", "1", "warm")["warm"][0]["rows"]
    equal(([row["name"] for row in rows], all(row["median"] > 1000 for row in rows)), (["host", "fleet"], True), rows)


@test
def cold():
    """newcomers to three hosts wait for their units, and no more come in than the cap allows"""
    first, over = (table["rows"] for table in tables("--variants", "wait", "cold")["cold"])
    equal([(row["scope"], row["cold"], row["balance"]) for row in first], [("fleet", "wait", how) for how in ("source", "random")], first)
    equal([(row["first_late"], row["asks"] > 0) for row in first], [(100, True)] * 2, first)
    equal([row["over"] for row in over], [0, 0], over)


main()
