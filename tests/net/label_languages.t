#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""setsockopt() of a label from each language, by the examples that the manual quotes."""
from labelling import *

client_host(1)
HERE, PORT = address(1), 7143
EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/examples/label")
OUT = "/run/label"  # where what is compiled goes
JNA = "/usr/share/java/jna.jar"
NAME = "Jürgen -%61*"
ENVIRONMENT = {**os.environ, "PATH": os.path.dirname(PROGRAM) + ":" + os.environ["PATH"], "GOCACHE": "/run/go", "GOFLAGS": "-mod=mod",
               "GO111MODULE": "off", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


def say_whose(command, pair):
    """The session is the program's standard input, as from inetd."""
    done = subprocess.run([*command, NAME], stdin=pair.server, capture_output=True, timeout=60 * SLOW, env=ENVIRONMENT)
    return done.returncode, (done.stdout or done.stderr).decode().splitlines()[-1:]


def language(file, command, build=None):
    """Labels, is turned away over the cap, and stays where headcount does not run."""
    need((build or command)[0])
    if build:
        done = subprocess.run(build, capture_output=True, text=True, timeout=80 * SLOW, env=ENVIRONMENT)
        equal((done.returncode, done.stderr), (0, ""), f"building {file}")
    with pairs(3, HERE, PORT, "c1") as (one, two, bare):
        with Headcount(by_label(PORT, cap=1)):
            equal((say_whose(command, one), one.label()), ((0, ["welcome"]), NAME.encode()), "the first")
            equal((say_whose(command, two), two.label()), ((1, ["too many sessions"]), None), "over the cap")
            equal(say_whose(command, one), (0, ["welcome"]), "the first again")
        equal(say_whose(command, bare), (0, ["welcome"]), "without headcount")


def source(file):
    return os.path.join(EXAMPLES, file)


@test
def c():
    """C"""
    language("label.c", [OUT], ["cc", "-Wall", "-Wextra", "-Werror", "-o", OUT, source("label.c")])


@test
def python():
    """Python"""
    language("label.py", ["python3", source("label.py")])


@test
def perl():
    """Perl"""
    language("label.pl", ["perl", source("label.pl")])


@test
def php():
    """PHP, by --fd"""
    language("label.php", ["php", source("label.php")])


@test
def ruby():
    """Ruby"""
    language("label.rb", ["ruby", source("label.rb")])


@test
def node():
    """Node.js, by --fd"""
    language("label.js", ["node", source("label.js")])


@test
def rust():
    """Rust"""
    language("label.rs", [OUT], ["rustc", "-D", "warnings", "-o", OUT, source("label.rs")])


@test
def go():
    """Go"""
    language("label.go", [OUT], ["go", "build", "-o", OUT, source("label.go")])


@test
def java():
    """Java"""
    if not os.path.exists(JNA):
        raise Skip(f"no {JNA} on this machine")
    language("Label.java", ["java", "--add-exports", "java.base/sun.nio.ch=ALL-UNNAMED", "-cp", JNA, source("Label.java")])


@test
def quoted():
    """README.md quotes the line of each language as it is in the file, and forgets none"""
    with open(source("README.md")) as file:
        rows = re.findall(r"^\| [^|]+ \| \[([^]]+)\]\([^)]+\) \| `(.*)` \|$", file.read(), re.M)
    equal(sorted(name for name, _ in rows), sorted(n for n in os.listdir(EXAMPLES) if re.match(r"[Ll]abel\.", n)), "files")
    for name, line in rows:
        with open(source(name)) as file:
            equal(file.read().count(line), 1, f"{line} in {name}")


main()
