# SPDX-License-Identifier: GPL-2.0-only
"""For the tests of event sinks: a service whose lines are ours alone, and who reads them."""
from clients import *

PORT = 7143
SOCKET = "/run/headcount/events.sock"
SEQUENCE = re.compile(rb'"event\.sequence":(\d+)')


def config(events=None, emit="opened, closed, refused", **more):
    """Only sessions to our port make lines: two each, opened and closed."""
    settings = {key: value for key, value in (("events", events), *more.items()) if value is not None}
    return section("headcount", **settings) + service("inbound", emit="none") \
        + service("outbound", emit="none") + service("imap", listen=PORT, emit=emit)


def sessions(count, port=PORT):
    """So many sessions, one after the other; each is over when the next begins."""
    with contextlib.closing(listen("127.0.0.1", port)) as listener:
        for _ in range(count):
            with plain_connect("127.0.0.1", port) as client:
                listener.accept()[0].close()
                client.recv(1)


def parsed(path):
    """The lines of a file; each has to be whole."""
    with open(path, "rb") as file:
        data = file.read()
    equal(data[-1:] in (b"", b"\n"), True, f"{path} ends with a whole line")
    return [json.loads(line) for line in data.splitlines()]


def numbers(events):
    return [event["event.sequence"] for event in events]


def without_gap(events, first, count, what):
    equal(numbers(events), list(range(first, first + count)), what)


def wait_lines(path, count):
    """Waits until a file has so many lines and gives them; more would be wrong."""
    until(lambda: os.path.exists(path) and len(parsed(path)) >= count, f"{count} lines in {path}")
    events = parsed(path)
    equal(len(events), count, f"lines in {path}")
    return events


def connect(path=SOCKET):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(20 * SLOW)
    s.connect(path)
    return s


class Subscriber:
    """A connection to the socket and the lines that it gets. The constructor returns when the
    daemon has taken it: it sees an event that was made for that."""

    def __init__(self, path=SOCKET, greet=True):
        self.socket, self.data = connect(path), b""
        while greet and b"\n" not in self.data:
            sessions(1)
            self.read(0.5)
        if greet:
            self.read(0.3)
            self.first = self.events()[-1]["event.sequence"] + 1
            self.data = b""

    def read(self, seconds):
        """What comes until nothing has come for so long; False at the end."""
        self.socket.settimeout(seconds * SLOW)
        with contextlib.suppress(TimeoutError):
            while True:
                data = self.socket.recv(1 << 20)
                if not data:
                    return False
                self.data += data
        return True

    def events(self):
        equal(self.data[-1:] in (b"", b"\n"), True, "the last line is whole")
        return [json.loads(line) for line in self.data.splitlines()]

    def wait(self, count):
        def enough():
            self.read(0.1)
            return self.data.count(b"\n") >= count
        until(enough, f"{count} lines on the socket")
        equal(len(self.events()), count, "lines on the socket")
        return self.events()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def follow(channel, path, last):
    """Child: reads until the line numbered `last`; says where a number did not follow the one
    before, as [number, the next, the line's text or None]."""
    s, rest, number, jumps = connect(path), b"", None, []
    answer(channel, "connected")
    channel.recv(1)
    while number is None or number < last:
        data = s.recv(1 << 20)
        if not data:
            break
        rest += data
        whole, rest = rest[:rest.rfind(b"\n") + 1], rest[rest.rfind(b"\n") + 1:]
        found = list(map(int, SEQUENCE.findall(whole)))
        if found and (found != list(range(found[0], found[-1] + 1)) or number not in (None, found[0] - 1)):
            for line in whole.splitlines():
                event = json.loads(line)
                if number is not None and event["event.sequence"] != number + 1:
                    jumps.append([number, event["event.sequence"], event])
                number = event["event.sequence"]
        number = found[-1] if found else number
    answer(channel, [number, jumps])
    channel.recv(1)
