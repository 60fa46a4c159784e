#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Who is over the cap of a service with redirect = answer: is told so in its protocol, and is nobody's session."""
import random
import resource

from answering import *

client_host(1)
client_host(2)
BOB, BOB6 = address(1, 2), address(1, 2, 6)
PORTS = {what: 7200 + i for i, what in enumerate(SEEN)}
BYE = f"* BYE [UNAVAILABLE] {WORDS}\r\n".encode()
PAGE = b"GET / HTTP/1.0\r\n\r\n"
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
files()


def answering(what, port=None, **settings):
    """A service that answers `what`, on its port."""
    name = what.split(":")[0]
    return service(name, **{"listen": port or PORTS[what], "user": "client/32/64", "cap": 1, "excess": "redirect",
                            "redirect": f"answer:{what}", **settings})


def metrics_of(name):
    """headcount_sessions_refused_total by `excess`, of the user's cap; those that are 0 are left out."""
    labels = f'{{service="{name}",scope="user",excess="([a-z]+)"}}'
    found = re.findall(f"headcount_sessions_refused_total{labels} ([0-9]+)", run(PROGRAM, "metrics"))
    return {excess: int(count) for excess, count in found if int(count)}


@contextlib.contextmanager
def holder(port, n=1, family=4, namespace="c1"):
    """The one session that the cap allows, with a real server."""
    with Server("::", port):
        with inside(namespace):
            s = plain_connect(address(n, 1, family), port)
        equal(s.recv(1), b"+", "greeting of the server")
        with s:
            yield s


def come(port, n=1, family=4, host=2):
    with inside(f"c{n}"):
        return plain_connect(address(n, 1, family), port, address(n, host, family))


def is_refused(port):
    try:
        come(port).close()
    except ConnectionRefusedError:
        return True
    return False


def loss(reason):
    return ask("status")["losses"][reason]


@test
def clients():
    """curl, psql, mysql, redis-cli, ssh, openssl and Python's clients show the words of their protocol"""
    with Headcount("".join(map(answering, PORTS))):
        skipped = None
        for what, port in PORTS.items():
            with holder(port):
                try:
                    check_seen(what, address(1), port, "c1")
                except Skip as reason:
                    skipped = reason
        if skipped:
            raise skipped


@test
def families():
    """IPv6 as well, and a dual-stack server's clients of both"""
    port = PORTS["imap"]
    with Headcount(answering("imap")), Server("::", port) as server:
        for family in 4, 6:
            with come(port, family=family) as held:
                equal(held.recv(1), b"+", "greeting of the server")
                for _ in range(3):
                    equal(read_all(come(port, family=family)), BYE, f"IPv{family} over the cap")
            server.hang_up()
            until(lambda: not any(row["active"] for row in ask("users") if row["service"] == "imap"), "a free slot")


@test
def nobodys():
    """it is refused by "redirect", charged to nobody, told once, no session; counts are those of ss; then he gets in"""
    port = PORTS["imap"]
    with Headcount(answering("imap")) as hc:
        with holder(port) as held:
            others = [come(port) for _ in range(20)]
            row = user("imap", BOB)
            equal([row[key] for key in ("active", "peak", "opened", "refused")], [1, 1, 1, 20], "the user")
            equal([r["remote"] for r in our_sessions() if r["service"] == "imap"],
                  [f"{BOB}:{held.getsockname()[1]}"], "sessions")
            for s in others:
                equal(read_all(s), BYE, "answer")
            equal(metrics_of("imap"), {"redirect": 20}, "refused, in the metrics")
            until_equal(lambda: {s.id for s in ss() if s.port == port},
                        {session_id(r) for r in our_sessions() if r["service"] == "imap"}, "sessions of ss")
            equal(headcount("audit")[0], 0, "audit")
            event = hc.wait_event(event__action="session-refused", rule__name="imap")
            equal((event["headcount.excess"], event["headcount.user"]), ("redirect", BOB), "the event")
        until_equal(lambda: active("imap", BOB), 0, "sessions when it is over")
        with holder(port):
            equal(active("imap", BOB), 1, "sessions of who came back")
            equal(headcount("audit")[0], 0, "audit")
        opened = [e["source.port"] for e in hc.events
                  if e["event.action"] == "session-opened" and e.get("rule.name") == "imap"]
        equal(len(opened), 2, f"sessions that were told of: {opened}")


