#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""audit, when the world changes between its two looks."""
from clients import *

PORT = 7143


def vanish_under_audit(delay):
    """Sessions that begin in audit's first look; before its second, no name and no process leads to
    their namespace any more. How many audit takes for stale."""
    client_host(9)
    clients = [new_socket(namespace="c9") for _ in range(20)]
    audit = start(PROGRAM, "audit", "--json")
    time.sleep(delay)
    for s in clients:
        s.connect((address(9), PORT))
    run("ip", "netns", "del", "c9")
    out, _ = audit.communicate(timeout=60)
    for s in clients:
        s.close()
    return json.loads(out)["stale"]


@test
def namespace_that_vanishes():
    """sessions in a namespace that can no longer be entered are not taken for stale ones"""
    with Headcount(section("headcount", sessions_max=1 << 20)), Server("0.0.0.0", PORT) as server:
        for attempt in range(12):
            equal(vanish_under_audit(attempt * 0.02), 0, f"stale sessions in attempt {attempt}")
            server.hang_up()
            until(lambda: "v9@" not in run("ip", "link"), "the namespace to vanish", 30)


main()
