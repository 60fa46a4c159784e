#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The Makefile as somebody meets it first: how `make run` ends, whose the build is, what a machine without tools is told."""
import pwd
import tempfile

from harness import *

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
MAKE = ["make", "--no-print-directory", "-C", TOP]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


@test
def interrupted():
    """SIGINT to make alone, as sudo without a terminal sends it, and SIGTERM end the trace of `make run`"""
    need("make")
    for number in signal.SIGINT, signal.SIGTERM:
        make = start(*MAKE, "run", stderr=subprocess.STDOUT)
        lines = iter(make.stdout.readline, b"")
        equal(any(line.startswith(b"TIME ") for line in lines), True, "the heading")
        trace = children(make.pid)
        equal(len(trace), 1, "processes of the recipe")
        make.send_signal(number)
        rest = make.stdout.read()
        equal(make.wait(30 * SLOW), -number, "exit code of make")
        equal([line for line in rest.splitlines() if b"***" in line and number == signal.SIGINT], [], "errors")
        equal(os.path.exists(f"/proc/{trace[0]}"), False, "the trace is there")


@test
def callers():
    """under sudo the build is its caller's, if the folder is; what root has built before is refused"""
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(top + "/tools")
        shutil.copy(f"{TOP}/tools/as-caller", top + "/tools")

        def who(**environment):
            done = subprocess.run([top + "/tools/as-caller", "id", "-u"], text=True, capture_output=True,
                                  env={"PATH": os.environ["PATH"], **environment})
            return done.stdout.strip() or done.stderr
        uid, gid = pwd.getpwnam("nobody")[2:4]
        sudo = {"SUDO_UID": str(uid), "SUDO_GID": str(gid)}
        equal((who(), who(**sudo)), ("0", "0"), "in a folder of root, without and with sudo")
        os.chown(top, uid, gid)
        equal((who(), who(SUDO_UID="0", SUDO_GID="0"), who(**sudo)), ("0", "0", str(uid)), "in the caller's folder")
        os.mkdir(top + "/build")
        equal("remove it: sudo make clean" in who(**sudo), True, who(**sudo))
        os.chown(top + "/build", uid, gid)
        equal(who(**sudo), str(uid), "with a build of the caller's")
    need("make")
    for goal in "run", "check":
        plan = run(*MAKE, "--dry-run", goal)
        equal(bool(re.search("^tools/as-caller make .*all", plan, re.M)), True, f"make {goal}: {plan}")


@test
def without_tools():
    """plain make on a machine without clang says in one line what is lacking, and begins nothing"""
    need("make")
    with tempfile.TemporaryDirectory() as build:
        done = subprocess.run([*MAKE, f"BUILD={build}", "CLANG=no-such-clang -g", "PKG_CONFIG=no-such-pkg-config"],
                              text=True, capture_output=True)
        said = [line for line in done.stderr.splitlines() if not re.match(r"make(\[\d+\])?: \*\*\*", line)]
        equal((done.returncode, done.stdout, len(said)), (2, "", 1), f"what make said: {done.stderr}")
        equal(said[0].startswith("tools/packages: lacking: no-such-clang no-such-pkg-config"), True, said[0])
        equal(os.listdir(build), [], "what it built")


main()
