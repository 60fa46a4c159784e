#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Pinned state that is damaged, foreign, read-only or gone: a clear line, or made anew under the caps."""
from clients import *

client_host(1)
PORT, HERE, ALICE = 7143, address(1), address(1, 2)
BPFFS = "/sys/fs/bpf"
PINS = BPFFS + "/headcount"
CONFIG = section("headcount", sessions_max=4096, users_max=4096) + service("imap", listen=PORT, user="client/32/64", cap=5)
CAPPED = {"ok": 5, "ECONNREFUSED": 3}
COMMANDS = ["users"], ["sessions"], ["cap", "imap", ALICE, "5"], ["audit"], ["policy"], ["kill", "--id", "1"], ["status"]


def crowd():
    return Clients(HERE, PORT, 1, 8, sources=[ALICE], namespace="c1")


def outcomes(want, what):
    with Server("0.0.0.0", PORT), crowd() as clients:
        equal(clients.go(), want, what)


@contextlib.contextmanager
def knocking():
    """Meanwhile somebody who has all his slots tries to get one more, and never does."""
    stop = f"/run/stop-{time.monotonic_ns()}"
    with Server("0.0.0.0", PORT), crowd() as clients:
        equal(clients.go(), CAPPED, "outcomes of those who stay")
        with Child(knock, HERE, PORT, stop, namespace="c1") as child:
            yield  # Alice is the namespace's first address, from which the child connects
            open(stop, "w").close()
            got_in, refused, other = child.hear()
        equal((got_in, other, refused > 0), (0, 0, True), f"attempts over the cap: {got_in} got in, {refused} refused")


def damage(what, name):
    """One file of the pinned state is removed, and perhaps another put in its place."""
    path = f"{PINS}/{name}"
    shape = json.loads(run("bpftool", "-j", "map", "show", "pinned", path)) if not name.startswith("link_") else {}
    os.unlink(path)
    if what == "a folder":
        os.mkdir(path)
    elif what == "a program":
        wanted = [p["id"] for p in json.loads(run("bpftool", "-j", "prog", "show")) if p.get("name") == "on_milestone"]
        run("bpftool", "prog", "pin", "id", str(wanted[-1]), path)
    elif what.startswith("a map"):
        value = shape["bytes_value"] + (8 if what == "a map of another shape" else 0)
        run("bpftool", "map", "create", path, "type", shape["type"], "key", str(shape["bytes_key"]),
            "value", str(value), "entries", str(shape["max_entries"]), "name", name, "flags", str(shape["flags"]))


def set_version(number):
    """Another version of headcount made the pins."""
    path = f"{PINS}/control"
    row = json.loads(run("bpftool", "-j", "map", "lookup", "pinned", path, "key", "hex", "00", "00", "00", "00"))
    value = [byte.replace("0x", "") for byte in row["value"]]
    run("bpftool", "map", "update", "pinned", path, "key", "hex", "00", "00", "00", "00",
        "value", "hex", f"{number:02x}", *value[1:])


def commands_say(pattern):
    """Each command but run ends with exit 1 and this one line; status tells what the kernel has besides."""
    for words in COMMANDS:
        code, out, err = headcount(*words)
        out = "" if words == ["status"] and "kernel features:" in out else out
        equal((code, out, bool(re.fullmatch("headcount: " + pattern + "\n", err))), (1, "", True), f"{words}: {err!r}")


@contextlib.contextmanager
def left_behind(config=CONFIG):
    """The pins of a daemon that was killed; removed at the end."""
    with Headcount(config, "--pin") as hc:
        hc.end(signal.SIGKILL)
    try:
        yield
    finally:
        code, _, err = headcount("detach")
    equal((code, err, os.path.exists(PINS)), (0, "", False), "exit code of detach, its errors, and pins")


def made_anew(program=PROGRAM):
    """The next run makes the state anew, says so in two lines, and caps hold throughout."""
    with knocking():
        with open("/run/next.conf", "w") as file:
            file.write(CONFIG)
        process = start(program, "run", "-c", "/run/next.conf", "--pin", stdout=subprocess.DEVNULL)
        said = []
        while process.poll() is None and not any("headcount: ready" in line for line in said):
            said.append(process.stderr.readline().decode())
        words = "the pinned state is of another version or size, or damaged", "rebuilt", "ready"
        equal([line.startswith("headcount: " + word) for word, line in zip(words, said)] + [len(said)],
              [True] * 3 + [3], f"what it said: {said}")
        equal(active("imap", ALICE), 5, "active when it is made anew")
        with crowd() as more:
            equal(more.go(), {"ECONNREFUSED": 8}, "outcomes of more")
        process.terminate()
        equal((process.wait(30), process.stderr.read()), (0, b""), "exit code and what else it said")


@test
def damaged_maps():
    """a map's pin is missing, or something else: one line from every command, run --pin makes all anew"""
    for name, what, says in (("users", "nothing", "users: No such file or directory"),
                             ("services", "a program", "services: not the map of that name"),
                             ("caps", "a map of another shape", "caps: not the map of that name")):
        with left_behind():
            damage(what, name)
            commands_say(f"the state in {PINS} is damaged: {says}")
            outcomes(CAPPED, f"outcomes with {what} for {name}")
            made_anew()


@test
def foreign_maps():
    """another map of the same name and shape than the programs use: made anew"""
    with left_behind():
        damage("a map", "sessions")
        outcomes(CAPPED, "outcomes with another map of sessions")
        made_anew()


