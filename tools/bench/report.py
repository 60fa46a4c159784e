# SPDX-License-Identifier: GPL-2.0-only
"""Tables: for a person at the end, for a program as one JSON object."""
import os
import time

import kernel
from world import harness


class Table:
    """columns: key -> (heading, format); a row is a dict. "target" and "met" are like any other."""

    def __init__(self, title, columns, notes=()):
        self.title, self.columns, self.rows, self.notes = title, columns, [], list(notes)

    def add(self, **row):
        self.rows.append(row)

    def goal(self, value, most=None, least=None):
        """The cells that say whether a target was met."""
        met = value <= most if most is not None else value >= least
        sign, bound = ("<=", most) if most is not None else (">=", least)
        return {"target": f"{sign} {bound:g}", "met": met}

    def cell(self, row, key):
        value = row.get(key)
        if value is None:
            return ""
        if key == "met":
            return "met" if value else "MISSED"
        return format(value, self.columns[key][1])

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
