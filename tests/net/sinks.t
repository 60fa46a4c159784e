#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Event sinks: stdout, files, sockets; what a reload adds, removes and keeps."""
import grp

from subscribers import *


@test
def the_same_lines():
    """stdout, a file and two sockets get the same lines; jq and socat read them"""
    with Headcount(config("journal"), "--events", "stdout file:/run/a.json unix unix:/run/other/b.sock") as hc:
        outputs = [open(f"/run/socat-{i}", "wb") for i in range(2)]
        socats = [start("socat", "-u", "UNIX-CONNECT:" + path, "-", stdout=out)
                  for path, out in zip((SOCKET, "/run/other/b.sock"), outputs)]
        with Subscriber() as last:  # the others have been taken by then
            sessions(100)
            last.wait(200)
            lines = wait_lines("/run/a.json", last.first + 199)
        without_gap(lines, 1, len(lines), "numbers in the file")
        until_equal(lambda: hc.events, lines, "stdout")
        equal(run("jq", "-r", '.["event.action"]', "/run/a.json").split(),
              [e["event.action"] for e in lines], "what jq reads")
        for i in range(2):
            until(lambda: os.path.getsize(f"/run/socat-{i}") and parsed(f"/run/socat-{i}")[-1] == lines[-1], "socat")
            seen = parsed(f"/run/socat-{i}")
            equal(seen, lines[-len(seen):], "what socat read")
            equal(len(seen) >= 200, True, "socat saw all")
    for socat in socats:
        equal(socat.wait(10), 0, "socat's exit code, the daemon having ended")
    equal([os.path.exists("/run/" + name) for name in ("headcount", "other", "a.json")], [False, False, True],
          "what stays behind")


@test
def nobody():
    """none: nothing is written, nothing is lost, counts are kept"""
    with Headcount(config("none")) as hc:
        sessions(50)
        until_equal(lambda: user("imap", "127.0.0.1", "opened"), 50, "opened")
        equal((hc.events, sum(ask("status")["losses"].values())), ([], 0), "events and losses")


@test
def bad_lists():
    """a bad list is one error with file and line, or of --events, exit code 2, and nothing is touched"""
    for line, what in (("events = file", "file"), ("events = file:a", "file:a"), ("events = stdout, stdout", "twice"),
                       ("events = none, stdout", "cannot be combined"), ("events = stdout none", "cannot be combined"),
                       ("events = unix:/" + "x" * 120, "too long"), ("events = syslog", "syslog"),
                       ("events = file:/run/", "folder"), ("events_mode = 0999", "octal"),
                       ("events_mode = 1777", "octal"),
                       ("events_group = no-such-group", "no group")):
        with open("/run/bad.conf", "w") as file:
            file.write("[headcount]\n" + line + "\n")
        code, out, err = headcount("run", "-c", "/run/bad.conf")
        equal((code, out, err.count("\n")), (2, "", 1), line)
        equal(err.startswith("headcount: /run/bad.conf:2: ") and what in err, True, f"the error: {err}")
    code, _, err = headcount("run", "-c", "/dev/null", "--events", "file:x")
    equal((code, err), (2, 'headcount: bad events "file:x": a path begins with /\n'), "--events")
    code, out, err = headcount("run", "-c", "/dev/null", "--check", "--events", "unix, journal")
    equal((code, "unix:/run/headcount/events.sock (mode 0660), journal" in out), (0, True), f"--check: {out}")


@test
def access():
    """mode and group of the socket are as configured, and change with a reload"""
    group = grp.getgrgid(4).gr_name

    def mode():
        stat = os.stat(SOCKET)
        return oct(stat.st_mode & 0o777), stat.st_gid
    with Headcount(config("unix", events_mode="0640", events_group=group)) as hc, Subscriber() as kept:
        equal(mode(), ("0o640", 4), "mode and group")
        equal(as_user(UID, try_connect), "EACCES", "connect() of somebody else")
        # To give it to another group takes what run gave up when it was attached.
        hc.reload(config("unix", events_mode="0600", events_group="5"), "headcount: not reloaded")
        equal(mode(), ("0o640", 4), "mode and group after a reload that failed")
        hc.reload(config("unix", events_mode="0666", events_group=group))
        equal(mode(), ("0o666", 4), "mode and group")
        equal(as_user(UID, try_connect), "ok", "connect() of somebody else")
        sessions(3)
        without_gap(kept.wait(6), kept.first, 6, "numbers of who was there before")


def try_connect():
    try:
        connect().close()
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]


@test
def old_sockets():
    """what a killed daemon left is replaced; a socket that is listened on, and a file, are not"""
    with Headcount(config("unix")) as hc:
        hc.end(signal.SIGKILL)
    equal(os.path.exists(SOCKET), True, "a socket is left")
    with Headcount(config("unix")), Subscriber():
        pass
    equal(os.path.exists(SOCKET), False, "the socket at the end")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other, open("/run/plain", "w") as file:
        other.bind("/run/other.sock")
        other.listen()
        file.write("x")
        for path, why in (("/run/other.sock", "listens on"), ("/run/plain", "not a socket")):
            code, _, err = headcount("run", "-c", "/dev/null", "--events", "unix:" + path)
            equal((code, err.count("\n"), why in err), (1, 1, True), err)
            equal(os.path.exists(path), True, "it stays")
    equal(os.path.exists("/sys/fs/bpf/headcount"), False, "something is pinned")


@test
def reload_changes():
    """a reload adds and removes sinks; who is kept loses nothing; a sink that cannot be is no reload"""
    with Headcount(config("unix, file:/run/1.json")) as hc, Subscriber() as kept:
        first = kept.first
        sessions(5)
        hc.reload(config("unix, file:/run/2.json, unix:/run/second.sock, stdout"))
        with Subscriber("/run/second.sock") as second:
            sessions(5)
            second.wait(10)
            told = len(kept.wait(second.first - first + 10))
            equal(len(hc.events), told - 10, "lines on stdout since the reload")
            said = hc.reload(config("unix, file:/run/no/such/folder, unix:/run/third.sock", emit="none"),
                             "headcount: not reloaded")
            equal(os.path.exists("/run/third.sock"), False, "a socket of the bad configuration")
            sessions(5)
            second.wait(20)
            hc.reload(config("unix"))
            equal(second.read(5), False, "the removed socket's subscriber is told the end")
        equal(os.path.exists("/run/second.sock"), False, "the removed socket")
        sessions(5)
        without_gap(kept.wait(told + 20), first, told + 20, "numbers of the subscriber that was kept")
        one, two = parsed("/run/1.json"), parsed("/run/2.json")
        without_gap(one, 1, first + 9, "numbers in the first file")
        without_gap(two, first + 10, first + told + 10 - len(one) - 1, "numbers in the second file")


@test
def closed_stdout():
    """a closed stdout is left alone while there is another sink, and ends run when it is the last"""
    with open("/run/closed.conf", "w") as file:
        file.write(config("stdout, file:/run/more.json"))
    process = start(PROGRAM, "run", "-c", "/run/closed.conf")
    try:
        equal(process.stderr.readline().partition(b";")[0], b"headcount: ready", "the first line")
        process.stdout.close()
        until(lambda: b"standard output is closed" in process.stderr.readline(), "the notice")
        sessions(5)
        wait_lines("/run/more.json", 10)
        equal(process.poll(), None, "it runs")
    finally:
        process.terminate()
        equal(process.wait(15), 0, "exit code")


main()
