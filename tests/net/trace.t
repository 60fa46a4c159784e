#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""headcount trace for a person: what it says first, a connect() that comes to nothing, lines that fit the terminal."""
import fcntl
import pty
import termios

from clients import *

client_host(1)
PORT, CLOSED, ALICE, ALICE6 = 7143, 7144, address(1, 2), address(1, 2, 6)


class Trace:
    """A running `headcount trace`, on a terminal so wide or, without a width, to a pipe; its lines so far."""

    def __init__(self, *options, width=None):
        self.lines, rest = [], {}
        if width:
            self.terminal, theirs = pty.openpty()
            self.resize(width)
            rest = {"stdout": theirs}
        self.process = start(PROGRAM, "trace", *options, **rest)
        if width:
            os.close(theirs)
        self.out = os.fdopen(self.terminal, "rb") if width else self.process.stdout
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def resize(self, width):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))

    def read(self):
        with contextlib.suppress(OSError):  # the terminal's end
            for line in self.out:
                self.lines.append(line.decode().rstrip("\r\n"))

    def wait(self, pattern, count=1):
        return until(lambda: (found := [line for line in list(self.lines) if re.search(pattern, line)]) and
                     len(found) >= count and found, f"{count} lines with {pattern} of {self.lines}")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        equal(self.process.wait(30 * SLOW), 0, "exit code")
        self.reader.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.reader.join()


@test
def introduction():
    """one line on stderr says how many sessions there are, how it ends and what comes next; with --json there is none"""
    with Server("0.0.0.0", PORT) as server, plain_connect(address(1), PORT) as client:
        client.recv(1)
        with Trace() as trace:
            line = trace.process.stderr.readline().decode()
            found = re.fullmatch(r"headcount: watching TCP, (\d+) sessions?; Ctrl-C ends; next: headcount run -h\n", line)
            equal(bool(found) and int(found[1]) >= 2 and len(line) <= 80, True, f"{len(line)}: {line}")
            trace.wait(f"open .*:{PORT} .*was there before", 2)
            trace.end()
            equal(trace.process.stderr.read(), b"", "what else it said")
        with Trace("--json") as trace:
            trace.wait(f'"headcount.found":true', 2)
            trace.end()
            equal(trace.process.stderr.read(), b"", "what it said")
            equal(all(isinstance(json.loads(line), dict) for line in trace.lines), True, "lines")


def events(trace, pattern):
    """Of the lines with this: EVENT, DIR and END."""
    rows = [line.split() for line in trace.lines if re.search(pattern, line)]
    return sorted((row[1], row[2], row[-1] if row[1] in ("close", "fail") else "") for row in rows)


@test
def refused_by_the_peer():
    """a connect() that the peer refuses is told as connect and fail; one that it takes as connect, open and close"""
    with Server("0.0.0.0", PORT) as server, Trace(width=200) as trace:
        trace.wait("^TIME")
        with new_socket() as client:
            equal(client.connect_ex((address(1), CLOSED)), errno.ECONNREFUSED, "connect to a closed port")
        with plain_connect(address(1), PORT) as client:
            client.recv(1)
        server.close_dead(1)
        trace.wait(f"close .*{address(1)}:{PORT} ", 2)
        trace.end()
        equal(events(trace, f" {address(1)}:{CLOSED}"), [("connect", "out", ""), ("fail", "out", "refused")], "refused")
        equal(events(trace, f" {address(1)}:{PORT}"),
              [("close", "in", "finished"), ("close", "out", "finished"), ("connect", "out", ""), ("open", "in", "")], "taken")


@test
def fits():
    """no line is longer than the terminal is wide, also with IPv6; a wider one has more columns at once"""
    with Server("::", PORT) as server, Trace(width=80) as trace:
        trace.wait("^TIME")
        for width in 80, 100, 160:
            trace.resize(width)
            heading = trace.wait(f"^TIME {'+EVENT +DIR +SERVICE' if width == 160 else '.*RX' if width > 80 else ''}")[-1]
            equal(("SERVICE" in heading, " RX " in heading), (width == 160, width > 80), heading)
            trace.lines.clear()
            for where, source in (address(1), ALICE), (address(1, 1, 6), ALICE6):
                with Child(lambda channel: (plain_connect(where, PORT, source).recv(1), answer(channel, 1), channel.recv(1)),
                           namespace="c1") as child:
                    child.hear()
                server.close_dead(1)
            trace.wait(rf"close .*({re.escape(NET)}|{NET6}).* (finished|reset)$", 4)
            equal([line for line in trace.lines if len(line) > width], [], f"lines longer than {width}")
            equal(bool(re.search(rf" {PORT} +{re.escape(ALICE)}:\d+ ", "\n".join(trace.lines))), width < 160, "the local port alone")
        trace.end()


main()
