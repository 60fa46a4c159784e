#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""store.py DATABASE: keeps headcount's events, a line each on standard input, in SQLite, each of them
once however often it comes; at the end of input says how many it had already, and which are missing."""
import json
import sqlite3
import sys

# What one reader has lost, by reason: such a line stands in the place of those.
READERS = "subscriber-slow", "stdout-slow", "file-write", "not-connected", "daemon-restarted"

db = sqlite3.connect(sys.argv[1])
db.execute("""CREATE TABLE IF NOT EXISTS event (host, run, number INTEGER, stands_from INTEGER, line,
              PRIMARY KEY (host, run, number))""")


def key(event):
    """The three by which a line is known, and the first number that it stands for."""
    number, first = event["event.sequence"], event["event.sequence"]
    if event["event.action"] == "events-lost" and event["event.reason"] in READERS:
        lost = event["headcount.events-lost"]  # null: all of this run so far
        first = 1 if lost is None else number - lost + 1
    return event["host.name"], event["agent.ephemeral_id"], number, first


lines = new = bad = 0
for line in sys.stdin:
    lines += 1
    try:
        new += db.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?)", (*key(json.loads(line)), line)).rowcount
    except (ValueError, KeyError, TypeError):
        bad += 1  # the end of a line that somebody was killed in, say
    if lines % 1000 == 0:
        db.commit()
db.commit()
print(f"{lines} lines: {new} new, {lines - new - bad} that were there already, {bad} that are no events")
for gap in db.execute("""SELECT host, run, before + 1, stands_from - 1 FROM (SELECT *, coalesce(lag(number)
                         OVER (PARTITION BY host, run ORDER BY number), 0) AS before FROM event)
                         WHERE stands_from > before + 1"""):
    print("missing of {} {}: {} to {}".format(*gap))