@test
def crowd():
    """1,500 at once over the cap are all answered, and the user is charged with one"""
    port = PORTS["smtp"]
    with Headcount(answering("smtp")), holder(port):
        crowd = [come(port, host=2) for _ in range(1500)]
        for s in crowd:
            equal(read_all(s).startswith(b"421 4.7.0"), True, "answer")
        equal([user("smtp", BOB)[key] for key in ("active", "refused")], [1, 1500], "active and refused")
        equal(loss("answers-crowded"), 0, "not answered")
        equal(headcount("audit")[0], 0, "audit")


def come_and_go(channel, where, port, rounds, seed):
    """Connects and leaves in every manner, answered or not; how often which greeting came."""
    choose, seen = random.Random(seed), collections.Counter()
    for _ in range(rounds):
        s = new_socket()
        s.connect((where, port))
        manner = choose.choice(("at once", "RST", "half", "greeting", "greeting", "talks"))
        if manner == "RST":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if manner == "half":
            s.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            if manner == "talks":
                s.sendall(b"x\r\n")
            if manner in ("half", "greeting", "talks"):
                seen[s.recv(1).decode()] += 1
        s.close()
    answer(channel, seen)
    channel.recv(1)


@test
def storm():
    """sessions and redirected ones, left in every manner by eight processes: never over; counts and ss agree then"""
    port, over = PORTS["imap"], threading.Event()

    def hang_up_often(server):
        while not over.wait(0.02):
            server.hang_up()

    with Headcount(answering("imap", cap=3)), Server("::", port) as server, contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(come_and_go, address(n, 1), port, fewer(200), seed, namespace=f"c{n}"))
                    for seed in range(4) for n in (1, 2)]
        thread = threading.Thread(target=hang_up_often, args=(server,))
        thread.start()
        try:
            seen = sum((collections.Counter(child.hear()) for child in children), collections.Counter())
        finally:
            over.set()
            thread.join()
        server.hang_up()
        equal(seen["+"] > 20 and seen["*"] > 20, True, f"sessions and answers: {seen}")
        equal(set(seen) <= {"+", "*", ""}, True, f"what was said: {seen}")
        rows = [user("imap", address(n, 2)) for n in (1, 2)]
        equal([row["peak"] <= 3 < row["refused"] for row in rows], [True, True], f"the cap holds: {rows}")
        until_equal(lambda: [active("imap", address(n, 2)) for n in (1, 2)], [0, 0], "sessions when all have gone")
        until_equal(lambda: [s for s in ss() if s.port == port], [], "sessions of ss")
        equal(headcount("audit")[0], 0, "audit")


@test
def slow():
    """who asks for nothing is cut off, and counted; silent ones of one address keep nobody else from the answer"""
    port = PORTS["http"]
    with Headcount(answering("http")), holder(port):
        silent = come(port)
        equal(read_all(silent), b"", "what it gets")
        until_equal(lambda: loss("answers-late"), 1, "cut off")
        since = time.monotonic()
        many = [come(port) for _ in range(1100)]
        quick = time.monotonic() - since < 1  # else some are cut off before there are 1,000
        with come(port, n=2) as other:
            equal(other.recv(1), b"+", "greeting of the server")
            s = come(port, n=2)
            s.sendall(PAGE)
            equal(read_all(s).startswith(b"HTTP/1.1 503"), True, "page of another")
        if quick:
            until(lambda: loss("answers-crowded") >= 100, "those who made room")
        until_equal(lambda: loss("answers-crowded") + loss("answers-late"), 1101, "those who were not answered")
        for s in many:
            s.close()


