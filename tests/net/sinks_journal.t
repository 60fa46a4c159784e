#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The sink `journal`: what journald gets in its own protocol, and a journald that does not read."""
from subscribers import *

JOURNAL = "/run/systemd/journal/socket"
IDS = {"session-opened": "8c1e4fee8de54591870a779503d11ac5", "session-closed": "02780c8456af446fa1981f7c4e0abca7",
       "session-refused": "33d5a158fe8348a3a460a8f7ff629544",
       "session-killed": "b9a9c507c6b349eb95a3cfb25717d5fc", "events-lost": "efc4bc35dfe044f6a510435aa0f2547d"}


@contextlib.contextmanager
def journald():
    """Its socket, and nobody who reads it but the test."""
    os.makedirs(os.path.dirname(JOURNAL), exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(JOURNAL)
        s.settimeout(10 * SLOW)
        try:
            yield s
        finally:
            os.unlink(JOURNAL)


def fields(data):
    """An entry of the native protocol: NAME=value, or NAME, its length and its bytes."""
    found = {}
    while data:
        line, data = data.split(b"\n", 1)
        name, equals, value = line.partition(b"=")
        if not equals:
            size, = struct.unpack_from("<Q", data)
            value, data = data[8:8 + size], data[9 + size:]
        equal(name in found, False, f"{name} twice")
        found[name.decode()] = value.decode()
    return found


def entries(s, count):
    return [fields(s.recv(1 << 16)) for _ in range(count)]


@test
def what_it_gets():
    """fields, message ids and priorities of sessions that open, close and are refused"""
    evil = b"a\nPRIORITY=0\xff"
    with journald() as s, Headcount(config("journal") + "cap = 1\n"):
        with Server("127.0.0.1", PORT, name=evil) as server:
            with plain_connect("127.0.0.1", PORT) as client:
                client.recv(1)
                port = client.getsockname()[1]
                with contextlib.suppress(ConnectionRefusedError):
                    plain_connect("127.0.0.1", PORT)
            server.close_dead(1)
        got = {e["HEADCOUNT_ACTION"]: e for e in entries(s, 3)}
    equal({action: e["MESSAGE_ID"] for action, e in got.items()},
          {action: IDS[action] for action in got}, "message ids")
    equal({action: e["PRIORITY"] for action, e in got.items()},
          {"session-opened": "6", "session-closed": "6", "session-refused": "4"}, "priorities")
    equal(got["session-refused"]["MESSAGE"], "imap: 127.0.0.1 was refused, has 1 of 1", "message")
    closed = got["session-closed"]
    want = {"SYSLOG_IDENTIFIER": "headcount", "HEADCOUNT_SERVICE": "imap", "HEADCOUNT_USER": "127.0.0.1",
            "HEADCOUNT_ACTIVE": "0", "HEADCOUNT_CAP": "1", "HEADCOUNT_SOURCE_IP": "127.0.0.1",
            "HEADCOUNT_SOURCE_PORT": str(port), "HEADCOUNT_DESTINATION_IP": "127.0.0.1",
            "HEADCOUNT_DESTINATION_PORT": str(PORT), "HEADCOUNT_DIRECTION": "ingress",
            "HEADCOUNT_REASON": "finished", "HEADCOUNT_SOURCE_BYTES": "0", "HEADCOUNT_DESTINATION_BYTES": "1",
            "HEADCOUNT_SEND_QUEUE": "0", "HEADCOUNT_UNANSWERED": "0", "HEADCOUNT_PROCESS": "a\\x0aPRIORITY=0\\xff"}
    equal({key: closed.get(key) for key in want}, want, "fields of a closed session")
    for key in "HEADCOUNT_SESSION_ID", "HEADCOUNT_DURATION_NS", "HEADCOUNT_SEQUENCE", "HEADCOUNT_TIME", "HEADCOUNT_PID", "HEADCOUNT_HEARD_MS":
        equal(key in closed, True, f"{key} is there")


@test
def killed():
    """a session that an administrator closed: who asked, and of whom"""
    with journald() as s, Headcount(config("journal")):
        with Server("127.0.0.1", PORT) as server, plain_connect("127.0.0.1", PORT) as client:
            client.recv(1)
            equal(headcount("kill", "--service", "imap")[0], 0, "exit code of kill")
            server.close_dead(1)
        got = {e["HEADCOUNT_ACTION"]: e for e in entries(s, 3)}
    entry = got["session-killed"]
    equal(entry["MESSAGE_ID"], IDS["session-killed"], "message id")
    equal(entry["MESSAGE"], f"imap: 127.0.0.1 had a session closed by uid {entry['HEADCOUNT_KILLED_BY_ID']}", "message")
    equal((entry["PRIORITY"], "HEADCOUNT_ACTIVE" in entry), ("6", False), "priority, and what is not known")
    equal(got["session-closed"]["HEADCOUNT_REASON"], "killed", "reason of the end")


@test
def of_a_unit():
    """where systemd has connected stdout to the journal, events go there by its own protocol, if it can be reached and unless told otherwise"""
    for right, events, there in (True, None, True), (False, None, True), (True, "stdout", True), (True, None, False):
        with journald() if there else contextlib.nullcontext() as s, open("/run/stdout", "w") as out, open("/run/unit.conf", "w") as file:
            print(config(events), file=file, flush=True)
            found = os.fstat(out.fileno())
            stream = f"{found.st_dev}:{found.st_ino + (not right)}"
            process = start(PROGRAM, "run", "-c", "/run/unit.conf", stdout=out, env={**os.environ, "JOURNAL_STREAM": stream})
            equal(process.stderr.readline().partition(b";")[0], b"headcount: ready", "the first line")
            sessions(1)
            journal = right and there and not events
            if journal:
                equal([e["HEADCOUNT_ACTION"] for e in entries(s, 2)], ["session-opened", "session-closed"], "entries")
            process.terminate()
            equal(process.wait(15), 0, "exit code")
            equal(len(parsed("/run/stdout")), 0 if journal else 2, f"lines on stdout ({right}, {events}, {there})")


@test
def no_journal():
    """without a journal run says so and does not start; a reload that wants one is none"""
    code, _, err = headcount("run", "-c", "/dev/null", "--events", "journal")
    equal((code, err), (1, f"headcount: cannot write events to the journal at {JOURNAL}: No such file or directory\n"),
          "run")
    with Headcount(config()) as hc:
        hc.reload(config("journal"), "headcount: not reloaded")
        sessions(1)
        hc.wait_event(event__action="session-closed", rule__name="imap")


@test
def stuck_journal():
    """a journald that does not read slows nobody; when it reads again, what it lost is told"""
    with journald() as s, Headcount(config("journal, unix")) as hc, Subscriber() as reader:
        sessions(2000)
        without_gap(reader.wait(4000), reader.first, 4000, "numbers on the socket")
        want = reader.first + 3999  # nothing is lost yet, it waits
        for number in range(1, want + 1):
            equal(fields(s.recv(1 << 16))["HEADCOUNT_SEQUENCE"], str(number), "an entry's number")
        hc.reload(config("unix"))
        sessions(1)
        without_gap(reader.wait(4002), reader.first, 4002, "numbers after the journal was left")


@test
def journal_away():
    """entries that a journald which is away did not take are counted, and the next one is told"""
    with contextlib.ExitStack() as stack:
        with journald():
            stack.enter_context(Headcount(config("journal")))
        sessions(5)
        until_equal(lambda: ask("status")["losses"]["journal"], 10, "losses")
        with journald() as s:
            sessions(1)
            lost, opened, closed = entries(s, 3)
            equal((lost["HEADCOUNT_ACTION"], lost["HEADCOUNT_REASON"], lost["HEADCOUNT_EVENTS_LOST"], lost["PRIORITY"]),
                  ("events-lost", "journal", "10", "4"), "what tells of the loss")
            equal(opened["HEADCOUNT_ACTION"], "session-opened", "the next")


@test
def fleet():
    """a host that is alone, and has a lease again: entries of their own ids, with what the events have"""
    ids = {"fleet-alone": "1c6374e787844587b12f1205d5aa46e9", "fleet-back": "fac626be525f4a3d951139cee7ac4c2e"}
    text = section("headcount", directions="inbound", events="journal") + \
        section("fleet", store="unix:/run/store", lease="2s", name="front", alone="refuse") + \
        service("inbound", emit="none") + service("imap", listen=PORT, cap=4, scope="fleet")

    def news():
        return entries(s, 1)[0]
    with journald() as s, Headcount(text):
        alone = news()
        store = start("redis-server", "--port", "0", "--unixsocket", "/run/store", "--save", "", stdout=subprocess.DEVNULL)
        try:
            back = news()
        finally:
            store.kill()
            store.wait()
    equal({e["HEADCOUNT_ACTION"]: e["MESSAGE_ID"] for e in (alone, back)}, ids, "message ids")
    equal([e["PRIORITY"] for e in (alone, back)], ["4", "6"], "priorities")
    want = {"HEADCOUNT_FLEET_ALONE": "refuse", "HEADCOUNT_FLEET_MEMBERS": "0", "HEADCOUNT_FLEET_STORE": "/run/store",
            "MESSAGE": "fleet: this host is alone, and alone = refuse holds: no lease from the store at /run/store"}
    equal({key: alone.get(key) for key in want}, want, "fields")
    equal((back["MESSAGE"], int(back["HEADCOUNT_DURATION_NS"]) >= 2 * 10**9), ("fleet: this host has a lease again from the store at /run/store", True), "back")


main()
