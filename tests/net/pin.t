#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""run --pin: caps and counts outlive the daemon, the next one adopts them, detach removes them."""
import datetime

from clients import *

client_host(1)
PORT = 7143
ALICE, BOB = address(1, 2), address(1, 3)
CONFIG = service("imap", listen=PORT, user="client/32/64", cap=5)
PINS = "/sys/fs/bpf/headcount"


def crowd(source=ALICE, count=8):
    return Clients(address(1), PORT, 1, count, sources=[source], namespace="c1")


def pinned():
    return os.path.isdir(PINS) and os.listdir(PINS) != []


def detach():
    code, _, err = headcount("detach")
    equal((code, pinned()), (0, False), f"detach ({err}) and what is pinned")


def moment(text):
    return datetime.datetime.fromisoformat(text.rstrip("Z")).timestamp()


@test
def killed():
    """kill -9: the caps hold, sessions come and go, the next run adopts the same counts"""
    with Server("0.0.0.0", PORT) as server, crowd() as clients:
        with Headcount(CONFIG, "--pin") as hc:
            equal(clients.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes under the daemon")
            with crowd(BOB, 2) as leaving:
                equal(leaving.go(), {"ok": 2}, "outcomes of the other")
                before, sessions = ask("users", "--service", "imap"), our_sessions()
                hc.end(signal.SIGKILL)
                with crowd() as more:
                    equal(more.go(), {"ECONNREFUSED": 8}, "outcomes without a daemon")
                equal(active("imap", ALICE), 5, "active without a daemon")
        server.close_dead(2)
        with Headcount(CONFIG, "--pin") as hc:
            if not [line for line in hc.said if line.startswith("headcount: adopted")]:
                raise AssertionError(f"nothing adopted: {hc.said}")
            after = {row["user"]: row for row in ask("users", "--service", "imap")}
            equal((after[ALICE]["active"], after[BOB]["active"]), (5, 0), "active after the adoption")
            equal({row["user"]: row["opened"] for row in before},
                  {name: row["opened"] for name, row in after.items()}, "opened before and after")
            equal(after[ALICE]["refused"], 3 + 8, "refused after the adoption")
            before = {session_id(row): row["opened"] for row in sessions}
            mine = {session_id(row): row["opened"] for row in our_sessions()}
            # The clocks are compared anew: a millisecond may be the next one.
            equal({i: abs(moment(mine[i]) - moment(before[i])) < 0.1 for i in mine}, dict.fromkeys(mine, True),
                  f"same ages: {mine}, {before}")
            equal(len(mine), 10, "sessions, both ends")
            with crowd() as more:
                equal(more.go(), {"ECONNREFUSED": 8}, "outcomes under the next daemon")
            clients.close()
            server.close_dead(5)
            until_equal(lambda: active("imap", ALICE), 0, "active at the end")
            equal(headcount("audit")[0], 0, "exit code of audit")
    detach()


@test
def stopped():
    """SIGTERM: with --pin the caps stay until detach, without it nothing stays"""
    with Server("0.0.0.0", PORT):
        for options, want in ((("--pin",), {"ok": 5, "ECONNREFUSED": 3}), ((), {"ok": 8})):
            with Headcount(CONFIG, *options) as hc:
                hc.end()
                equal(pinned(), bool(options), "pinned")
                with crowd() as clients:
                    equal(clients.go(), want, f"outcomes after run {options}")
            detach()
        with crowd() as clients:
            equal(clients.go(), {"ok": 8}, "outcomes after detach")


@test
def adopted_policy():
    """a changed file is adopted with its new caps, ports and sessions charged once; late events name the old service"""
    with Server("0.0.0.0", PORT) as server, crowd() as clients:
        with Headcount(CONFIG, "--pin") as hc:
            equal(clients.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes under the first policy")
            hc.end(signal.SIGKILL)
        with crowd(BOB, 2) as late:
            equal(late.go(), {"ok": 2}, "outcomes without a daemon")
        server.close_dead(2)
        changed = service("pop", listen=9110, user="client/32/64") \
            + service("mail", listen=PORT, user="client/24/64", cap=7)
        with Headcount(changed, "--pin") as hc:
            until_equal(lambda: active("mail", f"{NET}1.0/24"), 5, "active in the new service")
            for action in "session-opened", "session-closed":
                event = hc.wait_event(event__action=action, source__ip=BOB, network__direction="ingress")
                equal(event.get("rule.name"), "imap", f"service of a late {action}")
            with crowd(BOB) as more:
                equal(more.go(), {"ok": 2, "ECONNREFUSED": 6}, "outcomes under the new policy")
    detach()


@test
def not_adopted():
    """a file that cannot be adopted leaves all in force that the pinned policy needs; the old one is adopted"""
    def many(name, **settings):
        return "".join(service(f"{name}{i}", listen=10000 + i, cap=5, **settings) for i in range(200))
    old = many("old", orphans="ignore") + service("web", listen=PORT, user="label", cap=5)
    with Headcount(old, "--pin") as hc:
        before = {row["program"] for row in ask("status")["attached"]}
        equal(before >= {"on_release", "on_setsockopt", "on_getsockopt"}, True, f"attached: {before}")
        hc.end(signal.SIGKILL)
    with open("/run/new.conf", "w") as file:
        file.write(many("new"))
    code, _, err = headcount("run", "--pin", "-c", "/run/new.conf")
    equal((code, "too many services" in err), (1, True), err)
    equal({row["program"] for row in ask("status")["attached"]}, before, "attached after that")
    with Headcount(old, "--pin") as hc:
        hc.wait_said("headcount: adopted")
    detach()


@test
def caps_of_the_moment():
    """what `cap` set holds over kill -9"""
    with Server("0.0.0.0", PORT), Headcount(CONFIG, "--pin") as hc:
        equal(headcount("cap", "imap", ALICE, "2")[0], 0, "exit code of cap")
        hc.end(signal.SIGKILL)
        with crowd() as clients:
            equal(clients.go(), {"ok": 2, "ECONNREFUSED": 6}, "outcomes without a daemon")
    detach()


@test
def only_one():
    """a second run is refused and does not disturb the first"""
    for options in (), ("--pin",):
        with Headcount(CONFIG, *options) as hc, Server("0.0.0.0", PORT), crowd() as clients:
            equal(clients.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes")
            for more in ["run", "-c", hc.path], ["run", "-c", hc.path, "--pin"]:
                code, out, err = headcount(*more)
                equal((code, out, len(err.splitlines())), (1, "", 1), f"a second run, which said {err!r}")
            equal(active("imap", ALICE), 5, "active")
            status = ask("status")
            equal((status["running"], status["pid"]), (True, hc.process.pid), "status")
        headcount("detach")


@test
def detach_while_running():
    """detach while the daemon runs is refused or complete, never half"""
    with Headcount(CONFIG, "--pin") as hc:
        code, _, err = headcount("detach")
        equal((code, pinned()) in ((1, True), (0, False)), True, f"exit {code}, {err!r}, pinned {pinned()}")
        hc.end()
    headcount("detach")
    equal(pinned(), False, "pinned")


@test
def pinned_is_left_alone():
    """run without --pin, where enforcement is pinned, says so and changes nothing"""
    with Server("0.0.0.0", PORT), Headcount(CONFIG, "--pin") as hc, crowd() as clients:
        equal(clients.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes under the daemon")
        hc.end(signal.SIGKILL)
        before = sorted(os.listdir(PINS))
        hc.configure(service("imap", listen=PORT, user="client/32/64"))
        code, out, err = headcount("run", "-c", hc.path)
        equal((code, out, len(err.splitlines()), "enforcement is pinned" in err), (1, "", 1, True), f"run: {err!r}")
        equal(sorted(os.listdir(PINS)), before, "what is pinned")
        equal(active("imap", ALICE), 5, "active")
        with crowd() as more, crowd(BOB) as others:
            equal(more.go(), {"ECONNREFUSED": 8}, "outcomes afterwards")
            equal(others.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes of the other")
    detach()


@test
def killed_unpinned():
    """kill -9 without --pin: the other commands see that nothing runs, the next run starts"""
    with Headcount(CONFIG) as hc:
        hc.end(signal.SIGKILL)
    for command in ["users"], ["sessions"], ["cap", "imap", ALICE, "1"]:
        code, out, err = headcount(*command)
        equal((code, out, len(err.splitlines()), "not running" in err), (1, "", 1, True), f"{command}: {err!r}")
    with Headcount(CONFIG) as hc, Server("0.0.0.0", PORT), crowd() as clients:
        equal([line for line in hc.said if "ready" not in line], [], "what the next run said")
        equal(clients.go(), {"ok": 5, "ECONNREFUSED": 3}, "outcomes under the next run")
    equal(pinned(), False, "pinned")


def outcomes_in_c9():
    with Server("0.0.0.0", PORT, "c9"), Clients(address(9, 2), PORT, 1, 8) as clients:
        return clients.go()


def inode_of_c9():
    return os.stat("/run/netns/c9").st_ino


def make_again(inode):
    """Deletes the namespace c9 and makes another, with the same inode number if that is to be had."""
    run("ip", "netns", "del", "c9")
    until(lambda: "v9@" not in run("ip", "link"), "the namespace to vanish")

    def same():
        client_host(9)
        if inode_of_c9() == inode:
            return True
        run("ip", "netns", "del", "c9")
        return until(lambda: "v9@" not in run("ip", "link"), "the namespace to vanish") and False
    with contextlib.suppress(Late):
        return until(same, "the inode number to come again", 4)
    client_host(9)
    return False


@test
def another_namespace():
    """another namespace of the same name: the next run --pin holds there"""
    client_host(9)
    config = section("headcount", netns="c9") + CONFIG
    want = {"ok": 5, "ECONNREFUSED": 3}
    with Headcount(config, "--pin") as hc:
        equal(outcomes_in_c9(), want, "outcomes in the first")
        hc.end(signal.SIGKILL)
    say("the inode number came again" if make_again(inode_of_c9()) else "another inode number")
    with Headcount(config, "--pin"):
        equal(outcomes_in_c9(), want, "outcomes in the second")
    detach()


main()
