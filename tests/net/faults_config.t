#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A policy too large for its tables, and no memory for them: one clear error, nothing changed."""
from clients import *

PORT, THERE = 7143, "127.0.0.1"
ADDRESSES, OVERRIDES, SERVICES = 4096, 65536, 254


def imap(**more):
    return service("imap", listen=PORT, **{"cap": 3, **more})


def many_addresses(count, port=993):
    words = [f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}:{port}" for i in range(1, count + 1)]
    return service("many", listen=[", ".join(words[i:i + 8]) for i in range(0, count, 8)])


def many_overrides(count, cap=5):
    """In eight services: in each the parser compares all with all."""
    rows = [f"10.{i >> 16}.{i >> 8 & 255}.{i & 255} {cap}" for i in range(count)]
    return "".join(service(f"s{n}", listen=20000 + n, override=rows[n::8]) for n in range(8))


def many_services(count, name="s"):
    return "".join(service(f"{name}{n}", listen=20000 + n) for n in range(count))


def outcomes(want, what):
    with Server("0.0.0.0", PORT), Clients(THERE, PORT, 1, 5) as clients:
        equal(clients.go(), want, what)


CAPPED = {"ok": 3, "ECONNREFUSED": 2}


def one_line(code, err, want, what):
    if code != want or err.count("\n") != 1 or not err.startswith("headcount: "):
        raise AssertionError(f"{what}: exit {code}, want {want}, and one line, said {err!r}")


@test
def too_large():
    """one address, override or service too many: file and line, at start and on a reload"""
    with Headcount(imap()) as hc:
        for config, line, word in ((many_addresses(ADDRESSES + 1), ADDRESSES // 8 + 2, "4096 addresses"),
                                   (many_overrides(OVERRIDES + 1), OVERRIDES + 1 + 2 * 8, "65536 overrides"),
                                   (many_services(SERVICES + 1), 2 * SERVICES + 1, "254 services"),
                                   (section("headcount", netns=[f"n{i}" for i in range(513)]), 514, "512 namespaces")):
            with open("/run/large.conf", "w") as file:
                file.write(config)
            code, _, err = headcount("run", "-c", "/run/large.conf")
            one_line(code, err, 2, "run")
            equal(err.startswith(f"headcount: /run/large.conf:{line}: more than {word}"), True, f"file and line: {err!r}")
            hc.reload(config, rf"headcount: {hc.path}:{line}: more than {word}")
            outcomes(CAPPED, f"outcomes after more than {word}")


@test
def just_large_enough():
    """tables as full as they may be: they hold, a reload replaces all of it, and goes back"""
    def full(cap, port):
        return imap(cap=cap) + many_addresses(ADDRESSES, port) + many_overrides(OVERRIDES, cap)
    with Headcount(full(3, 993)) as hc:
        outcomes(CAPPED, "outcomes with full tables")
        hc.reload(full(4, 994))
        outcomes({"ok": 4, "ECONNREFUSED": 1}, "outcomes after a reload")
        hc.reload(imap(cap=2))
        outcomes({"ok": 2, "ECONNREFUSED": 3}, "outcomes with nearly empty tables")
        hc.reload(full(3, 995))
        outcomes(CAPPED, "outcomes with full tables again")


@test
def services_replaced():
    """all services replaced at once by others: no ids are left, the old policy stays; in two steps it works"""
    with Headcount(imap() + many_services(SERVICES - 1)) as hc:
        hc.reload(imap(cap=1) + many_services(SERVICES - 1, "t"), "headcount: too many services: at most 256")
        hc.wait_said("headcount: not reloaded; the old configuration stays in force")
        outcomes(CAPPED, "outcomes under the old policy")
        hc.reload(imap(cap=1))
        hc.reload(imap(cap=2) + many_services(SERVICES - 1, "t"))
        outcomes({"ok": 2, "ECONNREFUSED": 3}, "outcomes under the new policy")


def pinned():
    return [name for name in os.listdir("/sys/fs/bpf") if name.startswith("headcount")]


def hex_of(*numbers):
    return " ".join(f"{n:02x}" for n in numbers)


def bpftool(lines):
    """Many commands of bpftool at once."""
    with open("/run/batch", "w") as file:
        file.writelines(lines)
    run("bpftool", "batch", "file", "/run/batch")


@test
def caps_full():
    """65536 caps of the moment: one more is refused in one line; there is room again after one less"""
    caps = "/sys/fs/bpf/headcount/caps"

    def key(i):  # of a user of the service that has the last id
        return hex_of(255, 0, 0, 128, *[0] * 4, *[0] * 12, *i.to_bytes(4, "big"))
    with Headcount(imap()):
        bpftool(f"map update pinned {caps} key hex {key(i)} value hex {hex_of(5, *[0] * 79)}\n" for i in range(65536))
        code, _, err = headcount("cap", "imap", THERE, "1")
        one_line(code, err, 1, "cap")
        equal(err, "headcount: the map caps is full: 65536 entries\n", "the line")
        outcomes(CAPPED, "outcomes with a full table")
        bpftool([f"map delete pinned {caps} key hex {key(7)}\n"])
        equal(headcount("cap", "imap", THERE, "1"), (0, "", ""), "cap when there is room")
        outcomes({"ok": 1, "ECONNREFUSED": 4}, "outcomes under it")


@contextlib.contextmanager
def memory_cgroup(limit):
    """A cgroup that may use so much memory, of either version; its cgroup.procs."""
    with open("/proc/self/mounts") as mounts:
        rows = [line.split() for line in mounts]
    old = [row[1] for row in rows if row[2] == "cgroup" and "memory" in row[3].split(",")]
    new = [row[1] for row in rows if row[2] == "cgroup2"]
    name = f"/headcount-test-{os.getpid()}-memory"
    path = (old or new)[0] + name
    os.mkdir(path)
    try:
        file = path + ("/memory.limit_in_bytes" if old else "/memory.max")
        if not os.path.exists(file):
            raise Skip("no cgroup has the memory controller here")
        with open(file, "w") as setting:
            setting.write(str(limit))
        yield path + "/cgroup.procs"
    finally:
        until(lambda: not open(path + "/cgroup.procs").read(), "the cgroup to be empty")
        os.rmdir(path)


def starved(procs, *arguments):
    """A headcount command in that cgroup."""
    def enter():
        with open(procs, "w") as file:
            file.write("0")
    return headcount(*arguments, preexec_fn=enter)


@test
def no_memory():
    """no memory for the tables: one line, exit 1, nothing left; what is pinned goes on"""
    with open("/run/large.conf", "w") as file:
        file.write(imap(cap=9))
    with memory_cgroup(48 << 20) as procs:
        code, out, err = starved(procs, "run", "-c", "/run/large.conf")
        one_line(code, err, 1, "run")
        equal((out, "Cannot allocate memory" in err), ("", True), f"stdout, and the reason in {err!r}")
        equal(pinned(), [], "what is pinned")
        outcomes({"ok": 5}, "outcomes without headcount")
        with Headcount(section("headcount", sessions_max=4096, users_max=4096) + imap(), "--pin") as hc:
            hc.end(signal.SIGKILL)
            code, _, err = starved(procs, "run", "-c", "/run/large.conf", "--pin")
            equal((code, err.splitlines()[-1:]), (1, [line for line in err.splitlines() if "memory" in line]), "run --pin")
            outcomes(CAPPED, "outcomes after it")
            equal(pinned(), ["headcount"], "what is pinned")
        equal(headcount("detach")[0], 0, "exit code of detach")


main()
