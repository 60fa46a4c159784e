# SPDX-License-Identifier: GPL-2.0-only
"""What a worker does: the endings of tests/net, and holding sessions.

A worker is a process with a listener, clients, a uid and a cgroup of its own; its ports tell whose
a socket is. Importing makes the world of tests/net, and c2 beside c1.
"""
import importlib.machinery
import itertools
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../net"))
from endings import *  # noqa: E402
import endings  # noqa: E402  (after it: it has a list of that name)
import plan  # noqa: E402

FIRST_PORT, PORTS = 7200, 10  # of worker 0; how many each has
SOL, LABEL = 0x6863, 1
LABELS = f"torture-{os.getpid()}-"  # and a number: what the labels of a run begin with
PATIENCE = 8  # seconds for one ending, which a refusal may leave waiting for what never comes


def load(name):
    """A test script as a module: its endings are registered, and nothing is run."""
    path = os.path.join(os.path.dirname(endings.__file__), name)
    return importlib.machinery.SourceFileLoader(name, path).load_module()


def ready(sockets, what, seconds):
    """select() knows no file above 1023."""
    poll, by_file = select.poll(), {s.fileno(): s for s in sockets}
    for number in by_file:
        poll.register(number, what)
    return [by_file[number] for number, _ in poll.poll(seconds * 1000)]


endings.main_of_endings = lambda: None
SCRIPTS = [load("lifecycle.t"), load("odd_ends.t")]
FUNCTIONS = {function.__name__: function for function, _ in endings.endings}


def make_world():
    """This namespace gets a name, a second client host, and hosts that never answer."""
    client_host(2)
    run("ip", "netns", "attach", "home", str(os.getpid()))
    for namespace, device, host in (("c1", "eth0", 1), ("c2", "eth0", 2), ("home", "v2", 2)):
        with inside(namespace):
            run("ip", "neigh", "add", address(host, 99), "lladdr", "02:00:00:00:00:99", "dev", device)
    sysctl("net.ipv4.tcp_fastopen", 0x607, "home", "c1", "c2")
    sysctl("net.ipv4.tcp_orphan_retries", 1, "home", "c1", "c2")


def remove_left():
    """Namespaces and devices of an ending that was cut short, and the sockets: without their process they
    would hold the namespace, where ss is not asked, until they have given up."""
    for n in (8, 9):
        for command in ["ip", "netns", "exec", f"c{n}", "ss", "-tK"], ["ip", "netns", "del", f"c{n}"], \
                ["ip", "link", "del", f"v{n}"]:
            subprocess.run(command, user=0, capture_output=True)


class Place:
    """Where a worker's server and its clients are, and as whom it acts. Odd workers serve at home and
    connect from c1; worker 2 serves in c2 and connects from home, the other even ones the reverse."""

    def __init__(self, number):
        self.number, self.port = number, FIRST_PORT + number * PORTS
        self.uid = UID + number % plan.USERS
        self.group = number // 2 % plan.USERS
        host = 1 if number % 2 else 2
        self.server = "c2" if number % 4 == 2 else "home"
        self.client = "c1" if host == 1 else "home" if self.server == "c2" else "c2"
        ends = (2, 1) if self.server == "c2" else (1, 2)
        self.here, self.here6 = address(host, ends[0]), address(host, ends[0], 6)
        self.there, self.silent = address(host, ends[1]), address(host, 99)

    def names(self):
        return {"PORT": self.port, "OTHER_PORT": self.port + 1, "CLOSED_PORT": self.port + 2, "UID": self.uid,
                "HERE": self.here, "HERE6": self.here6, "THERE": self.there, "SILENT": self.silent,
                "C1": self.client, "compare": lambda what: None}


PLACES = [Place(number) for number in range(plan.WORKERS)]


def place_of(port):
    number = (port - FIRST_PORT) // PORTS
    return PLACES[number] if 0 <= number < plan.WORKERS else None