@test
def damaged_links():
    """a link's pin is missing or no link: made anew, and not taken for nothing running"""
    for name, what in (("link_on_destroyed", "nothing"), ("link_on_connect6", "a folder")):
        with left_behind():
            damage(what, name)
            equal(headcount("users")[0], 0, "exit code of users")
            made_anew()


@test
def foreign_version():
    """the pins of another version of headcount: one line from every command, run --pin makes all anew"""
    with left_behind():
        set_version(99)
        commands_say(f"the state in {PINS} is of another version of headcount")
        outcomes(CAPPED, "outcomes under them")
        made_anew()


@test
def foreign_build():
    """the pins of another build, same sizes: made anew, and caps hold throughout"""
    other = "/run/headcount-of-another-build"
    with open(PROGRAM, "rb") as file:
        program = file.read()
    # The BPF object in it has its source's name in its symbols: other bytes, the same programs.
    equal(b"headcount.bpf.c\0" in program, True, "the name is in the program")
    with open(other, "wb") as file:
        file.write(program.replace(b"headcount.bpf.c\0", b"headcount.bpf.C\0"))
    os.chmod(other, 0o700)
    with left_behind():
        made_anew(other)
        made_anew()


@test
def garbage_in_policy():
    """garbage in services' records: nothing crashes, nothing unprintable, the next run mends it"""
    with left_behind():
        size = json.loads(run("bpftool", "-j", "map", "show", "pinned", f"{PINS}/services"))["bytes_value"]
        garbage = " ".join(f"{i * 37 % 256:02x}" for i in range(size))
        with open("/run/batch", "w") as file:
            for index in (*range(64), *range(256, 256 + 64)):  # both halves
                key = " ".join(f"{b:02x}" for b in index.to_bytes(4, "little"))
                file.write(f"map update pinned {PINS}/services key hex {key} value hex {garbage}\n")
        run("bpftool", "batch", "file", "/run/batch")
        for words in COMMANDS + (["users", "--json"], ["sessions", "--json"], ["status", "--json"], ["policy", "--json"]):
            code, out, err = headcount(*words)
            equal((code in (0, 1), err.count("\n") <= 1, (out + err).replace("\n", "").isprintable()), (True,) * 3,
                  f"{words}: exit {code}, {err!r}, {out[:300]!r}")
        with Headcount(CONFIG, "--pin"):
            outcomes(CAPPED, "outcomes under the next run")


@test
def read_only():
    """a bpffs that cannot be written: one line and exit 1; pinned caps hold"""
    def cannot(words):
        code, out, err = headcount(*words)
        out = "" if words[0] == "status" and "features" in out else out
        equal((code, out, err.count("\n"), "Read-only file system" in err), (1, "", 1, True), f"{words}: {err!r}")
    with open("/run/next.conf", "w") as file:
        file.write(CONFIG)
    starts = [["run", "-c", "/run/next.conf", *option] for option in ([], ["--pin"])]
    run("mount", "-o", "remount,ro", BPFFS)
    for words in starts:
        cannot(words)
    outcomes({"ok": 8}, "outcomes without headcount")
    run("mount", "-o", "remount,rw", BPFFS)
    with left_behind():
        run("mount", "-o", "remount,ro", BPFFS)
        for words in [*starts, *COMMANDS, ["detach"]]:
            cannot(words)
        outcomes(CAPPED, "outcomes under the pins")
        run("mount", "-o", "remount,rw", BPFFS)


def bpf_mounted():
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1:3] == [BPFFS, "bpf"] for line in mounts)


@test
def another_bpffs():
    """another bpffs over ours: what lies there now is not removed at the end"""
    with Headcount(CONFIG):
        run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
        os.mkdir(PINS)
        run("bpftool", "map", "create", f"{PINS}/control", "type", "array", "key", "4", "value", "4",
            "entries", "1", "name", "control")
    equal(os.listdir(PINS), ["control"], "what another pinned")
    run("umount", "/sys/fs/bpf")
    headcount("detach")


@test
def unmounted():
    """bpffs unmounted under the daemon: caps hold, SIGHUP is heard, commands say what is wrong"""
    for options, adopted in ((), False), (("--pin",), False), (("--pin",), True):
        with contextlib.ExitStack() as stack:
            if adopted:
                Headcount(CONFIG, *options).end(signal.SIGKILL)
            hc = stack.enter_context(Headcount(CONFIG, *options))
            while bpf_mounted():
                run("umount", "-l", BPFFS)
            stack.callback(run, "mount", "-t", "bpf", "bpf", BPFFS)
            outcomes(CAPPED, f"outcomes of run {options} without bpffs")
            for words in COMMANDS[:-1]:
                code, out, err = headcount(*words)
                equal((code, out, err), (1, "", f"headcount: headcount run (pid {hc.process.pid}) is still starting, "
                                                "or its pins were removed\n"), f"{words}")
            equal(headcount("status")[0], 0, "exit code of status")
            hc.reload(CONFIG.replace("cap = 5", "cap = 4"))
            outcomes({"ok": 4, "ECONNREFUSED": 4}, "outcomes after a reload")
            equal(hc.end(), 0, "exit code")
            equal("headcount: the pins are gone: enforcement ends now" in hc.said, bool(options),
                  f"that its pins have gone, in {hc.said}")
            outcomes({"ok": 8}, "outcomes when it has ended")


main()
