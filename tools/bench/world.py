# SPDX-License-Identifier: GPL-2.0-only
"""A private world for the measurements: the one of the network tests (own network and mount
namespaces, so that rules, pins and mounts end with us), and the load programs in it."""
import contextlib
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../tests/net"))
import harness  # noqa: E402  (importing it moves us into the private world)

PORT, UID = 8300, 60100  # the service that is measured; load.h: whose sessions
CPUS = sorted(os.sched_getaffinity(0))
LOAD_CPU, OTHER_CPU = CPUS[-1], CPUS[0]  # the first takes most interrupts
HIGH_CAP = 1000000


class Skip(Exception):
    """Cannot be measured here; the text says why."""


def built(name):
    return os.path.join(harness.BUILD, "bench", name)


def cgroup_root():
    with open("/proc/self/mounts") as mounts:
        return next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")


def fresh_namespace():
    """A network namespace in which nothing has happened yet; the last one ends with its sockets."""
    harness.call("unshare", harness.CLONE_NEWNET)
    harness.run("ip", "link", "set", "lo", "up")
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
        ports.write("10000 65535")


def load(*command, nice=0):
    """Runs a load program to its end; the numbers that it printed."""
    return [int(word) for word in harness.run(*map(str, command), preexec_fn=lambda: os.nice(nice)).split()]


def on_cpu(cpu):
    def prepare():
        harness.call("prctl", harness.PR_SET_PDEATHSIG, signal.SIGTERM)
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
    return prepare


@contextlib.contextmanager
def process(*command, cpu=OTHER_CPU, ready=None, **options):
    """A process beside the load, on the other CPU; ended, and waited for, whatever happens."""
    with contextlib.suppress(FileNotFoundError):
        child = subprocess.Popen(list(map(str, command)), preexec_fn=on_cpu(cpu), **{
            "stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **options})
        try:
            if ready:
                ready(child)
            yield child
        finally:
            end(child)
        return
    raise Skip(f"{command[0]} is not installed")


def end(child):
    if child.stdin:
        with contextlib.suppress(OSError):
            child.stdin.close()
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for stream in child.stdout, child.stderr:
        if stream:
            stream.close()


def says(word, stream="stderr"):
    """Waits for a line that has `word`."""
    def wait(child):
        heard = []
        for line in getattr(child, stream):
            heard.append(line.decode("utf-8", "replace").strip())
            if word in heard[-1]:
                return
        raise Skip("; ".join(heard or child.stderr.read().decode().split("\n")[:1]) or "it ended at once")
    return wait
