#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A seed is a plan: printing it twice gives the same, another seed another, and a round stands alone."""
import os
import subprocess

TORTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torture")


def rounds(*options):
    """The rounds that --plan prints, without the line of the seed."""
    done = subprocess.run([TORTURE, "--plan", *options], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[1:]


checks = {
    "the same seed, the same plan": rounds("--seed", "7") == rounds("--seed", "7") != [],
    "another seed, another plan": rounds("--seed", "7") != rounds("--seed", "8"),
    "a round does not depend on where the plan began":
        rounds("--seed", "7", "--first", "4", "--rounds", "1") == rounds("--seed", "7")[3:4],
}
for number, (name, right) in enumerate(checks.items(), 1):
    print(f"{'ok' if right else 'not ok'} {number} - {name}")
print(f"1..{len(checks)}")
