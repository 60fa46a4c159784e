#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A start that is killed at any of its steps (tests/net/refuse.c): what it attached is shown, removed, or put in its place."""
# alone: what it attaches depends on the sockops programs that others attach
from clients import *

client_host(1)
PORT, HERE, ALICE = 7143, address(1), address(1, 2)
PINS = "/sys/fs/bpf/headcount"
NEW = PINS + "_new"
PROGRAMS = 6  # what a run attaches
PRELOAD = os.path.join(BUILD, "tests/net/refuse.so")
CONFIG = section("headcount", sessions_max=4096, users_max=4096) + service("imap", listen=PORT, user="client/32/64", cap=5)
CAPPED = {"ok": 5, "ECONNREFUSED": 3}
COMMANDS = ["users"], ["sessions"], ["cap", "imap", ALICE, "5"], ["audit"], ["kill", "--id", "1"], ["metrics"]
SAYS = f"headcount: not running, but a killed start is pinned in {NEW}, still enforcing: " \
    "headcount detach removes it, as does the next headcount run\n"


def config(text=CONFIG):
    with open("/run/unfinished.conf", "w") as file:
        file.write(text)
    return "/run/unfinished.conf"


def killed(words, *options):
    """A run that is killed where `words` say; False if it came further than that, and was ended."""
    process = start(PROGRAM, "run", "-c", config(), *options, stdout=subprocess.DEVNULL,
                    env={**os.environ, "LD_PRELOAD": PRELOAD, "REFUSE": words})
    for line in process.stderr:
        if line.startswith(b"headcount: ready"):
            process.terminate()
    code = process.wait(30 * SLOW)
    equal(code in (0, -signal.SIGKILL), True, f"exit code of run {options} with {words}: {code}")
    return code != 0


def attached():
    """Programs of links in the folder that is not live."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(name[5:] for name in os.listdir(NEW) if name.startswith("link_"))
    return []


def shown():
    """The same as status has them; a gate by its program's name."""
    code, out, _ = headcount("status", "--json")
    status = json.loads(out)
    equal(code, 0 if status["attached"] else 1, "exit code of status")
    equal(status["unfinished"], NEW if attached() else None, "what status --json says of an unfinished start")
    return sorted(row["program"] for row in status["attached"])


def programs(links):
    return sorted("on_arrival" if name.startswith("netns_") else name for name in links)


def is_shown():
    """Whatever is attached is told of by all commands."""
    equal(shown(), programs(attached()), "what status --json has as attached")
    text = headcount("status")[1]
    for words in COMMANDS:
        code, out, err = headcount(*words)
        equal((code, out), (1, ""), f"{words}: {err}")
        equal(err == SAYS, bool(attached()), f"{words}: {err}")
    told = f"is not running\na killed start is pinned in {NEW}, still enforcing:\n"
    equal(told in text, bool(attached()), f"what status says: {text[:300]}")


def outcomes(want, what):
    with Server("0.0.0.0", PORT), Clients(HERE, PORT, 1, 8, sources=[ALICE], namespace="c1") as clients:
        equal(clients.go(), want, what)


def nothing_left(what):
    equal((os.path.exists(PINS), os.path.exists(NEW)), (False, False), f"pins after {what}")
    equal(shown(), [], f"attached after {what}")


def starts_anew(*options):
    """The next run: caps hold, each program is attached once, and after detach nothing is left."""
    with Headcount(CONFIG, *options) as hc:
        outcomes(CAPPED, f"outcomes under the next run {options}")
        equal(os.path.exists(NEW), False, "the unfinished folder is still there")
        rows = [row["program"] for row in ask("status")["attached"]]
        equal(len(rows), PROGRAMS, f"attached: {rows}")
    equal(headcount("detach")[0], 0, "exit code of detach")
    nothing_left(f"the next run {options}")
    return hc.said


def maps():
    """How many maps are pinned, before the links."""
    with Headcount(CONFIG):
        return len(os.listdir(PINS))


MAPS = maps()


