#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""`run --check`: how a file was understood, and what in it may not be what was meant."""
from harness import *


def check(config):
    """Its output, and the lines of that which warn or hint."""
    with open("/run/check.conf", "w") as file:
        file.write(config)
    code, out, err = headcount("run", "--check", "-c", "/run/check.conf")
    equal((code, err, out.splitlines()[0]), (0, "", "/run/check.conf: correct"), "exit code, stderr and first line")
    equal("\x1b" in out, False, f"bytes that steer a terminal in {out!r}")
    return out, [line for line in out.splitlines() if re.match("warning|hint", line)]


@test
def overrides():
    """lists every override, by its user"""
    out, advice = check(service("imap", listen=143, cap=3, total=9,
                                override=["10.1.0.0/16 64", "10.1.2.3 unlimited total=exempt", "10.1.2.4 total=exempt", "10.1.2.5 cap=6 idle=never excess=observe",
                                          "10.1.2.6 excess=reject idle=2h"])
                        + service("outbound", override="root 7"))
    rows = [line.split() for line in out.split("\n\n")[2].splitlines()]
    equal(rows[1:], [["outbound", "root", "7", "-", "-", "-"], ["imap", "10.1.0.0/16", "64", "-", "-", "-"],
                     ["imap", "10.1.2.3", "-", "exempt", "-", "-"], ["imap", "10.1.2.4", "3", "exempt", "-", "-"],
                     ["imap", "10.1.2.5", "6", "-", "never", "observe"], ["imap", "10.1.2.6", "3", "-", "2h00m", "reject"]], "rows")
    equal(advice, [], "advice")


@test
def warnings():
    """what is correct and may not be meant: a warning each, and exit 0"""
    for config, words in (
            (service("imap", listen=143, cap=10, total=9), ["[service imap]", "total of 9", "cap, 10"]),
            (service("imap", listen=143, user="client/24", override="10.1.2.3 5"), ["line 4:", "10.1.2.0/24"]),
            (service("imap", listen=143, override="2001:db8::7 5"), ["line 3:", "2001:db8::/64"]),
            (service("imap", listen=143, override="10.1.2.3 5 total=exempt"), ["[service imap]", "no total"]),
            (section("headcount", netns="cellar"), ["netns /run/netns/cellar does not exist"]),
            (section("headcount", netns="/run/\x1b[2J"), [r"netns /run/\x1b[2J does not exist"]),
            (service("Inbound", listen=143), ["[service Inbound]", "built-in one is [service inbound]"]),
            (service("OUT-BOUND", listen=143), ["[service OUT-BOUND]", "built-in one is [service outbound]"])):
        advice = check(config)[1]
        equal((len(advice), advice[0].startswith("warning: "), [word for word in words if word not in advice[0]]), (1, True, []),
              f"{advice} for {config!r}")


@test
def proxies():
    """clients of a service that listens on loopback alone are most likely one, a proxy: a hint"""
    for listen, user, hinted in (("127.0.0.1:8080", "client", True), ("127.0.0.2:8080, [::1]:8080", "client", True),
                                 ("127.0.0.1:8080, 8081", "client", False), ("10.0.0.1:8080", "client", False),
                                 ("8080", "client", False), ("127.0.0.1:8080", "uid", False)):
        advice = check(service("web", listen=listen, user=user))[1]
        equal([line.startswith("hint: [service web] listens on loopback only") for line in advice], [True] * hinted, (listen, user, advice))


@test
def labels():
    """a service by label: what one client may have without, who may give labels, and the memory"""
    for labellers, who, advised in ((None, "root or a system account (uid up to 999), and on privileged ports to anybody", None),
                                    ("*", "anybody", "warning: [service db] takes labels from everybody"),
                                    ("root, daemon, 1234567", "uid 0 root, uid 1 daemon, uid 1234567", None), ("1234567", "uid 1234567", None),
                                    ("daemon", "uid 1 daemon", "hint: [service db] has no root among its labellers")):
        out, advice = check(service("db", listen=5432, user="label", unlabelled=5, login_grace=60, **{"labellers": labellers} if labellers else {}))
        equal([line for line in out.splitlines() if line.startswith("db: ")],
              ["db: without a label one client may have 5 sessions, each for 60 seconds",
               f"db: labels are taken from servers whose listening socket belongs to {who}"], labellers)
        equal("8.0 MiB for their labels" in out, True, out)
        equal([line.startswith(advised) for line in advice], [True] if advised else [], f"{labellers}: {advice}")


@test
def nothing_to_warn_of():
    """what is common is not warned of"""
    run("ip", "netns", "add", "cellar")
    for config in (section("headcount", netns="cellar, /proc/self/ns/net"), service("imap", listen=143, cap=9, total=9),
                   service("imap", listen=143, total=9), service("imap", listen=143, cap=9), service("in", listen=143),
                   service("imap", listen=143, user="client/24", override=["10.1.2.0/24 5", "10.0.0.0/8 9"])):
        equal(check(config)[1], [], config)


main()
