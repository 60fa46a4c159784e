# SPDX-License-Identifier: GPL-2.0-only
"""Asks `headcount label -`, which stays; what the other examples share."""
import json
import subprocess
import threading


def end(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Labels:
    def __init__(self, *options):
        self.command = ["headcount", "label", *options, "-"]
        self.lock, self.child = threading.Lock(), None

    def ask(self, **order):
        """The answer; who is to be turned away has the result "over-cap"."""
        line = json.dumps(order, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
        with self.lock:
            if not self.child or self.child.poll() is not None:
                self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                self.child.stdin.write(line)
                self.child.stdin.flush()
                return json.loads(self.child.stdout.readline())
            except (OSError, ValueError):
                self.child.kill()  # the next order gets another
                self.child.wait()
        return {"result": "error", "error": "headcount does not answer"}
