#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Completion in bash: what it offers, and that it knows each command and option of the program."""
from clients import *

client_host(1)
PORT = 7143
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/completion/headcount.bash")
HOSTILE = "/$(touch${IFS}x)`id`;x"


def bash(command):
    path = os.path.dirname(PROGRAM) + ":" + os.environ["PATH"]
    return run("bash", "--norc", "-c", f". {SCRIPT}; {command}", env={**os.environ, "PATH": path})


def offered(line):
    """Words that a Tab after this line offers, in bash's own way of asking."""
    return bash(f'COMP_LINE=\'{line}\' COMP_POINT={len(line)}; _headcount; printf "%s\\n" "${{COMPREPLY[@]}}"').split()


def helps():
    """Of the program's own --help: command, its options with their values, and its arguments."""
    commands = re.findall(r"^  ([a-z]+) ", headcount("--help")[1], re.M)
    for command in commands:
        text = headcount(command, "--help")[1]
        options = re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(?: ([A-Z]\S*))? ", text, re.M)
        usage = text.splitlines()[0].partition(" [OPTIONS]")[2].split()
        yield command, [(letter, name, value) for letter, name, value in options if name not in ("help", "verbose")], usage


def table():
    rows = [line.split() for line in bash('echo "$_headcount_table"').splitlines() if line]
    return {command: [w for w in words if w[0] == "-"] + [w for w in words if w[0] != "-"]
            for command, *words in rows}


@test
def complete():
    """the table has every command, every option with its value and as many arguments, and nothing else"""
    ours = table()
    theirs = {}
    for command, options, usage in helps():
        theirs[command] = [(f"-{letter}," if letter else "") + f"--{name}" + (f"={value}" if value else "")
                           for letter, name, value in options]
        arguments = ours.get(command, [])[len(options):]
        equal(len(arguments), len(usage), f"arguments of {command} in the table: {arguments}, in --help: {usage}")
        theirs[command] += arguments
    equal(len(theirs) >= 8, True, f"commands found in --help: {theirs}")
    equal(ours, theirs, "table")


@test
def words():
    """commands, options and files, as far as they are typed"""
    for line, want in {"headcount de": ["debug", "detach"], "headcount --v": ["--verbose", "--version"], "headcount nonsense ": [],
                       "headcount run --p": ["--pin"], "headcount run -": ["--config", "--events", "--pin", "--check", "--verbose", "--help"],
                       "headcount users -s imap --j": ["--json"], "headcount status ": [],
                       "headcount run -c /etc/passw": ["/etc/passwd", "/etc/passwd-"],
                       "headcount run --config=/etc/hostna": ["/etc/hostname"],
                       "headcount cap x y u": ["unlimited"], "headcount cap x y 3 ": [],
                       "headcount users -s ": ["inbound", "outbound"], "headcount users -s o": ["outbound"]}.items():
        equal([word for word in offered(line) if os.path.exists(word) or not word.startswith("/")],
              [word for word in want if os.path.exists(word) or not word.startswith("/")], line)


@test
def alive():
    """services and users of what runs; a name that a shell would run is not offered"""
    config = service("imap", listen=PORT, user="cgroup") + service("pop", listen=PORT + 1, user="client/32/128")
    with cgroup(HOSTILE.replace("/", "")) as (_, path), Headcount(config) as hc, Server("::", PORT + 1), \
            Server("0.0.0.0", PORT, cgroup=path), Clients(address(1), PORT, 1, 1, namespace="c1") as one, \
            Clients(address(1, 1, 6), PORT + 1, 1, 1, namespace="c1") as two:
        equal([one.go(), two.go()], [{"ok": 1}, {"ok": 1}], "outcomes")
        equal(any("$(touch" in row["user"] for row in ask("users", "--service", "imap")), True, "the hostile user")
        equal(set(offered("headcount users --service ")) >= {"imap", "pop", "inbound"}, True, "services")
        equal(offered("headcount cap im"), ["imap"], "a service")
        equal([word for word in offered("headcount sessions -u ") if "$" in word or "`" in word], [], "hostile words")
        # Readline takes what is after the last colon for the word.
        name = next(row["user"] for row in ask("users", "--service", "pop"))
        equal(offered(f"headcount sessions --user={name[:-1]}"), [name.rpartition(":")[2]], "a user")


main()
