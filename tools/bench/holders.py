# SPDX-License-Identifier: GPL-2.0-only
"""Many sessions held by few or many users, in as many processes as their files need."""
import contextlib
import resource

from world import *


class Holders:
    """Starts none before hold(); each process has a listener of its own on 127.0.x.y:PORT."""

    def __init__(self, most, users=0):
        files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20000)
        self.count = -(-most // ((files - 100) // 2))
        self.stack, self.children, first = contextlib.ExitStack(), [], 0
        for i, share in enumerate(self.shares(users)):
            self.children.append(self.stack.enter_context(process(
                built("hold"), f"127.0.2.{i + 1}", PORT, first, share, cpu=None, stdout=subprocess.PIPE)))
            first += share

    def shares(self, total):
        return [total * (i + 1) // self.count - total * i // self.count for i in range(self.count)]

    def hold(self, total):
        """Returns once so many are held; the processes connect side by side."""
        shares = self.shares(total)
        for child, share in zip(self.children, shares):
            child.stdin.write(b"%d\n" % share)
            child.stdin.flush()
        for child, share in zip(self.children, shares):
            said = child.stdout.readline()
            if said != b"%d\n" % share:
                raise RuntimeError("holding sessions: " + child.stderr.read().decode().strip())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # All at once first: one after the other would take as long as all of them together.
        for child in self.children:
            with contextlib.suppress(OSError):
                child.stdin.close()
        self.stack.close()
