# SPDX-License-Identifier: GPL-2.0-only
"""Tests, told in TAP; what they compare and wait for."""
import collections
import contextlib
import ctypes
import errno
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

SLOW = float(os.environ.get("HC_TEST_SLOW", 1))  # in an emulator every wait may take longer
libc = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    """A libc function that returns -1 on failure; bytes and numbers as arguments."""
    result = getattr(libc, function)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
    return result


def run(*command, **options):
    """Runs a command to its end; its stdout, or an exception that says what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 * SLOW, user=0, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class Late(AssertionError):
    """What was waited for did not come."""


class Skip(Exception):
    """The kernel lacks a feature that the test needs; the text says which."""


def need(program):
    if not shutil.which(program):
        raise Skip(f"no {program} on this machine")


tests = []


def test(function):
    tests.append(function)
    return function


def say(text):
    for line in str(text).splitlines():
        print("#", line.encode("ascii", "backslashreplace").decode(), flush=True)


def out_of_time(*_):
    raise AssertionError("the test did not end in time")


def main():
    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # they may be ignored: in a shell's
    signal.signal(signal.SIGHUP, signal.SIG_DFL)              # background, under nohup
    wanted = sys.argv[1:]  # words of names, to run some of them by hand
    chosen = [t for t in tests if not wanted or any(word in t.__doc__ for word in wanted)]
    failed = 0
    for number, function in enumerate(chosen, 1):
        name, result, skip = function.__doc__.splitlines()[0], "ok", ""
        try:
            signal.alarm(int(90 * SLOW))
            function()
        except Skip as reason:
            skip = f" # SKIP {reason}"
        except BaseException:
            say(traceback.format_exc())
            result, failed = "not ok", failed + 1
        signal.alarm(0)
        print(f"{result} {number} - {name}{skip}", flush=True)
    print(f"1..{len(chosen)}", flush=True)
    sys.exit(1 if failed else 0)


def fewer(times):
    """Repetitions: as many, or fewer in an emulator."""
    return max(1, int(times / SLOW))


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def until(condition, what, seconds=15):
    """Waits until condition() is true and returns what it gave."""
    seconds *= SLOW
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        value = condition()
        if value:
            return value
        now = time.monotonic()
        if now > deadline:
            raise Late(f"waited {seconds} s for {what}: got {value!r}")
        time.sleep(min(max(0.02, 2 * (now - began)), 0.2))  # what it asks is not to keep the CPU from what it waits for


def readable(fd, seconds, events=select.POLLIN):
    """Waits until there is something to read; not by select(), which takes no file above 1023."""
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(seconds * 1000))


def writable(fd, seconds):
    return readable(fd, seconds, select.POLLOUT)


def until_equal(function, want, what, seconds=15):
    got = []

    def same():
        got[:] = [function()]
        return got[0] == want
    with contextlib.suppress(Late):
        until(same, what, seconds)
    equal(got[0], want, what)