def detaches():
    code, out, err = headcount("detach")
    equal((code, bool(re.fullmatch(r"detached [1-6] programs\n", out)), err), (0, True, ""), f"detach: {out!r}")
    return []


@test
def at_every_pin():
    """killed at each link's pin of a first run --pin: shown by every command; detach, run and run --pin clear it away"""
    step = MAPS + 2  # the second link's: the first is pinned by then
    while killed(f"command=6 die={step}", "--pin"):  # BPF_OBJ_PIN
        before = attached()
        equal(len(before), step - MAPS - 1, f"attached at step {step}")
        is_shown()
        detaches()
        for options in (), ("--pin",):
            equal(killed(f"command=6 die={step}", "--pin"), True, "it is killed again")
            equal(attached(), before, "what it attached")
            said = starts_anew(*options)
            equal([line for line in said if "ready" not in line and "standard output was not read" not in line],
                  [f"headcount: removed {NEW}: {len(before)} programs that a killed start had attached"], "what the next said")
        step += 1
    headcount("detach")
    equal(step, MAPS + PROGRAMS + 1, "steps")


@test
def nothing_attached():
    """killed at a map's pin, or at any of a run without --pin: nothing goes on, nothing is said to"""
    for step, *options in (1, "--pin"), (MAPS, "--pin"), (MAPS + 1, "--pin"), (1,), (MAPS,):
        equal(killed(f"command=6 die={step}", *options), True, f"it is killed at step {step} of {options}")
        equal((attached(), shown()), ([], []), f"attached at step {step} of {options}")
    is_shown()
    starts_anew()


@test
def without_its_name():
    """killed when only the rename was left: the next run --pin takes it over, run removes it"""
    for options, says in (("--pin",), "finishing a killed start that had attached everything"), ((), "removed " + NEW):
        equal(killed("rename=1 die=1", "--pin"), True, "it is killed")
        equal(len(attached()), PROGRAMS, f"attached: {attached()}")
        is_shown()
        outcomes(CAPPED, "outcomes")
        said = starts_anew(*options)
        equal([line for line in said if line.startswith("headcount: " + says)] != [], True, f"what run {options} said: {said}")


@test
def while_another_enforces():
    """an upgrade that is killed at any step: caps hold throughout, and the next run --pin holds them"""
    stop = "/run/stop"
    with Headcount(CONFIG.replace("sessions_max = 4096", "sessions_max = 8192"), "--pin") as hc:
        hc.end(signal.SIGKILL)
    with Server("0.0.0.0", PORT), Clients(HERE, PORT, 1, 8, sources=[ALICE], namespace="c1") as clients:
        equal(clients.go(), CAPPED, "outcomes of those who stay")
        with Child(knock, HERE, PORT, stop, namespace="c1") as child:
            pins = [f"command=6 die={n}" for n in (1, MAPS + 1, MAPS + 4, MAPS + PROGRAMS)]
            # What the last of these left is removed, in part; the rest, and then the old ones when the new hold; and so on.
            removals = [f"unlink=1 die={n}" for n in (2, MAPS + 4 + 3, 2)]
            for words in (*pins, *removals, "rename=1 die=1"):
                equal(killed(words, "--pin"), True, f"it is killed at {words}")
                links, live = attached(), [name for name in os.listdir(PINS) if name.startswith("link_")] if os.path.exists(PINS) else []
                status = ask("status")
                equal((status["pinned"], status["unfinished"]), (live != [], NEW if links else None), f"status after {words}")
                equal(len(live) == PROGRAMS or len(links) == PROGRAMS, True, f"one of them is whole after {words}: {live} {links}")
            with Headcount(CONFIG, "--pin") as hc:
                equal((active("imap", ALICE), os.path.exists(NEW)), (5, False), "active, and the unfinished folder")
            open(stop, "w").close()
            got_in, refused, other = child.hear()
        equal((got_in, other, refused > 0), (0, 0, True), f"attempts over the cap: {got_in} got in, {refused} refused")
    headcount("detach")
    nothing_left("detach")


main()
