#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The measurements of tools/bench run: what they find is for `make bench` to say."""
from harness import *

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/bench/bench")


def tables(*arguments):
    return json.loads(run(BENCH, "--json", "--quick", *arguments))


@test
def sessions_and_hooks():
    """a round of bare sessions, sessions with empty programs and with headcount; the time in each program"""
    found = tables("--rounds", "1", "--variants", "floor,caps+events", "session", "hooks")
    rows = {row["name"]: row for row in found["session"][0]["rows"]}
    equal((set(rows), all(row["median"] > 1000 for row in rows.values())), ({"bare", "floor", "caps+events"}, True), rows)
    seen = {(row["name"], row.get("program")) for row in found["hooks"][0]["rows"]}
    equal({("caps+events", hook) for hook in ("connect4", "arrival", "milestone", "all")} - seen, set(), "programs")


@test
def of_the_fleet():
    """a round of warm sessions, which ask the store for nothing; newcomers to three hosts, and those who want too much"""
    warm = tables("--rounds", "1", "warm")["warm"][0]["rows"]
    equal(([row["name"] for row in warm], all(row["median"] > 1000 for row in warm)), (["host", "fleet"], True), warm)
    first, over = (table["rows"] for table in tables("--variants", "wait", "cold")["cold"])
    equal([(row["scope"], row["cold"], row["balance"]) for row in first], [("fleet", "wait", how) for how in ("source", "random")], first)
    equal([(row["first_late"], row["asks"] > 0) for row in first], [(100, True)] * 2, first)  # each waits for the unit
    equal([row["over"] for row in over], [0, 0], over)


main()
