# SPDX-License-Identifier: GPL-2.0-only
"""bpf(2) as a stranger uses it: tiny programs that let all pass, or none, and what the kernel tells of them."""
import ctypes
import struct

from harness import *

NUMBER = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, MAP_GET_NEXT_KEY = 1, 2, 4
PROG_LOAD, OBJ_GET, PROG_ATTACH, PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 5, 7, 8, 13, 14, 15
LINK_CREATE, ENABLE_STATS, LINK_DETACH = 28, 32, 34
CB_FLAGS_SET = 59  # the helper
CONNECT4, SK_LOOKUP, SOCK_OPS = (18, 10), (30, 36), (13, 3)  # the type of the program, and of its attachment


def bpf(command, attributes):
    """The system call; a file descriptor, or OSError."""
    room = ctypes.create_string_buffer(attributes, 128)
    fd = libc.syscall(NUMBER, command, room, len(room))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf({command}): {os.strerror(number)}")
    return fd


def pinned(path):
    name = ctypes.create_string_buffer(path.encode())
    return bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))


def detach(path):
    """What a pinned link has attached."""
    fd = pinned(path)
    try:
        bpf(LINK_DETACH, struct.pack("=I", fd))
    finally:
        os.close(fd)


def map_keys(path, size):
    """The keys of a pinned map, each of so many bytes."""
    fd = pinned(path)
    key, keys = None, []
    try:
        while True:
            found = ctypes.create_string_buffer(size)
            bpf(MAP_GET_NEXT_KEY, struct.pack("=IIQQ", fd, 0, key and ctypes.addressof(key) or 0, ctypes.addressof(found)))
            keys.append(found.raw)
            key = found
    except FileNotFoundError:
        return keys
    finally:
        os.close(fd)


class Stranger:
    """A program, `return result` (after a call of a helper with its context and 0); it goes with this
    process, unless it is forced."""

    def __init__(self, kind, result, call=None):
        self.kind, self.links = kind, []
        steps = [(0xb7, 2, 0, 0), (0x85, 0, 0, call)] if call else []
        steps += [(0xb7, 0, 0, result), (0x95, 0, 0, 0)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("=BBhi", *step) for step in steps))
        license = ctypes.create_string_buffer(b"GPL")
        self.fd = bpf(PROG_LOAD, struct.pack("=IIQQIIQII16sII", kind[0], len(steps), ctypes.addressof(code),
                                             ctypes.addressof(license), 0, 0, 0, 0, 0, b"stranger", 0, kind[1]))
        self.stats = bpf(ENABLE_STATS, struct.pack("=I", 0))

    def attach(self, path):
        """To a cgroup or a network namespace, by a link."""
        target = os.open(path, os.O_RDONLY)
        try:
            self.links.append(bpf(LINK_CREATE, struct.pack("=IIII", self.fd, target, self.kind[1], 0)))
        finally:
            os.close(target)
        return self

    def force(self, path, flags=0):
        """To a cgroup as before there were links: it stays there as long as the cgroup."""
        target = os.open(path, os.O_RDONLY)
        try:
            bpf(PROG_ATTACH, struct.pack("=IIII", target, self.fd, self.kind[1], flags))
        finally:
            os.close(target)
        return self

    def runs(self):
        """How often it ran, since there are statistics."""
        info = ctypes.create_string_buffer(256)
        bpf(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", self.fd, len(info), ctypes.addressof(info)))
        run_time, run_count = struct.unpack_from("=QQ", info, 192)
        return run_count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for fd in (*self.links, self.fd, self.stats):
            os.close(fd)
        self.links = []
