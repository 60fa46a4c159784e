# SPDX-License-Identifier: GPL-2.0-only
"""Many sessions held by few or many users, in as many processes as their files need."""
import contextlib
import resource

from world import *


class Holders:
    """Starts none before hold(); each process has a listener of its own on 127.0.x.y:PORT."""

    def __init__(self, most, users=0):
        files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20000)
        self.each = (files - 100) // 2
        count = -(-most // self.each)
        self.each = -(-most // count)
        self.stack, self.children = contextlib.ExitStack(), []
        for i in range(count):
            share = users // count if users else 0
            self.children.append(self.stack.enter_context(process(
                built("hold"), f"127.0.2.{i + 1}", PORT, i * share, share,
                cpu=None, stdout=subprocess.PIPE)))

    def hold(self, total):
        """Returns once so many are held; the processes connect side by side."""
        shares = [total * (i + 1) // len(self.children) - total * i // len(self.children)
                  for i in range(len(self.children))]
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
