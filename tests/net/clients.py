# SPDX-License-Identifier: GPL-2.0-only
"""Servers, clients that connect all at once, and a fast eye on the kernel's socket table."""
import struct

from harness import *


class Server:
    """Accepts everything and greets with one byte, so that a client knows it holds a session."""

    def __init__(self, where="0.0.0.0", port=7143, namespace=None, uid=None, cgroup=None, name=None):
        self.listener = listen(where, port, namespace) if uid is None and not cgroup and not name \
            else listen_elsewhere(where, port, namespace, uid, cgroup, name)
        self.connections = []
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                self.connections.append(connection)
                with contextlib.suppress(OSError):
                    connection.send(b"+")

    def close_dead(self, count):
        """Closes our ends of `count` sessions that their clients have ended."""
        for _ in range(count):
            # The thread may not have accepted it yet: look again.
            dead = until(lambda: select.select(list(self.connections), [], [], 0.1)[0], "a client to end")[0]
            self.connections.remove(dead)
            dead.close()

    def hang_up(self):
        while self.connections:
            self.connections.pop().close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        self.hang_up()


def family_of(where):
    return socket.AF_INET6 if ":" in where else socket.AF_INET


def listen(where, port, namespace=None, backlog=1024, protocol=0, options=()):
    """A listening socket; on :: it takes IPv4 too."""
    with inside(namespace):
        listener = socket.socket(family_of(where), socket.SOCK_STREAM, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if where == "::":
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    for option in options:
        listener.setsockopt(*option)
    listener.bind((where, port))
    listener.listen(backlog)
    return listener


def listen_elsewhere(where, port, namespace, uid, cgroup, name):
    """The same, made by a process of that user, cgroup and name."""
    def make(channel):
        if name:
            call("prctl", PR_SET_NAME, name)
        listener = listen(where, port, namespace)
        socket.send_fds(channel, [b"fd"], [listener.fileno()])
        channel.recv(1)
    with Child(make, uid=uid, cgroup=cgroup) as child:
        _, (fd,), _, _ = socket.recv_fds(child.channel, 2, 1)
    return socket.socket(fileno=fd)


# --- Ways to connect ----------------------------------------------------------------------------

def new_socket(family=socket.AF_INET, namespace=None, protocol=0):
    """Blocking, but not for ever (a Python timeout would make connect() non-blocking)."""
    with inside(namespace):
        s = socket.socket(family, socket.SOCK_STREAM, protocol)
    for option in socket.SO_SNDTIMEO, socket.SO_RCVTIMEO:
        s.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(20 * SLOW), 0))
    return s


def plain_connect(where, port, source=None):
    s = new_socket(family_of(where))
    if source:
        s.bind((source, 0))
    s.connect((where, port))
    return s


def mapped_connect(where, port, source=None):
    s = new_socket(socket.AF_INET6)
    s.connect(("::ffff:" + where, port))
    return s


def patient_connect(where, port, source=None):
    """Non-blocking, as event loops do it."""
    s = new_socket(family_of(where))
    s.setblocking(False)
    result = s.connect_ex((where, port))
    if result == errno.EINPROGRESS:
        writable(s, 20 * SLOW)
        result = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if result:
        raise OSError(result, os.strerror(result))
    s.setblocking(True)
    s.settimeout(20 * SLOW)
    return s


def fast_open(where, port, source=None):
    s = new_socket(family_of(where))
    s.sendto(b"hello", socket.MSG_FASTOPEN, (where, port))
    return s


def disconnect(s):
    """connect() to AF_UNSPEC, which Python cannot say."""
    call("connect", s.fileno(), bytes(16), 16)


