# SPDX-License-Identifier: GPL-2.0-only
"""The storm of a fleet's clients, and the judge: the kernel's socket table, read over and over, in each host's namespace."""
import bisect
import ctypes
import heapq
import random
import selectors

from bpf import OBJ_GET, MAP_LOOKUP_ELEM, bpf
from fleet_world import *

CLOCK_BOOTTIME = 7
STAYS = 0.1, 0.3, 0.5, 1, 2, 8  # seconds at most: some are there when their host comes back


# --- Clients and servers, in one process ---------------------------------------------------------

class Storm:
    """So many clients of each user, which come, stay for a while and come again; and who accepts them."""

    def __init__(self, channel, listeners, clients, balance, seed, path):
        self.select, self.random = selectors.DefaultSelector(), random.Random(seed)
        self.timers, self.told, self.order, self.stop = [], [], 0, False
        self.balance, self.homes = balance, {user: self.random.choice(HOSTS) for user in USERS}
        for listener in listeners:
            self.watch(listener, lambda l=listener: self.accept(l))
        for user in USERS:
            for n in range(clients):
                self.after(self.random.random(), lambda client=(user, n): self.want(client))
        answer(channel, "ready")
        channel.setblocking(False)
        self.watch(channel, lambda: setattr(self, "stop", True))
        while not self.stop:
            self.turn()
        with open(path, "w") as file:
            json.dump(self.told, file)
        answer(channel, "told")
        channel.setblocking(True)
        channel.recv(1)

    def watch(self, what, then, events=selectors.EVENT_READ):
        self.select.register(what, events, then)

    def after(self, seconds, then):
        self.order += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.order, then))

    def turn(self):
        wait = self.timers[0][0] - time.monotonic() if self.timers else 1
        for key, _ in self.select.select(max(0, min(wait, 1))):
            key.data()
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()

    def accept(self, listener):
        with contextlib.suppress(OSError):
            s = listener.accept()[0]
            s.setblocking(False)
            s.send(b"+")
            self.watch(s, lambda: self.gone(s))

    def gone(self, s):
        """The server's end closes when the client's has."""
        with contextlib.suppress(BlockingIOError):
            with contextlib.suppress(ConnectionError):
                if s.recv(100):
                    return
            self.select.unregister(s)
            s.close()

    def where(self, user):
        """Random, or the user's home, which moves now and then, and when it does not answer."""
        if self.balance == "random":
            return self.random.choice(HOSTS)
        return self.homes[user]

    def want(self, client):
        self.attempt(client, time.monotonic())

    def attempt(self, client, wanted):
        user, host = client[0], self.where(client[0])
        s = socket.socket()
        s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        s.bind((user, 0))
        s.setblocking(False)
        s.connect_ex((address(host, 2), PORT))
        state = [client, wanted, host, time.monotonic(), s, True]
        self.watch(s, lambda: self.outcome(state))
        self.after(4.5 * SLOW, lambda: self.over(state, "silence"))

    def outcome(self, state):
        try:
            said = state[4].recv(1)
            self.over(state, "ok" if said == b"+" else "cut")
        except BlockingIOError:
            pass
        except ConnectionRefusedError:
            self.over(state, "refused")
        except OSError:
            self.over(state, "cut")

    def over(self, state, how):
        client, wanted, host, began, s, open_still = state
        if not open_still:
            return
        state[5] = False
        self.select.unregister(s)
        self.told.append((client[0], client[1], host, wanted, began, time.monotonic(), how))
        if how == "ok":
            self.after(self.random.choice(STAYS) * self.random.random(), lambda: self.leave(client, s))
        else:
            if how == "silence" or self.random.random() < 0.01:
                self.homes[client[0]] = self.random.choice(HOSTS)
            s.close()
            self.after(0.1 + 0.3 * self.random.random(), lambda: self.attempt(client, wanted))

    def leave(self, client, s):
        if self.random.random() < 0.2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        self.after(0.5 * self.random.random(), lambda: self.want(client))


# --- The judge -------------------------------------------------------------------------------------

