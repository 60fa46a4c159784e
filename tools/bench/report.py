# SPDX-License-Identifier: GPL-2.0-only
"""Tables: for a person at the end, for a program as one JSON object."""
import os
import time

import kernel
from world import harness

GOAL = {"target": ("target", "s"), "met": ("", "s")}
INTERVAL = {"low": ("95 %", ".3f"), "high": ("", ".3f")}


class Table:
    """columns: key -> (heading, format); a row is a dict. "target" and "met" are like any other."""

    def __init__(self, title, columns, notes=()):
        self.title, self.columns, self.rows, self.notes = title, columns, [], list(notes)

    def add(self, **row):
        self.rows.append(row)

    def goal(self, low, high=None, most=None, least=None):
        """The cells that say whether a target was met, by all of the interval low..high or by
        nothing of it; "unclear" (null in JSON) if the target lies within."""
        high = low if high is None else high
        met = [value <= most if most is not None else value >= least for value in (low, high)]
        sign, bound = ("<=", most) if most is not None else (">=", least)
        return {"target": f"{sign} {bound:,}", "met": met[0] if met[0] == met[1] else None}

    def cell(self, row, key):
        value = row.get(key)
        if key == "met" and key in row:
            return {True: "met", False: "MISSED", None: "unclear"}[value]
        return "" if value is None else format(value, self.columns[key][1])

    def text(self):
        cells = [[heading for heading, _ in self.columns.values()]]
        cells += [[self.cell(row, key) for key in self.columns] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*cells)]
        number = [self.columns[key][1] not in ("", "s") for key in self.columns]
        lines = [self.title, ""]
        for row in cells:
            lines.append("  ".join(c.rjust(w) if right else c.ljust(w)
                                   for c, w, right in zip(row, widths, number)).rstrip())
        return "\n".join(lines + [f"  {note}" for note in self.notes]) + "\n"

    def json(self):
        return {"title": self.title, "rows": self.rows, "notes": self.notes}


def machine(command):
    model = "unknown"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "kernel": os.uname().release, "machine": os.uname().machine, "cpu": model, "cpus": os.cpu_count(),
        "bpf links that were there": len(kernel.links()), "load": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"), "command": command,
        "headcount": harness.run(harness.PROGRAM, "--version").strip(),
    }
