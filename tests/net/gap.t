#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Records lost while no daemon reads: the next one's events tell of them."""
from clients import *

PORT = 7143


def churn(channel):
    """Sessions from this host to itself, 1000 for each word, four records each."""
    listener = listen("127.0.0.1", PORT)
    while channel.recv(9):
        for _ in range(1000):
            with plain_connect("127.0.0.1", PORT):
                listener.accept()[0].close()
        answer(channel, "done")


def ring_full():
    return ask("status")["losses"]["ring-full"]


def fill_the_ring():
    with Child(churn) as child:
        while not ring_full():
            child.tell()
            child.hear()


def told(*daemons):
    return sum(e["headcount.events-lost"] for hc in daemons for e in list(hc.events)
               if e["event.action"] == "events-lost" and e["event.reason"] == "ring-full")


@test
def killed():
    """kill -9, the ring runs over, run --pin: its events tell how many were lost, once"""
    with Headcount("", "--pin") as first:
        first.end(signal.SIGKILL)
    fill_the_ring()
    with Headcount("", "--pin") as second:
        until(lambda: told(first, second) >= ring_full(), "events that tell of them all")
        second.end()
    with Headcount("", "--pin") as third:
        until(lambda: told(first, second, third) >= ring_full(), "events that tell of what was lost since")
        third.end()
        equal(told(first, second, third), ring_full(), "told of and lost")
    equal(headcount("detach")[0], 0, "exit code of detach")


main()