class Judge:
    """Reads the tables of all hosts over and over. What is in two dumps that follow each other was there in between:
    at one moment for all hosts. Writes down each change, with which leases were live."""

    SYN_RECV = 1 << 3

    def __init__(self, channel, fleets, path):
        self.fleets, self.seen, self.rounds = fleets, {}, 0
        self.netlinks = {}
        for n in HOSTS:
            with inside(f"c{n}"):
                self.netlinks[n] = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
        answer(channel, "ready")
        channel.setblocking(False)
        dead_since = dict.fromkeys(HOSTS, 0.0)
        before, live, last = {n: (set(), set()) for n in HOSTS}, self.live(), None
        with open(path, "w") as file:
            while not self.told_to_stop(channel):
                now = {n: self.dump(n) for n in HOSTS}
                stamp, after = time.monotonic(), self.live()
                both = [[self.count(before[n][0] & now[n][0], user) for n in HOSTS] for user in USERS]
                most = [[self.count(before[n][1] | now[n][1], user) for n in HOSTS] for user in USERS]
                held = [live[n] for n in HOSTS]  # as it was between the two
                late = []
                for n in HOSTS:
                    dead_since[n] = 0.0 if live[n] or after[n] else dead_since[n] or stamp
                    if dead_since[n] and stamp - dead_since[n] > LEASE * SLOW:
                        late += [(n, user) for user, _ in now[n][0] - before[n][0]]
                line = [both, most, held, late]
                if line != last:
                    file.write(json.dumps([stamp, *line]) + "\n")
                last, before, live = line, now, after
                self.rounds += 1
        answer(channel, self.rounds)
        channel.setblocking(True)
        channel.recv(1)

    @staticmethod
    def told_to_stop(channel):
        try:
            channel.recv(1)
            return True
        except BlockingIOError:
            return False

    @staticmethod
    def count(sessions, user):
        return sum(1 for session in sessions if session[0] == user)

    def live(self):
        now = time.clock_gettime_ns(CLOCK_BOOTTIME)
        return {n: now < deadline(self.fleets[n]) for n in HOSTS}

    def dump(self, n):
        """(user, cookie) of the sessions of host n; the same with those whose handshake goes on."""
        request = struct.pack("=BBBBI48x", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, Sampler.STATES | self.SYN_RECV)
        self.netlinks[n].send(struct.pack("=IHHII", 16 + len(request), 20, 0x301, 0, 0) + request)
        sessions, most = set(), set()
        while True:
            data = self.netlinks[n].recv(1 << 16)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind == 3:
                    return sessions, most
                _, state, timer, _, port, _, _, peer = Sampler.SESSION.unpack_from(data, 16)
                if port == PORT and timer != 3:
                    session = (socket.inet_ntop(socket.AF_INET, peer[:4]), struct.unpack_from("=Q", data, 16 + 44)[0])
                    most.add(session)
                    if state != 3:
                        sessions.add(session)
                data = data[(length + 3) & ~3:]


def open_fleet(host):
    """The map with the deadlines, as the host has pinned it."""
    name = ctypes.create_string_buffer(f"/proc/{host.keeper.pid}/root/sys/fs/bpf/headcount/fleet".encode())
    return bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))


def deadline(fd):
    key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(136)
    bpf(MAP_LOOKUP_ELEM, struct.pack("=IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
    return struct.unpack_from("=Q", value)[0]


class Verdict:
    """What the judge has seen, beside when faults began and when all was well again.

    Strict: the sessions of hosts whose lease is live are at most the cap. A host that comes back brings those that it has:
    so many more are allowed (debt), until what the servers have down is at most the cap again."""

    def __init__(self, judged, attempts, calm):
        self.lines = [json.loads(line) for line in open(judged)]
        self.attempts, self.calm = json.load(open(attempts)), calm  # [when all was well, until when]
        self.over, self.alone, self.debt, self.full = [], [], 0.0, 0
        allow, live, settled, at = [CAP] * len(USERS), [True] * len(HOSTS), [start for start, _ in calm], None
        for stamp, both, most, held, late in self.lines:
            if at and max(allow) > CAP:
                self.debt += stamp - at
            at = stamp
            while settled and settled[0] < stamp:
                settled.pop(0)
                allow = [CAP] * len(USERS)
            for n, is_live in enumerate(held):
                if is_live and not live[n]:
                    allow = [a + most[u][n] for u, a in enumerate(allow)]
            live = held
            for u, row in enumerate(both):
                count = sum(c for c, is_live in zip(row, held) if is_live)
                self.full += count == CAP
                if count > allow[u]:
                    self.over.append((stamp, USERS[u], row, held, allow[u]))
            self.alone += [(stamp, *who) for who in late]
        self.times = [line[0] for line in self.lines]
        self.starving()

    def had_room(self, user, start, end):
        """From when on, before `end`, there was room all the time; None: there is none."""
        u, i = USERS.index(user), bisect.bisect(self.times, end) - 1
        if i < 0 or sum(self.lines[i][2][u]) >= CAP:
            return None
        while i > 0 and self.times[i] > start:
            if sum(self.lines[i - 1][2][u]) >= CAP:
                return self.times[i]
            i -= 1
        return start

    def starving(self):
        """Who is refused though there is room, while all is well: how often, and for how long."""
        self.outcomes, self.room, self.longest = collections.Counter(), 0, 0.0
        for user, _, _, wanted, began, end, how in self.attempts:
            self.outcomes[how] += 1
            calm = [start for start, until in self.calm if start <= end <= until]
            if not calm:
                continue
            self.outcomes["calm " + how] += 1
            since = self.had_room(user, max(wanted, calm[0]), end)
            if since is None:
                continue
            self.longest = max(self.longest, end - since)
            self.room += how != "ok" and since <= began
