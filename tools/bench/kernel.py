# SPDX-License-Identifier: GPL-2.0-only
"""bpf(2): which programs are attached to this host, whose they are, and what they cost."""
import contextlib
import ctypes
import json
import os
import struct

from world import harness

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}[os.uname().machine]
LINK_GET_FD_BY_ID, LINK_GET_NEXT_ID, OBJ_GET_INFO_BY_FD, ENABLE_STATS = 30, 31, 15, 32
HOST_WIDE = {1: "raw_tracepoint", 2: "tracing", 3: "cgroup", 7: "perf_event", 8: "kprobe_multi"}


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = harness.libc.syscall(SYS_BPF, command, buffer, 128)
    return result, buffer.raw


def links():
    """Ids of the BPF links that run programs on this whole host (iterators do not)."""
    found, last = set(), 0
    while True:
        result, out = bpf(LINK_GET_NEXT_ID, struct.pack("=II", last, 0))
        if result < 0:
            return found
        last, = struct.unpack_from("=4xI", out)
        fd, _ = bpf(LINK_GET_FD_BY_ID, struct.pack("=I", last))
        if fd < 0:
            continue  # gone meanwhile
        info = ctypes.create_string_buffer(64)
        bpf(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", fd, 64, ctypes.addressof(info)))
        os.close(fd)
        if struct.unpack_from("=I", info)[0] in HOST_WIDE:
            found.add(last)


def fdinfo(pid, key):
    """What the files of a process say under that key: (its number, the whole text)."""
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}") as file:
            text = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
            if key in text:
                yield int(text[key]), text


def links_of(pid):
    return {number for number, _ in fdinfo(pid, "link_id")}


@contextlib.contextmanager
def statistics():
    """The kernel measures each BPF program while this lasts; it ends with the file."""
    fd, _ = bpf(ENABLE_STATS, struct.pack("=I", 0))
    if fd < 0:
        raise OSError("the kernel has no BPF statistics")
    try:
        yield
    finally:
        os.close(fd)


def statistics_are_on():
    with open("/proc/sys/kernel/bpf_stats_enabled") as switch:
        return switch.read().strip() != "0"


def programs_of(pid):
    """name: (runs, ns) of the programs that a process has attached."""
    ours = {int(text["prog_id"]) for _, text in fdinfo(pid, "link_id")}
    shown = json.loads(harness.run("bpftool", "-j", "prog", "show"))
    return {p["name"]: (p.get("run_cnt", 0), p.get("run_time_ns", 0)) for p in shown if p["id"] in ours}
