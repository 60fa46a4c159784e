# SPDX-License-Identifier: GPL-2.0-only
"""Ten subscribers of whom one is stopped: what the others get of the events, and what it is told."""
import signal

from report import GOAL, Table
from variants import *

SUBSCRIBERS, SECONDS = 10, 10
TARGET = 20000  # sessions a second: two a connection
SOCKET = "/run/headcount/events.sock"
SINK = "[headcount]\nevents = unix\n"


def connections(rate):
    """So many sessions a second, or as many as this machine makes."""
    cycles, _, wall = load(built("cycle"), LOAD_CPU, "127.0.0.1", PORT, 0, SECONDS * 1000, *([rate // 2] if rate else []))
    return cycles, wall / 1e9


def followed(follower):
    return list(map(int, follower.stdout.readline().split()))


def run_at(rate, table):
    fresh_namespace()
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(caps_events(top=SINK))
        followers = [stack.enter_context(process(built("follow"), SOCKET, cpu=None, stdout=subprocess.PIPE,
                                                 ready=says("ready", "stdout"))) for _ in range(SUBSCRIBERS)]
        os.kill(followers[0].pid, signal.SIGSTOP)
        cycles, seconds = connections(rate)
        lost = harness.ask("status")["losses"]
        os.kill(followers[0].pid, signal.SIGCONT)
        time.sleep(1)  # it reads what was kept for it
        daemon.terminate()
        stopped, *others = [followed(one) for one in followers]
    fewest, gaps = min(lines for lines, _, _ in others), sum(gaps for _, gaps, _ in others)
    lacking = stopped[1] + stopped[2]  # what tells of a gap has the number of the last that it lacks
    table.add(rate=2 * cycles / seconds, records=4 * cycles, fewest=fewest, gaps=gaps, ring=lost["ring-full"],
              lacking=lacking, told=lost["subscriber-slow"], target="nine complete",
              met=fewest >= 4 * cycles and not gaps and not lost["ring-full"] and 2 * cycles / seconds >= 0.98 * rate
              and lacking == lost["subscriber-slow"] > 0)


def run(options):
    table = Table(f"Events: {SUBSCRIBERS} subscribers of whom one is stopped, for {SECONDS} s", {
        "rate": ("sessions/s", ",.0f"), "records": ("records expected", ",d"), "fewest": ("lines of each of the nine", ",d"),
        "gaps": ("gaps", "d"), "ring": ("lost in the kernel", "d"), "lacking": ("the stopped one lacks", ",d"),
        "told": ("headcount counts", ",d"), **GOAL})
    for rate in TARGET, 0:
        run_at(rate, table)
    table.notes.append(f"the load on CPU {LOAD_CPU}, the daemon on CPU {OTHER_CPU}, the subscribers on both")
    return [table]
