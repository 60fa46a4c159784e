#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""headcount events: filters, formats, who may use it, a closed stdout, and the daemon's restart."""
from subscribers import *

client_host(1)
ALICE, BOB = address(1, 2), address(1, 3)
TWO = config("unix", emit="opened, closed, refused") + "user = client/32/64\ncap = 1\n" \
    + service("pop", listen=PORT + 1, user="client/24/64")


class Events:
    """A running `headcount events`; its output so far."""
    count = 0

    def __init__(self, *options, **how):
        Events.count += 1
        self.path = f"/run/events-{Events.count}"
        self.said = self.path + ".err"
        self.process = start(PROGRAM, "events", *options, stdout=open(self.path, "wb"), stderr=open(self.said, "wb"),
                             **how)

    def lines(self):
        with open(self.path) as file:
            return file.read().splitlines()

    def wait_said(self, text):
        until(lambda: text in open(self.said).read(), f"stderr of events to say {text!r}")

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        return self.process.wait(15 * SLOW)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)


def taken(hc, count):
    """Waits until the daemon has taken so many subscribers: its sockets are as many, the listening one, that of the
    closer and the way to the process that may enter namespaces."""
    def sockets():
        files, count = f"/proc/{hc.process.pid}/fd", 0
        for fd in os.listdir(files):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                count += os.readlink(f"{files}/{fd}").startswith("socket:")
        return count
    until_equal(sockets, count + 3, "sockets of the daemon")


def talk(source, port=PORT):
    """A session from there; a second one at the same time, which the cap of 1 refuses."""
    with Server("0.0.0.0", port) as server:
        with Clients(address(1), port, 1, 2, sources=[source], namespace="c1") as clients:
            clients.go()
            clients.close()
            server.close_dead(1 if port == PORT else 2)


@test
def filters():
    """--service, --user and --action, each and together; without them the lines are unchanged"""
    wanted = (
        ([], lambda e: True),
        (["--service", "pop"], lambda e: e["rule.name"] == "pop"),
        (["-u", ALICE], lambda e: e["headcount.user"] == ALICE),
        (["--user", f"{NET}1.0/24"], lambda e: e["headcount.user"] == f"{NET}1.0/24"),
        (["--action", "refused"], lambda e: e["event.action"] == "session-refused"),
        (["-a", "opened", "-s", "imap", "-u", BOB],
         lambda e: (e["event.action"], e["headcount.user"]) == ("session-opened", BOB)),
        (["-a", "lost"], lambda e: False))
    with Headcount(TWO) as hc, contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(Events(*options)) for options, _ in wanted]
        reader = stack.enter_context(connect())
        taken(hc, len(watchers) + 1)
        for source in ALICE, BOB:
            talk(source)
        talk(ALICE, PORT + 1)
        data = b""
        while data.count(b"\n") < 10:  # 3 + 3 of imap, 4 of pop
            data += reader.recv(1 << 16)
        lines = data.decode().splitlines()
        equal(len(lines), 10, "lines on the socket")
        for watcher, (options, want) in zip(watchers, wanted):
            until_equal(watcher.lines, [line for line in lines if want(json.loads(line))], f"events {options}")
            equal(watcher.end(), 0, "exit code after Ctrl-C")


@test
def text_and_zeek():
    """text looks as trace does; zeek is a conn.log with one line for each session that ended or was refused"""
    with Headcount(TWO) as hc, Events("-f", "text") as text, Events("-f", "zeek", "-s", "imap") as zeek, \
            Events("--service", "imap") as plain:
        taken(hc, 3)
        talk(ALICE)
        until(lambda: len(plain.lines()) == 3, "three lines")
        told = {e["event.action"]: e for e in map(json.loads, plain.lines())}
        shown = until(lambda: len(text.lines()) == 4 and text.lines(), "three lines of text and their header")
        equal(shown[0].split()[:6], "TIME EVENT DIR SERVICE USER PROCESS".split(), "the header")
        equal(sorted(line.split()[1:5] for line in shown[1:]),
              [[word, "in", "imap", ALICE] for word in ("close", "open", "refuse")], "the columns")
        until(lambda: len(zeek.lines()) == 10, "ten lines of conn.log")
        equal([watcher.end(signal.SIGTERM) for watcher in (text, zeek, plain)], [0, 0, 0], "exit codes")
    lines = zeek.lines()
    equal((lines[0], lines[4], lines[-1][:7]), ("#separator \\x09", "#path\tconn", "#close\t"), "its frame")
    names = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
    rows = [dict(zip(names, line.split("\t"))) for line in lines if line[0] != "#"]
    for row in rows:
        equal((len(row), row["id.orig_h"], row["id.resp_p"], row["proto"], row["service"]),
              (len(names), ALICE, str(PORT), "tcp", "imap"), "columns")
    state = {row["conn_state"]: row for row in rows}
    equal(sorted(state), ["REJ", "SF"], "states")
    closed = told["session-closed"]
    equal((state["SF"]["uid"], state["SF"]["orig_bytes"], state["SF"]["resp_bytes"], state["SF"]["id.orig_p"]),
          (str(closed["headcount.session.id"]), "0", "1", str(closed["source.port"])), "the session's columns")
    equal((state["REJ"]["uid"], state["REJ"]["duration"]), ("-", "-"), "what a refusal does not know")


