#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""What run tells systemd, by a socket in systemd's place."""
from clients import *

client_host(1)
PORT, WHERE = 7143, "/run/notify"
IMAP = service("imap", listen=PORT, user="client/32/64", cap=3)


class Manager:
    """Listens where NOTIFY_SOCKET says; the messages as lists of lines."""

    def __init__(self, watchdog_ms=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(WHERE)
        self.socket.setblocking(False)
        os.environ["NOTIFY_SOCKET"] = WHERE
        if watchdog_ms:
            os.environ["WATCHDOG_USEC"] = str(watchdog_ms * 1000)

    def next(self):
        until(lambda: readable(self.socket, 1), "a message")
        return self.socket.recv(4096).decode().splitlines()

    def next_but_alive(self):
        return next(message for message in iter(self.next, None) if message != ["WATCHDOG=1"])

    def alive(self, times):
        """Waits for that many new signs of life; nothing else may come."""
        self.forget()
        for _ in range(times):
            equal(self.next(), ["WATCHDOG=1"], "message")

    def silent(self):
        """Is nothing said for as long as the watchdog allows?"""
        self.forget()
        return not readable(self.socket, int(os.environ["WATCHDOG_USEC"]) / 1e6)

    def forget(self):
        with contextlib.suppress(BlockingIOError):
            while self.socket.recv(4096):
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        os.unlink(WHERE)
        os.environ.pop("NOTIFY_SOCKET")
        os.environ.pop("WATCHDOG_USEC", None)


def since_boot_us():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@test
def told():
    """ready when caps hold, reloading and ready around a reload, stopping; how much there is, and that a reload failed"""
    with Manager() as manager, Server("0.0.0.0", PORT):
        with Headcount(IMAP) as hc:
            ready, status = manager.next()
            equal((ready, re.sub(r"\d+ sessions", "N sessions", status)),
                  ("READY=1", "STATUS=3 services, N sessions"), "first message")
            with Clients(address(1), PORT, 1, 5, namespace="c1") as clients:
                equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes")
                before = since_boot_us()
                hc.reload(IMAP + service("pop", listen=110))
                reloading, when = manager.next()
                ready, status = manager.next()
            equal((reloading, ready), ("RELOADING=1", "READY=1"), "messages of a reload")
            equal(before <= int(when.removeprefix("MONOTONIC_USEC=")) <= since_boot_us(), True, when)
            found = re.fullmatch(r"STATUS=4 services, (\d+) sessions", status)
            equal(found and int(found[1]) >= 3, True, f"at least ours in {status!r}")
            hc.reload("nonsense", says="not reloaded")
            equal(manager.next()[0], "RELOADING=1", "message")
            ready, status = manager.next()
            equal((ready, status.startswith("STATUS=The configuration was not reloaded. 4 services, ")),
                  ("READY=1", True), status)
        equal(manager.next(), ["STOPPING=1"], "last message")
    equal(headcount("status", "--json")[0], 1, "exit code of status, without a manager")


@test
def watchdog():
    """a sign of life comes as long as the loop turns, and none while it does not"""
    with Manager(watchdog_ms=1000) as manager, Headcount(IMAP) as hc:
        equal(manager.next()[0], "READY=1", "message")
        manager.alive(5)
        os.kill(hc.process.pid, signal.SIGSTOP)
        until(lambda: manager.silent(), "silence")
        os.kill(hc.process.pid, signal.SIGCONT)
        manager.alive(3)
        hc.reload(IMAP)
        equal(manager.next_but_alive()[0], "RELOADING=1", "message")
        equal(manager.next_but_alive()[0], "READY=1", "message")
        manager.alive(3)


@test
def others_watchdog():
    """a watchdog that is for another process is not fed, nor does its alarm end anything"""
    os.environ["WATCHDOG_PID"] = "1"
    try:
        with Manager(watchdog_ms=500) as manager, Headcount(IMAP):
            equal(manager.next()[0], "READY=1", "message")
            equal(manager.silent(), True, "silent")
    finally:
        os.environ.pop("WATCHDOG_PID")


@test
def slow_reader():
    """a reader of standard output that stands still is not our hang: the signs of life go on, and reloads wait"""
    with Manager(watchdog_ms=1000) as manager, Server("0.0.0.0", PORT):
        with open("/run/slow.conf", "w") as file:
            file.write(IMAP)
        process = start(PROGRAM, "run", "-c", "/run/slow.conf")
        equal(process.stderr.readline().partition(b";")[0], b"headcount: ready", "what it said")
        rounds = 0
        while not blocked(process.pid):
            rounds += 1
            with Clients(address(1), PORT, 10, 20, namespace="c1") as clients:
                clients.go()
            equal(rounds < 200, True, "the pipe to fill up")
        manager.alive(4)
        process.send_signal(signal.SIGHUP)
        manager.alive(4)
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        equal(process.stderr.readline(), b"headcount: reloaded /run/slow.conf\n", "what it said")
        process.terminate()
        equal((process.wait(30), process.stderr.read()), (0, b""), "exit code and what it said")
        reader.join()


def blocked(pid):
    """Does it wait in a write to a pipe?"""
    with open(f"/proc/{pid}/wchan") as file:
        return "pipe_write" in file.read()


main()
