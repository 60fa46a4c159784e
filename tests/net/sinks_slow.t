#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Readers of events that are slow, stopped or gone: they lose lines, are told how many, and nobody else notices."""
from subscribers import *

SESSIONS = 30000  # more lines than are kept for somebody who lags
EVERYTHING = config("unix, file:/run/tiny/log.json").replace("emit = none", "emit = opened, closed")  # both ends: four lines a session


def load():
    """Many sessions, by two processes at once."""
    def connect_all(channel, port):
        sessions(SESSIONS // 2, port)
        answer(channel, "done")
        channel.recv(1)
    with Child(connect_all, PORT) as one, Child(connect_all, PORT + 1) as two:
        one.hear()
        two.hear()



@test
def one_of_ten_is_stopped():
    """of ten subscribers one is stopped, and a disk is full: nine get every line, the two are told what they lost"""
    os.mkdir("/run/tiny")
    run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/run/tiny")
    with Headcount(EVERYTHING):
        with contextlib.ExitStack() as stack:
            readers = [stack.enter_context(Child(follow, SOCKET, 4 * SESSIONS)) for _ in range(10)]
            for reader in readers:
                reader.hear()
                reader.tell()
            os.kill(readers[0].pid, signal.SIGSTOP)
            load()
            for reader in readers[1:]:
                number, jumps = reader.hear()
                equal((number >= 4 * SESSIONS, jumps), (True, []), "the last number and the gaps of one that reads")
            lost = ask("status")["losses"]
            equal((lost["ring-full"], lost["subscriber-slow"] > 0), (0, True), f"losses {lost}")
            os.kill(readers[0].pid, signal.SIGCONT)
            number, jumps = readers[0].hear()
            equal((number >= 4 * SESSIONS, len(jumps)), (True, 1), f"the one that was stopped: {number} {jumps}")
            check_gap(*jumps[0], "subscriber-slow")
        run("mount", "-o", "remount,size=200m", "/run/tiny")
        until(lambda: last_number("/run/tiny/log.json") >= 4 * SESSIONS, "the file to be written again")
        until_still("/run/tiny/log.json")
        events = [(e["event.sequence"], e) for e in parsed("/run/tiny/log.json")]
        jumps = [(a, b, e) for (a, _), (b, e) in zip(events, events[1:]) if b != a + 1]
        equal(len(jumps), 1, "gaps in the file")
        check_gap(*jumps[0], "file-write")
    run("umount", "/run/tiny")


def check_gap(before, after, event, reason):
    """A line has its number and says how many there were since the one before; so does status."""
    equal((event["event.action"], event["event.reason"], event["headcount.events-lost"]),
          ("events-lost", reason, after - before), "what tells of the gap")
    equal(ask("status")["losses"][reason], after - before, "what status tells")


def until_still(path):
    """Waits until nobody writes to it, in the middle of which a line may be seen in part."""
    sizes = [-1]

    def still():
        time.sleep(0.2)
        sizes.append(os.path.getsize(path))
        return sizes[-1] == sizes[-2]
    until(still, "the file to stay as it is")


def last_number(path):
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 4096))
        return int(SEQUENCE.findall(file.read())[-1])


@test
def slow_stdout():
    """a stdout that nobody reads does not keep the others from their lines, nor run from its end"""
    with open("/run/slow.conf", "w") as file:
        file.write(config("stdout, unix"))
    process = start(PROGRAM, "run", "-c", "/run/slow.conf")
    equal(process.stderr.readline().partition(b";")[0], b"headcount: ready", "the first line")
    with Subscriber() as reader:
        sessions(1000)  # more than a pipe holds
        without_gap(reader.wait(2000), reader.first, 2000, "numbers on the socket")
    process.terminate()
    equal(process.wait(15), 0, "exit code")
    equal(b"slow readers of events lost" in process.stderr.read(), True, "it is told what stdout left")


@test
def come_and_go():
    """subscribers that come and go, in the middle of a line or all at once, disturb nobody"""
    with Headcount(config("unix")) as hc, Subscriber() as kept:
        for _ in range(20):
            others = [connect() for _ in range(20)]
            sessions(5)
            for other in others[::2]:
                other.recv(10)
            for other in others:
                other.close()
        without_gap(kept.wait(200), kept.first, 200, "numbers of the one that stays")
        files = f"/proc/{hc.process.pid}/fd"
        until(lambda: len([fd for fd in os.listdir(files) if link(files, fd).startswith("socket:")]) <= 4,
              "the sockets to be closed")


def link(folder, name):
    with contextlib.suppress(FileNotFoundError):
        return os.readlink(f"{folder}/{name}")
    return ""


@test
def stopped_at_the_end():
    """a stopped subscriber does not keep run from ending"""
    with Headcount(config("unix")):
        with Child(follow, SOCKET, 1 << 40) as reader:
            reader.hear()
            reader.tell()
            os.kill(reader.pid, signal.SIGSTOP)
            sessions(2000)


main()