@test
def ports():
    """its listeners are where hardly anybody wants to listen: the highest free port that is not reserved, at an address of their own"""
    def own():
        return sorted(line.split()[3] for line in run("ss", "-tnlpH").splitlines() if "headcount" in line)
    config = answering("http", 7300) + answering("imap", 7301)
    sysctl("net.ipv4.ip_local_reserved_ports", "100,65530-65534")
    try:
        with listen("127.0.0.1", 65529), Headcount(config):
            equal(own(), ["[::ffff:127.104.99.1]:65529", "[::ffff:127.104.99.1]:65535"], "listeners")
            listen("127.0.0.1", 65535).close()
        with listen("0.0.0.0", 65535), Headcount(config):
            equal(own(), ["[::ffff:127.104.99.1]:65528", "[::ffff:127.104.99.1]:65529"], "listeners")
    finally:
        sysctl("net.ipv4.ip_local_reserved_ports", "")


@test
def reloads():
    """a reload changes what is said, also what a file says; adds and takes away; one that fails changes nothing"""
    port = 7300
    with Headcount(answering("imap", port)) as hc, Server("::", port), come(port) as held:
        equal(held.recv(1), b"+", "greeting of the server")
        equal(read_all(come(port)), BYE, "before")
        hc.reload(answering("pop3", port).replace("service pop3", "service imap"))
        equal(read_all(come(port))[:6], b"-ERR [", "after a reload")
        for words in b"one", b"two":
            with open("/run/changing", "wb") as file:
                file.write(words)
            hc.reload(answering("file:/run/changing", port).replace("service file", "service imap"))
            equal(read_all(come(port)), words, "what the file said")
        with open("/run/changing", "wb") as file:
            file.write(b"three")
        equal(read_all(come(port)), b"two", "what it said at the reload")
        os.unlink("/run/changing")
        hc.reload(answering("file:/run/changing", port).replace("service file", "service imap"), "not reloaded")
        equal([line for line in hc.said if "changing" in line],
              [f"headcount: {hc.path}:6: cannot answer with /run/changing: No such file or directory"], "what it said")
        equal(read_all(come(port)), b"two", "after a reload that failed")
        talking = come(port)
        hc.reload(service("imap", listen=port, user="client/32/64", cap=1))
        equal(read_all(talking), b"two", "of one that was accepted before")
        equal(is_refused(port), True, "refused without redirect")
        hc.reload(answering("imap", port))
        equal(read_all(come(port)), BYE, "when it is back")
        equal(active("imap", BOB), 1, "active")


@test
def namespaces():
    """in the namespaces of netns, those that a reload adds with them"""
    port = PORTS["imap"]
    with Headcount(section("headcount", netns="c1") + answering("imap")) as hc, \
            Server("::", port, "c1") as first, Server("::", port, "c2"):
        def over(n):
            with plain_connect(address(n, 2), port) as held:
                equal(held.recv(1), b"+", "greeting of the server")
                return read_all(plain_connect(address(n, 2), port))[:5] if n in named else None
        named = [1]
        equal(over(1), b"* BYE", "in c1")
        first.hang_up()
        hc.reload(section("headcount", netns="c1, c2") + answering("imap"))
        named.append(2)
        for n in 1, 2:
            until_equal(lambda: active("imap", address(n)), 0, "no session is left")
            equal(over(n), b"* BYE", f"in c{n}")


@test
def without_run():
    """pinned: a frozen run answers when it thaws; ended or killed: refused, and counted; the next one answers again"""
    port = PORTS["imap"]
    config = answering("imap")
    with Server("::", port):
        held, refused = None, 0
        for how in signal.SIGTERM, signal.SIGKILL, signal.SIGTERM:
            with Headcount(config, "--pin") as hc:
                held = held or come(port)
                equal(read_all(come(port)), BYE, "with run")
                os.kill(hc.process.pid, signal.SIGSTOP)
                waits = come(port)
                os.kill(hc.process.pid, signal.SIGCONT)
                equal(read_all(waits), BYE, "of a run that was frozen")
                equal(active("imap", BOB), 1, "active")
                hc.end(how)
            equal(is_refused(port), True, f"refused after {how}")
            equal(loss("not-redirected") > refused, True, "not redirected, in status")
            refused = loss("not-redirected")
        held.close()
    equal(headcount("detach")[0], 0, "exit code of detach")


