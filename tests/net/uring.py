# SPDX-License-Identifier: GPL-2.0-only
"""connect() through io_uring, with nothing but ctypes: one request, one completion."""
import mmap
import struct

from harness import *

SETUP, ENTER, OP_CONNECT, GETEVENTS = 425, 426, 16, 1  # the numbers are the same everywhere


class Ring:
    def __init__(self):
        parameters = ctypes.create_string_buffer(120)
        self.fd = libc.syscall(SETUP, 4, parameters)
        if self.fd < 0:
            raise Skip(f"io_uring: {os.strerror(ctypes.get_errno())}")
        words = struct.unpack_from("<30I", parameters.raw)
        sq, cq = words[10:20], words[20:30]  # offsets of head, tail, mask, entries, flags, ...
        self.sq_tail, self.sq_mask, self.sq_array = sq[1], sq[2], sq[6]
        self.cq_head, self.cq_mask, self.cqes = cq[0], cq[2], cq[5]
        self.submissions = mmap.mmap(self.fd, sq[6] + words[0] * 4, offset=0)
        self.completions = mmap.mmap(self.fd, cq[5] + words[1] * 16, offset=0x8000000)
        self.entries = mmap.mmap(self.fd, words[0] * 64, offset=0x10000000)

    def connect(self, s, where, port):
        """The result of the request: 0 or a negative errno."""
        target = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(where))
        kept = ctypes.create_string_buffer(target, 16)
        tail, mask = self.word(self.submissions, self.sq_tail), self.word(self.submissions, self.sq_mask)
        slot = tail & mask
        self.entries[slot * 64:slot * 64 + 64] = struct.pack(
            "<BBHiQQ40x", OP_CONNECT, 0, 0, s.fileno(), 16, ctypes.addressof(kept))
        struct.pack_into("<I", self.submissions, self.sq_array + slot * 4, slot)
        struct.pack_into("<I", self.submissions, self.sq_tail, tail + 1)
        call("syscall", ENTER, self.fd, 1, 1, GETEVENTS, None, 0)
        head, mask = self.word(self.completions, self.cq_head), self.word(self.completions, self.cq_mask)
        _, result = struct.unpack_from("<Qi", self.completions, self.cqes + (head & mask) * 16)
        struct.pack_into("<I", self.completions, self.cq_head, head + 1)
        return result

    @staticmethod
    def word(memory, offset):
        return struct.unpack_from("<I", memory, offset)[0]

    def close(self):
        for memory in self.submissions, self.completions, self.entries:
            memory.close()
        os.close(self.fd)
