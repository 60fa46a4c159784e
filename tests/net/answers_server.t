#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: who is answered has two seconds to speak
"""The server that answers who is over a cap, alone: noise, slow clients, crowds."""
import resource

from answering import *

LARGE = 60000  # of a file: more than a small window takes
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
files()


class Answers:
    """The server alone, at these ports of 127.0.0.1."""

    def __init__(self, ports):
        self.process = start(f"{BUILD}/tests/net/answer", *(str(w) for pair in ports.items() for w in pair),
                             stdin=subprocess.PIPE, stderr=None)
        equal(self.process.stdout.readline(), b"ready\n", "what it says")

    def ask(self, line="count"):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def counts(self, **want):
        """Once nobody is connected any more; those not named are 0."""
        want = {"answered": 0, "late": 0, "crowded": 0, "left": 0, "open": 0, **want}
        until_equal(self.ask, want, "counts")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        equal(self.process.wait(30 * SLOW), 0, "exit code of the server")


def come(port, source="127.0.0.1", window=None):
    s = socket.socket()
    s.settimeout(20 * SLOW)
    if window:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return s


def left_over(port):
    """The sockets of the server's side that a client could be served by."""
    return run("ss", "-Htan", "state", "connected", "exclude", "time-wait", f"sport = :{port}").splitlines()


@test
def hostile():
    """noise, half a request, a byte at a time, a client that takes nothing: cut off, and nothing is left"""
    with open("/run/page", "wb") as file:
        file.write(b"x" * LARGE)
    with Answers({"imap": 7301, "http": 7302, "postgresql": 7303, "file:/run/page": 7304, "mysql": 7305}) as answers:
        for noise in b"\0" * 100000, b"\xff" * 100000, bytes(range(256)) * 400:
            for port in 7301, 7305:
                s = come(port)
                with contextlib.suppress(ConnectionError):
                    s.sendall(noise)
                read_all(s)
        equal(read_all(come(7301)).startswith(b"* BYE"), True, "greeting of a client that only listens")
        answers.counts(answered=7)
        silent, half, slow, deaf = come(7302), come(7302), come(7303), come(7304, window=2048)
        half.sendall(b"GET / HTTP/1.1\r\nHost:")
        with contextlib.suppress(ConnectionError):
            for _ in range(8):
                slow.sendall(b"\0")
                select.select([slow], [], [], 0.1)
        for s in silent, half, slow:
            equal(read_all(s), b"", "what a client gets that asks for nothing")
        until(lambda: answers.ask()["open"] == 0, "all to be cut off")
        until_equal(lambda: left_over(7304), [], "sockets of the client that takes nothing")
        equal(len(read_all(deaf)) < LARGE, True, "it did not get all")
        answers.counts(answered=8, late=3)


@test
def half_closed():
    """a client that has shut down its side is answered; one that went away is counted as such"""
    with Answers({"imap": 7301, "http": 7302}) as answers:
        s = come(7301)
        s.shutdown(socket.SHUT_WR)
        equal(read_all(s), f"* BYE [UNAVAILABLE] {WORDS}\r\n".encode(), "greeting")
        s = come(7302)
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        equal(read_all(s).startswith(b"HTTP/1.1 503"), True, "page")
        for _ in range(10):
            come(7302).close()
        answers.counts(answered=2, left=10)


@test
def crowd():
    """1,500 at once are all answered; 1,500 silent ones of one address do not keep another from the answer"""
    with Answers({"imap": 7301, "http": 7302}) as answers:
        crowd = [come(7301) for _ in range(1500)]
        for s in crowd:
            equal(read_all(s), f"* BYE [UNAVAILABLE] {WORDS}\r\n".encode(), "greeting")
        answers.counts(answered=1500)
        since = time.monotonic()
        silent = [come(7302) for _ in range(1500)]
        quick = time.monotonic() - since < 1  # else some are cut off before there are 1,000
        for n in range(2, 12):
            s = come(7302, f"127.0.0.{n}")
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            equal(read_all(s).startswith(b"HTTP/1.1 503"), True, "page of another client")
        for s in silent:
            s.close()
        until(lambda: answers.ask()["open"] == 0, "all to be gone")
        counts = answers.ask()
        equal(counts["answered"], 1510, "answered")
        equal(counts["crowded"] >= 500 or not quick, True, f"500 made room: {counts}")
        equal(sum(counts.values()), 3010, f"each counted once: {counts}")


@test
def taken_away():
    """a listener that is taken away takes nobody any more; who is talking is answered"""
    with Answers({"http": 7302, "file:/run/words": 7304}) as answers:
        s = come(7302)
        s.sendall(b"GET / HTTP/1.0\r\n")
        until(lambda: answers.ask()["open"] == 1, "the connection")
        answers.ask("drop")
        try:
            come(7302)
            raise AssertionError("connected")
        except ConnectionRefusedError:
            pass
        s.sendall(b"\r\n")
        equal(read_all(s).startswith(b"HTTP/1.1 503"), True, "page")
        answers.counts(answered=1)


@test
def instead():
    """a listener that is to say something else does so; if there is no memory for that, it says what it said"""
    with Answers({"file:/run/words": 7304, "http": 7302}) as answers:
        words = read_all(come(7304))
        equal(b"" < words, True, f"at first: {words}")
        answers.ask("vast")
        equal(read_all(come(7304)), words, "after what failed")
        s = come(7302)
        until(lambda: answers.ask()["open"] == 1, "the connection")
        answers.ask("say else")
        equal([read_all(come(port)) for port in (7302, 7304)], [b"else\n"] * 2, "after what did not")
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        equal(read_all(s).startswith(b"HTTP/1.1 503"), True, "who came before that")
        answers.ask("vast")
        equal(read_all(come(7302)), b"else\n", "after another failure")
        answers.counts(answered=6)


@test
def no_files():
    """a server without a descriptor for who comes takes him when it has one again, and says so once"""
    with Answers({"imap": 7301}) as answers:
        pid = answers.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")), 8192))
        clients = [come(7301) for _ in range(3)]
        equal(answers.ask()["open"], 0, "open")
        equal([readable(s, 0.2) for s in clients], [False] * 3, "answered meanwhile")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for s in clients:
            equal(read_all(s).startswith(b"* BYE"), True, "greeting, once there are files")
        answers.counts(answered=3)


main()