@test
def threads():
    """the thread that answers has given up what run gave up, is nicer than the others, and ends with it"""
    def tasks(pid):
        for task in sorted(map(int, os.listdir(f"/proc/{pid}/task"))):
            with open(f"/proc/{pid}/task/{task}/status") as status, open(f"/proc/{pid}/task/{task}/stat") as stat:
                yield re.search("CapPrm:\t(.*)", status.read())[1], int(stat.read().split()[18])
    with Headcount(service("imap", listen=7200, user="client/32/64", cap=1)) as hc:
        before = list(tasks(hc.process.pid))
        hc.reload(answering("imap"))
        after = [*before, (before[0][0], 10)]
        until_equal(lambda: list(tasks(hc.process.pid)), after, "capabilities and niceness of a later one")
    with Headcount(answering("imap")) as hc:
        until_equal(lambda: sorted(tasks(hc.process.pid)), sorted(after), "capabilities and niceness")


@test
def open_files():
    """under a hard limit of just the files that are needed: 1,000 at once, and a reload that adds services"""
    old, new = answering("http"), section("headcount", netns="c1, /proc/self/ns/net") + "".join(map(answering, PORTS))
    for text, path in (old, "/run/old.conf"), (new, "/run/new.conf"):
        with open(path, "w") as file:
            file.write(text)
    number = max(int(re.search(r"\nopen files: (\d+) at most, ", run(PROGRAM, "run", "--check", "-c", path))[1])
                 for path in ("/run/old.conf", "/run/new.conf"))
    with Headcount(old, preexec_fn=lambda: (call("prctl", PR_SET_PDEATHSIG, signal.SIGTERM),
                                            resource.setrlimit(resource.RLIMIT_NOFILE, (number, number)))) as hc:
        with holder(PORTS["http"]):
            silent = [come(PORTS["http"]) for _ in range(1000)]
            hc.reload(new)
            s = come(PORTS["http"])
            s.sendall(PAGE)
            equal(read_all(s).startswith(b"HTTP/1.1 503"), True, "page")
            for s in silent:
                s.close()
        equal([line for line in hc.said if "files" in line], [], "what it says of files")


@test
def given_up():
    """a file that only root could read: run reads it at its start; a reload says that run has given that up"""
    text = answering("file:/run/secret", 7300)
    with open("/run/secret", "w") as file:
        file.write("first")
    os.chown("/run/secret", UID, UID)
    os.chmod("/run/secret", 0o600)
    with Headcount(text) as hc:
        with holder(7300):
            equal(read_all(come(7300)), b"first", "answer")
            hc.reload(text, "not reloaded")
            hc.wait_said(":6: cannot answer with /run/secret: Permission denied .run has given up what this takes")
            equal(read_all(come(7300)), b"first", "answer")


@test
def bad_files():
    """a file that is not there, too large, empty or none: exit 2, the line and the reason"""
    def check(path):
        with open("/run/file.conf", "w") as file:
            file.write(service("x", listen=7200, excess="redirect", redirect=f"answer:file:{path}"))
        return headcount("run", "--check", "-c", "/run/file.conf")
    for name, size in ("large", 65537), ("largest", 65536), ("empty", 0):
        with open(f"/run/{name}-page", "wb") as file:
            file.write(b"x" * size)
    os.mkfifo("/run/fifo-page")
    for name, why in (("no", "No such file or directory"), ("large", "larger than 64 KiB"), ("empty", "empty"),
                      ("fifo", "not a regular file")):
        equal(check(f"/run/{name}-page"),
              (2, "", f"headcount: /run/file.conf:4: cannot answer with /run/{name}-page: {why}\n"), name)
    code, out, err = check("/run/largest-page")
    equal((code, err), (0, ""), "exit code of the largest")
    equal("reaches answer:file, the 65536 bytes of /run/largest-page\n" in out, True, f"what is said of it: {out}")


main()