class Clients:
    """Processes x threads that connect at one instant and hold what they get until close()."""

    def __init__(self, where, port, processes=1, threads=1, connect=plain_connect, sources=(None,), **child):
        gate, self.gate = os.pipe()
        self.children = [Child(self.process, gate, where, port, threads, connect,
                               sources[i:] + sources[:i], keep=(gate, self.gate), **child) for i in range(processes)]
        os.close(gate)
        for child in self.children:
            child.hear()

    def process(self, channel, gate, where, port, count, connect, sources):
        os.close(self.gate)
        outcomes, held = [], []
        threads = [threading.Thread(target=self.client, args=(
            gate, where, port, connect, sources[i % len(sources)], outcomes, held)) for i in range(count)]
        for thread in threads:
            thread.start()
        answer(channel, "waiting")
        for thread in threads:
            thread.join()
        answer(channel, collections.Counter(outcomes))
        channel.recv(9)
        for s in held:
            s.close()
        answer(channel, "closed")
        channel.recv(9)

    @staticmethod
    def client(gate, where, port, connect, source, outcomes, held):
        os.read(gate, 1)  # end of file for all of them at once
        try:
            s = connect(where, port, source)
            held.append(s)
            outcome = "ok" if s.recv(1) == b"+" else "cut"
        except OSError as error:
            outcome = errno.errorcode.get(error.errno, str(error))
        outcomes.append(outcome)  # += would lose some: another thread may come in between

    def go(self):
        """Opens the gate; how many attempts ended how, "ok" being a session with a greeting."""
        time.sleep(0.04)  # stray packets of sessions that ended just now may hold slots for 34 ms
        os.close(self.gate)
        return dict(sum((collections.Counter(child.hear()) for child in self.children), collections.Counter()))

    def close(self):
        for child in self.children:
            child.tell()
        for child in self.children:
            child.hear()
            child.end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.end()


# --- The kernel's view --------------------------------------------------------------------------

Socket = collections.namedtuple("Socket", "state local port peer peer_port id")


def ss(*namespaces):
    """The sessions of some namespaces (None: this one) as ss sees them."""
    found = []
    for namespace in namespaces or (None,):
        with inside(namespace):
            text = run("ss", "-tnHOe", "state", "connected", "exclude", "time-wait", "exclude", "syn-recv")
        for line in text.splitlines():
            if "timer:(timewait" in line:
                continue
            words = line.split()
            (local, port), (peer, peer_port) = [w.rsplit(":", 1) for w in words[3:5]]
            if "*" in (port, peer_port):
                continue  # it was taken apart while the dump came by
            found.append(Socket(words[0], plain(local), int(port), plain(peer), int(peer_port),
                                int(re.search(r"\bsk:([0-9a-f]+)", line)[1], 16)))
    return found


def plain(text):
    """An address as headcount writes it: no brackets, no IPv4-mapping, no device."""
    return text.strip("[]").split("%")[0].replace("::ffff:", "", 1)


# --- A fast eye ---------------------------------------------------------------------------------

class Sampler:
    """Reads the socket table (as ss does: SOCK_DIAG) over and over; `most` is the largest number
    of sessions ever seen at once for each value of key(family, local port, peer, peer port, uid)."""

    STATES = 0xfff & ~(1 << 3 | 1 << 6 | 1 << 7 | 1 << 10)  # no SYN-RECV, TIME-WAIT, CLOSE, LISTEN
    SESSION = struct.Struct("!BBBB HH16s16s 4x")

    def __init__(self, key, families=(socket.AF_INET,)):
        self.key, self.families = key, families
        self.most, self.samples, self.stop = collections.Counter(), 0, False
        self.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
        self.netlink.settimeout(20)
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.stop:
            seen = collections.Counter(key for f in self.families for key in self.dump(f) if key is not None)
            for key, count in seen.items():
                self.most[key] = max(self.most[key], count)
            self.samples += 1

    def dump(self, family):
        request = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 0, 0, self.STATES)
        self.netlink.send(struct.pack("=IHHII", 16 + len(request), 20, 0x301, 0, 0) + request)
        while True:
            data = self.netlink.recv(1 << 16)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind == 3:  # NLMSG_DONE
                    return
                if kind == 2:
                    raise AssertionError("SOCK_DIAG failed")
                _, _, timer, _, port, peer_port, _, peer = self.SESSION.unpack_from(data, 16)
                if timer != 3:  # not TIME-WAIT in disguise
                    peer = plain(socket.inet_ntop(family, peer[:4] if family == socket.AF_INET else peer))
                    uid, = struct.unpack_from("=I", data, 16 + 64)
                    yield self.key(family, port, peer, peer_port, uid)
                data = data[(length + 3) & ~3:]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()
        self.netlink.close()


def by_client(port):
    """Key for sessions of a server port: who connected."""
    return lambda family, local, peer, peer_port, uid: peer if local == port else None


def by_uid(port):
    """Key for sessions towards a server port: whose they are."""
    return lambda family, local, peer, peer_port, uid: uid if peer_port == port else None


def knock(channel, where, port, stop):
    """Connects over and over, until there is a file `stop`; how often it got in."""
    counts = collections.Counter()
    while not os.path.exists(stop):
        with new_socket() as s:
            counts[s.connect_ex((where, port))] += 1
    answer(channel, [counts.pop(0, 0), counts.pop(errno.ECONNREFUSED, 0), len(counts)])
    channel.recv(1)
