#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Events to Kafka by what tools/examples/kafka says: rsyslog, syslog-ng and kcat ship them to a mock of librdkafka's,
a broker that goes and comes, shippers and consumers that start again; duplicates are dropped, what is missing is told."""
import glob
import shutil
import sqlite3

from subscribers import *

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/examples/kafka")
FILE, BROKERS = "/var/log/headcount/events.json", "kafka1.example:9092"
READ = "-C", "-E", "-t", "headcount", "-q", "-u"  # wait for a broker; print at once
# Unpacked packages of syslog-ng, which cannot be installed beside rsyslog: see tests/README.md.
SYSLOG_NG = os.environ.get("HEADCOUNT_SYSLOG_NG", "")


class Broker:
    def __enter__(self):
        need("kcat")
        self.process = start(f"{BUILD}/tests/net/broker", stdin=subprocess.PIPE)
        self.address = self.process.stdout.readline().decode().strip()
        return self

    def be(self, word):
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()
        equal(self.process.stdout.readline(), b"Success\n", f"the broker is {word}")

    def kcat(self, *options):
        return "kcat", "-b", self.address, *options

    def lines(self):
        return run(*self.kcat(*READ, "-o", "beginning", "-e")).splitlines()

    def wait(self, count):
        """Waits until so many lines of different numbers have come."""
        until(lambda: len({(e["agent.ephemeral_id"], e["event.sequence"]) for e in map(json.loads, self.lines())}) >= count,
              f"{count} lines in the topic", 30)

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(15)


def example(name, broker, path):
    """The example for this broker and file."""
    with open(f"{EXAMPLES}/{name}") as file:
        text = file.read()
    equal((text.count(FILE) > 0, text.count(BROKERS) > 0), (True, True), f"file and broker in {name}")
    text = text.replace(FILE, path).replace("kafka1.example:9092,kafka2.example:9092", broker.address)
    return text.replace(f'"{BROKERS}", "kafka2.example:9092"', f'"{broker.address}"')


@contextlib.contextmanager
def process(*command, how=signal.SIGKILL, **options):
    """It runs meanwhile; what it says of a broker that is away is not looked at."""
    child = start(*command, stderr=subprocess.DEVNULL, **options)
    try:
        yield child
    finally:
        child.send_signal(how)
        child.wait(15)


def rsyslog(broker, path):
    if not glob.glob("/usr/lib/*/rsyslog/omkafka.so"):
        raise Skip("no rsyslog-kafka")
    os.makedirs("/run/rsyslog", exist_ok=True)
    with open("/run/rsyslog.conf", "w") as file:
        file.write('global(workDirectory="/run/rsyslog" maxMessageSize="64k")\n' + example("rsyslog.conf", broker, path))
    return process("rsyslogd", "-n", "-f", "/run/rsyslog.conf", "-i", "NONE", how=signal.SIGTERM)


def syslog_ng(broker, path):
    program, environment = shutil.which("syslog-ng", path=f"{SYSLOG_NG}/usr/sbin:/usr/sbin"), dict(os.environ)
    options = ["-F", "-f", "/run/syslog-ng.conf", "-R", "/run/syslog-ng.persist", "-c", "/run/syslog-ng.ctl", "-p", "/run/syslog-ng.pid"]
    if not program:
        raise Skip("no syslog-ng")
    modules = glob.glob(f"{SYSLOG_NG}/usr/lib/syslog-ng/[0-9]*")
    if SYSLOG_NG:
        environment["LD_LIBRARY_PATH"] = ":".join([*glob.glob(f"{SYSLOG_NG}/usr/lib/*-gnu"), f"{SYSLOG_NG}/usr/lib/syslog-ng"])
        options += ["--module-path", modules[0]]
    with open("/run/syslog-ng.conf", "w") as file:
        file.write("@version: 3.35\noptions { stats-freq(0); };\n" + example("syslog-ng.conf", broker, path))
    return process(program, *options, env=environment)


def store(lines, database="/run/events.db"):
    """What store.py says that it got, and what is missing."""
    done = subprocess.run([f"{EXAMPLES}/store.py", database], input="".join(f"{line}\n" for line in lines), text=True,
                          capture_output=True, check=True, timeout=60)
    first, *missing = done.stdout.splitlines()
    return list(map(int, re.findall(r"\d+", first))), missing


def stored(database="/run/events.db"):
    with contextlib.closing(sqlite3.connect(database)) as db:
        return [json.loads(line) for line, in db.execute("SELECT line FROM event ORDER BY host, run, number")]


def each_session_once(events, count):
    """So many sessions, each opened once and closed once."""
    seen = collections.Counter((e["headcount.session.id"], e["event.action"]) for e in events)
    equal({times for times in seen.values()}, {1}, "how often a session is told")
    opened, closed = ({i for i, action in seen if action == f"session-{word}"} for word in ("opened", "closed"))
    equal((len(opened), opened == closed), (count, True), "sessions that were told")


def shipped(shipper, rounds=2):
    """A file that is rotated, a broker that is away meanwhile, a shipper that is started again, a file that was sent once
    more, and a consumer that is killed in the middle: each session is there exactly once."""
    for path in glob.glob("/run/events.*"):
        os.unlink(path)
    with Headcount(config("file:/run/events.json")) as hc, Broker() as broker:
        with shipper(broker, "/run/events.json"):
            sessions(50)
            broker.wait(100)
            os.rename("/run/events.json", "/run/events.json.1")
            hc.reload(config("file:/run/events.json"))
            broker.be("down")
            sessions(50)
            broker.be("up")
            broker.wait(200)
        with shipper(broker, "/run/events.json"):
            sessions(20)
            broker.wait(240)
        run(*broker.kcat("-P", "-t", "headcount", "-k", "again", "-l", "/run/events.json.1"))
        until(lambda: len(broker.lines()) >= 340, "the lines that were sent again")
        with process(*broker.kcat(*READ, "-o", "beginning")) as consumer:
            some = [consumer.stdout.readline().decode().rstrip("\n") for _ in range(150)]
        read, _ = store(some)
        equal(read[0], 150, "lines of the consumer that was killed")
        every = broker.lines()
        (count, new, again, bad), missing = store(every)
        equal((count >= 340, new, again, bad, missing), (True, 240 - read[1], count - new, 0, []), "lines of the next one")
        each_session_once(stored(), 120)


@test
def by_rsyslog():
    """rsyslog: rotation, a broker that is away, rsyslog and a consumer started again: every session exactly once"""
    shipped(rsyslog)


@test
def by_syslog_ng():
    """syslog-ng: the same"""
    shipped(syslog_ng)


def pipeline(broker):
    """headcount events | kcat, as README.md has it."""
    command = re.search(r"^(headcount events \|.*?)\n```", text_of("README.md"), re.M | re.S)[1]
    command = command.replace("kafka1.example:9092,kafka2.example:9092", broker.address).replace("headcount events", f"{PROGRAM} events")
    return start("sh", "-c", command, stderr=subprocess.DEVNULL, start_new_session=True)


def text_of(name):
    with open(f"{EXAMPLES}/{name}") as file:
        return file.read()


def connected():
    return SOCKET in run("ss", "-xH", "state", "established")


@contextlib.contextmanager
def piped(broker):
    """It runs, and is connected; ends when all is delivered."""
    shipper = pipeline(broker)
    try:
        until(connected, "the subscriber")
        yield
        events, = map(int, run("pgrep", "-g", str(shipper.pid), "-x", "headcount").split())
        os.kill(events, signal.SIGTERM)
        equal(shipper.wait(30), 0, "kcat's exit code")
        until(lambda: not connected(), "the daemon to see that it has gone")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shipper.pid, signal.SIGKILL)
        shipper.wait(15)


@test
def by_kcat():
    """kcat at the socket: a broker that is away, and what happened while nobody was connected is told as missing"""
    with Headcount(config("unix, file:/run/all.json")), Broker() as broker:
        with piped(broker):
            sessions(20)
            broker.wait(38)  # it reads 1 KiB at a time
            broker.be("down")
            sessions(20)
            broker.be("up")
            broker.wait(78)
        broker.wait(80)
        sessions(5)
        wait_lines("/run/all.json", 90)
        with piped(broker):
            sessions(20)
            broker.wait(118)
        broker.wait(120)
        (_, new, _, bad), missing = store(broker.lines(), "/run/kcat.db")
        event = stored("/run/kcat.db")[0]
        equal((new, bad, missing), (120, 0, [f"missing of {event['host.name']} {event['agent.ephemeral_id']}: 81 to 90"]), "what is stored")


@test
def taken_over():
    """the next run --pin tells under an id of its own, from 1: a session that one opened and the other closed is there once"""
    def lines():
        with open("/run/pinned.json") as file:
            return file.read().splitlines()
    with contextlib.closing(listen("127.0.0.1", PORT)) as listener, plain_connect("127.0.0.1", PORT) as client:
        pass
    with contextlib.closing(listen("127.0.0.1", PORT)) as listener:
        hc = Headcount(config("file:/run/pinned.json"), "--pin")
        client = plain_connect("127.0.0.1", PORT)
        server = listener.accept()[0]
        until(lambda: len(lines()) == 1, "the session that opens")
        hc.end(signal.SIGKILL)
        with Headcount(config("file:/run/pinned.json"), "--pin") as hc:
            server.close()
            client.close()
            until(lambda: len(lines()) == 2, "the session that closes")
            hc.end()
            equal(headcount("detach")[0], 0, "detach")
    equal(store(lines() + lines(), "/run/pinned.db"), ([4, 2, 2, 0], []), "what is stored")
    first, second = map(json.loads, lines())
    equal((first["event.sequence"], second["event.sequence"], first["host.name"] == second["host.name"],
           first["agent.ephemeral_id"] == second["agent.ephemeral_id"], first["headcount.session.id"] == second["headcount.session.id"]),
          (1, 1, True, False, True), "numbers; and are host, run and session the same")


@test
def gaps():
    """store.py: what lines of events-lost stand for is not missing, and the rest is; no order, no other host confuses it"""
    def line(number, run="a", host="h", lost=0, reason=None):
        event = {"event.action": "events-lost" if reason else "session-opened", "event.sequence": number, "host.name": host,
                 "agent.ephemeral_id": run, "event.reason": reason, "headcount.events-lost": lost}
        return json.dumps(event)
    some = [line(9), line(1), line(2), line(6, lost=3, reason="subscriber-slow"), line(7, lost=100, reason="ring-full"),
            line(3, run="b"), *(line(number, host="i") for number in (2, 3, 1)), '{"@timest', "7", line(4, run="c", lost=None, reason="daemon-restarted")]
    (count, new, again, bad), missing = store(some + some[:3], "/run/gaps.db")
    equal((count, new, again, bad), (15, 10, 3, 2), "lines")
    equal(missing, ["missing of h a: 3 to 3", "missing of h a: 8 to 8", "missing of h b: 1 to 2"], "what is missing")


@test
def not_run():
    """the examples for Vector and Fluent Bit: well-formed, the same file, topic and brokers as the others"""
    try:
        import tomllib  # since Python 3.11
    except ImportError:
        raise Skip("no tomllib") from None
    vector = tomllib.loads(text_of("vector.toml"))
    sink, source = vector["sinks"]["headcount_kafka"], vector["sources"]["headcount"]
    equal((sink["inputs"], source["include"], sink["topic"], sink["bootstrap_servers"]),
          (list(vector["sources"]), [FILE], "headcount", "kafka1.example:9092,kafka2.example:9092"), "Vector's")
    sections, at = {}, None
    for text in text_of("fluent-bit.conf").splitlines():
        if re.fullmatch(r"\[[A-Z]+\]", text):
            at = sections[text[1:-1]] = {}
        elif text.strip() and not text.startswith("#"):
            name, value = re.fullmatch(r"    (\S+) +(\S+)", text).groups()
            at[name] = value
    equal((sections["INPUT"]["Path"], sections["OUTPUT"]["Match"], sections["OUTPUT"]["Topics"], sections["OUTPUT"]["Brokers"]),
          (FILE, sections["INPUT"]["Tag"], "headcount", "kafka1.example:9092,kafka2.example:9092"), "Fluent Bit's")


@test
def names():
    """the keys of events that the page and store.py speak of are those of real events"""
    with Headcount(config("file:/run/names.json")):
        sessions(1)
        event = wait_lines("/run/names.json", 2)[1]
    spoken = {key for name in ("README.md", "store.py") for key in
              re.findall(r"\b((?:event|host|agent|headcount\.session)\.[a-z_]+)\b", text_of(name))}
    equal(spoken - set(event) - {"event.db"}, set(), "keys that no event has")
    equal(len(spoken) >= 5, True, f"keys: {spoken}")


main()