class Worker:
    """In a process of its own, in the server's namespace: does what the channel says."""

    def __init__(self, channel, place):
        for module in (endings, *SCRIPTS):
            vars(module).update(place.names())
        os.nice(5)
        become(place.uid)
        signal.signal(signal.SIGALRM, out_of_time)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # children that are refused say so at length
        self.place, self.clients, self.servers, self.given = place, [], [], {}
        self.listener = endings.listener = listen("::", place.port)
        # An ending that was refused half way is not to wait for ever; what is accepted inherits it.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 2, 0))
        answer(channel, "ready")
        try:
            while True:
                answer(channel, self.work(json.loads(channel.recv(1 << 16)), channel))
        except BaseException:
            traceback.print_exc()
            raise

    def work(self, todo, channel):
        """All of it once, and then again what is not slow until we are told to rest."""
        self.given = {}
        outcomes = [self.do(*action) for action in todo]
        again = itertools.cycle([action for action in todo if action[0] not in plan.SLOW])
        while not readable(channel, 0):
            outcomes.append(self.do(*next(again)))
        channel.recv(9)
        merged = collections.defaultdict(collections.Counter)
        for kind, counts in outcomes:
            merged[kind].update(counts)
        return [merged, self.given]

    def do(self, kind, times, *words):
        """How often an action came to its end, and what cut the others short."""
        function, outcomes = getattr(self, kind, None), collections.Counter()
        if function:
            outcome = function(times, *words)
            return kind, outcome if isinstance(outcome, collections.Counter) else {outcome: 1}
        for _ in range(times):
            outcomes[self.once(kind)] += 1
            self.take()
        return kind, outcomes

    def once(self, kind):
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, PATIENCE)
                with contextlib.ExitStack() as stack:
                    if kind in plan.SLOW:
                        stack.enter_context(self.alone())
                    FUNCTIONS[kind]()
                return "done"
            finally:  # the alarm may come even now, and is caught like an earlier one
                signal.setitimer(signal.ITIMER_REAL, 0)
        except OSError as error:
            return errno.errorcode.get(error.errno, str(error))
        except Skip:
            return "skipped"
        except AssertionError as error:
            return str(error)[:60]

    @contextlib.contextmanager
    def alone(self):
        """For endings that make namespaces and devices of a fixed name; removes what one left that
        was cut short."""
        try:
            yield
        finally:
            remove_left()

    # --- Sessions that are held -----------------------------------------------------------------

    def take(self, keep=False):
        """Accepts whatever has come; closes it, or keeps it."""
        while readable(self.listener, 0):
            try:
                s = self.listener.accept()[0]
            except OSError:
                return
            self.servers.append(s) if keep else s.close()

    def hold(self, times, family):
        return self.rush(times, family)

    def rush(self, count, family):
        """Connects many times at once and keeps what gets in."""
        where = self.place.here if family == 4 else self.place.here6
        waiting = []
        if len(self.clients) > 200:
            self.drop(100, "client_fin")
        for _ in range(count):
            s = client(family_of(where))
            s.setblocking(False)
            if s.connect_ex((where, self.place.port)) in (0, errno.EINPROGRESS):
                waiting.append(s)
        deadline, got_in = time.monotonic() + 3, 0
        while waiting and time.monotonic() < deadline:
            self.take(keep=True)
            for s in ready(waiting, select.POLLOUT, 0.05):
                waiting.remove(s)
                if not s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self.clients.append(s)
                    got_in += 1
        self.take(keep=True)
        return "all in" if got_in == count else "some in" if got_in else "none in"

    def churn(self, count, family):
        """Connects and closes without a pause, every third time with a RST."""
        outcomes = collections.Counter()
        for number in range(count):
            with client(socket.AF_INET6 if family == 6 else socket.AF_INET) as s:
                result = s.connect_ex((self.place.here6 if family == 6 else self.place.here, self.place.port))
                outcomes[errno.errorcode.get(result, "done")] += 1
                if number % 3 == 0:
                    abort(s)
            if number % 8 == 0:
                self.take()
        self.take()
        return outcomes

    def drop(self, count, how):
        side, way = how.split("_")
        mine, others = (self.clients, self.servers) if side == "client" else (self.servers, self.clients)
        for s in mine[:count]:
            (abort if way == "rst" else socket.socket.close)(s)
        del mine[:count]
        for s in ready(others, select.POLLIN, 0.05):  # and those that have seen the end
            others.remove(s)
            s.close()
        return "done"

    def label(self, count, number):
        """Says whose the oldest sessions are that nobody has said it of in this round, and remembers what
        was taken."""
        outcomes, name = collections.Counter(), f"{LABELS}{number}"
        for s in self.servers:
            cookie, = struct.unpack("=Q", s.getsockopt(socket.SOL_SOCKET, 57, 8))  # SO_COOKIE
            if cookie in self.given:
                continue
            try:
                s.setsockopt(SOL, LABEL, name.encode())
                self.given[cookie] = name
                outcomes["done"] += 1
            except OSError as error:
                outcomes[errno.errorcode[error.errno]] += 1
            count -= 1
            if not count:
                break
        return outcomes

    def drop_all(self, _):
        self.take(keep=True)
        for s in self.clients + self.servers:
            s.close()
        self.clients, self.servers = [], []
        return "done"