@test
def nothing_to_wait_for():
    """a service that is none, or somebody who can be no user of it or of any, is an error"""
    with Headcount(TWO) as hc, Events("-u", f"{NET6}1:0::/64") as six:  # not as the lines have it
        taken(hc, 1)
        with Server("::", PORT + 1), Clients(address(1, 1, 6), PORT + 1, sources=[address(1, 2, 6)], namespace="c1") as clients:
            equal(clients.go(), {"ok": 1}, "outcomes")
            until(lambda: len(six.lines()) == 1, "the event of the prefix")
        for options, word in [(["-s", "nosuch"], "nosuch"), (["-u", "nobody-at-all"], "nobody-at-all"), (["-u", ALICE, "-s", "outbound"], "outbound"),
                              (["-u", ALICE, "-s", "pop"], f"part of the user {NET}1.0/24")]:
            code, out, err = headcount("events", *options)
            equal((code, out, err.count("\n"), word in err), (1, "", 1, True), f"events {options}: {err!r}")


@test
def bad_usage():
    """bad options exit with 2; without a daemon it says so and exits with 1"""
    for options in ["--format", "xml"], ["--action", "open"], ["x"]:
        equal(headcount("events", *options)[0], 2, f"exit code of events {options}")
    code, out, err = headcount("events")
    equal((code, out, err.count("\n"), SOCKET in err), (1, "", 1, True), f"without a daemon: {err}")


def seven(plain):
    """Seven events: three from before a gap, the gap, three from after it."""
    until(lambda: len(plain.lines()) == 7, "seven lines")
    return list(map(json.loads, plain.lines()))


@test
def restart():
    """events waits for the next daemon, goes on, and tells that it does not know what it missed"""
    hc = Headcount(TWO)
    with Events() as plain, Events("-f", "text") as text:
        taken(hc, 2)
        talk(ALICE)
        until(lambda: len(plain.lines()) == 3, "three lines")
        hc.end(signal.SIGKILL)
        for watcher in plain, text:
            watcher.wait_said("the daemon ended")
        with Headcount(TWO) as hc:
            for watcher in plain, text:
                watcher.wait_said("again")
            taken(hc, 2)
            talk(ALICE)
            events = seven(plain)
            gap = events[3]
            equal((gap["event.action"], gap["event.reason"], gap["headcount.events-lost"]),
                  ("events-lost", "daemon-restarted", None), "the line that tells of the gap")
            equal(numbers(events), [1, 2, 3, 0, 1, 2, 3], "numbers")
            runs = [event["agent.ephemeral_id"] for event in events]
            equal([runs.index(run) for run in runs], [0, 0, 0, 3, 3, 3, 3], "the runs that tell")
            equal({event["host.name"] for event in events}, {os.uname().nodename}, "the host")
            until(lambda: any("lost" in line and "restarted" in line for line in text.lines()), "the gap in text")
            equal([plain.end(), text.end()], [0, 0], "exit codes")


@test
def left_alone():
    """a socket that a reload takes away and gives back: events tells how many lines it missed"""
    with Headcount(TWO.replace("events = unix", "events = unix, stdout")) as hc, Events() as plain:
        taken(hc, 1)
        talk(ALICE)
        until(lambda: len(plain.lines()) == 3, "three lines")
        hc.reload(TWO.replace("events = unix", "events = stdout"))
        plain.wait_said("the daemon ended")
        talk(ALICE)
        until(lambda: len(hc.events) == 6, "six events")
        hc.reload(TWO.replace("events = unix", "events = unix, stdout"))
        plain.wait_said("again")
        taken(hc, 1)
        talk(BOB)
        events = seven(plain)
        equal((events[3]["event.reason"], events[3]["headcount.events-lost"]), ("not-connected", 3), "the gap")
        equal(numbers(events), [1, 2, 3, 6, 7, 8, 9], "numbers")
        equal(len({(event["host.name"], event["agent.ephemeral_id"]) for event in events}), 1, "hosts and runs that tell")


@test
def closed_stdout():
    """a closed stdout ends events cleanly, also while nothing comes"""
    with Headcount(TWO) as hc:
        for options in [], ["-f", "text"], ["-f", "zeek"]:
            process = start(PROGRAM, "events", *options)
            taken(hc, 1)
            process.stdout.close()
            equal((process.wait(15), process.stderr.read()), (0, b""), "exit code and stderr")
            taken(hc, 0)


@test
def not_root():
    """who may connect to the socket needs no other power"""
    with Headcount(TWO.replace("[headcount]\n", "[headcount]\nevents_mode = 0666\n")) as hc:
        with Events(user=UID, group=UID, extra_groups=[]) as plain:
            taken(hc, 1)
            talk(ALICE)
            until(lambda: len(plain.lines()) == 3, "three lines")
            equal(plain.end(), 0, "exit code")
    with Headcount(TWO):
        code, _, err = headcount("events", user=UID, group=UID, extra_groups=[])
        equal((code, "Permission denied" in err), (1, True), f"without the socket's mode: {err}")


main()
