#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The tests' own runner: what fails once is named and counted; where the tests work, and where headcount cannot run."""
import tempfile

from harness import *

HERE = os.path.dirname(os.path.abspath(__file__))
GOOD = "echo ok 1; echo 1..1"
BAD = "echo not ok 1; echo 1..1; exit 1"
FLAKY = f'if [ -e "$0.again" ]; then {GOOD}; else touch "$0.again"; {BAD}; fi'


def prove(*scripts, before=None):
    """Runs tests/prove on such tests: exit code and last line, with the names of the files as a, b, c..."""
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        def run_all(**named):
            for name, script in named.items():
                with open(f"{folder}/{name}", "w") as file:
                    file.write(f"#!/bin/sh\n{script}\n")
                os.chmod(f"{folder}/{name}", 0o755)
            return subprocess.run([f"{HERE}/../prove", *(f"{folder}/{name}" for name in named)], text=True,
                                  env={**os.environ, "PROVE_STATE": f"{folder}/state", "PROVE_JOBS": "4"}, capture_output=True, timeout=60)
        if before:
            equal(run_all(before=before).returncode, 1, "exit code of the run before")
        done = run_all(**dict(zip("abcdefgh", scripts)))
    return done.returncode, done.stdout.strip().splitlines()[-1].replace(folder + "/", "")


@test
def passed():
    """all pass: prove's own last line"""
    equal(prove(GOOD, GOOD), (0, "Result: PASS"), "outcome")


@test
def flaky():
    """a test that passes only the second time is named; four are no failure, five are"""
    line = "tests/prove: {} files, {} failed:{}; {} flaky, passed only the second time:{}"
    equal(prove(GOOD, FLAKY), (0, line.format(2, 0, "", 1, " b")), "one")
    equal(prove(FLAKY, GOOD, *[FLAKY] * 3), (0, line.format(5, 0, "", 4, " a c d e")), "four")
    equal(prove(*[FLAKY] * 5), (1, line.format(5, 0, "", 5, " a b c d e")), "five")


@test
def failures():
    """a test that fails twice fails all"""
    line = "tests/prove: {} files, {} failed:{}; {} flaky, passed only the second time:{}"
    equal(prove(BAD, GOOD, FLAKY), (1, line.format(3, 1, " a", 1, " c")), "one of each")


@test
def only_those():
    """only the files that are named are run, whatever failed in an earlier run"""
    equal(prove(FLAKY, before=BAD), (0, "tests/prove: 1 files, 0 failed:; 1 flaky, passed only the second time: a"), "outcome")


@test
def side_by_side():
    """tests run side by side, and after them, by itself, one that says that it has to"""
    def meets(other):  # each passes only beside the other
        return f"""here=${{0%/*}}; touch "$0.here"; trap 'rm "$0.here"; touch "$0.gone"' EXIT
            for try in $(seq 300); do [ -e "$here/{other}.here" ] || [ -e "$here/{other}.gone" ] && break; sleep 0.1; done
            [ $try -lt 300 ] || {{ {BAD}; }}; {GOOD}"""
    alone = f"""# alone: it is a test of that
        here=${{0%/*}}; [ -e "$here/b.gone" ] && [ -e "$here/c.gone" ] && [ ! -e "$here/b.here" ] && [ ! -e "$here/c.here" ] ||
            {{ {BAD}; }}; {GOOD}"""
    equal(prove(alone, meets("c"), meets("b")), (0, "Result: PASS"), "outcome")


@test
def anywhere():
    """network tests work from a folder of mode 0700, and in a PID namespace of their own"""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(HERE, f"{folder}/tests/net")
        os.mkdir(f"{folder}/build")
        shutil.copy(PROGRAM, f"{folder}/build")
        for file, words in ("errors.t", "not root"), ("events.t", "keys and values"):
            done = subprocess.run([*"unshare --pid --fork --mount-proc".split(), f"{folder}/tests/net/{file}", words],
                                  text=True, capture_output=True, timeout=60 * SLOW)
            equal((done.returncode, done.stdout.count("\nok 1 - ") + done.stdout.startswith("ok 1 - "), done.stderr),
                  (0, 1, ""), f"{file}, which said {done.stdout}")


@test
def unable():
    """where headcount cannot run, one line says what is lacking"""
    able = [f"{HERE}/../able"]
    done = subprocess.run(able, text=True, capture_output=True, timeout=60)
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "here")
    preload = os.path.join(BUILD, "tests/net/refuse.so")
    done = subprocess.run(able, text=True, capture_output=True, timeout=60,
                          env={**os.environ, "LD_PRELOAD": preload, "REFUSE": "type=8 errno=1"})
    equal((done.returncode, done.stderr.count("\n"), "cannot run here: this machine lacks cgroup_skb/ingress" in done.stderr),
          (1, 1, True), done.stderr)


main()
