# SPDX-License-Identifier: GPL-2.0-only
"""The judge of a fleet's storm: the kernel's socket table, read over and over, in each host's namespace."""
import bisect

from bpf import OBJ_GET, MAP_LOOKUP_ELEM, bpf
from fleet_clients import *

CLOCK_BOOTTIME = 7
SHARDS_MAX = 16  # HC_SHARDS_MAX
BY_MISTAKE = 1.5 * SLOW  # seconds that one who was let in without a unit may stay


class Judge:
    """Reads the tables of all hosts over and over. What is in two dumps that follow each other was there in between:
    at one moment for all hosts. Writes down each change, with which leases were live (bits of shards)."""

    SYN_RECV = 1 << 3

    def __init__(self, channel, fleets, shards, path):
        self.fleets, self.shards, self.netlinks = fleets, shards, {}
        self.homes = [shard_of(who, shards) for who in WHO]
        self.who = {who: w for w, who in enumerate(WHO)}
        for n in HOSTS:
            with inside(f"c{n}"):
                self.netlinks[n] = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
        answer(channel, "ready")
        channel.setblocking(False)
        rounds, last, dead_since = 0, None, {}
        known, older, fresh = {n: set() for n in HOSTS}, None, []
        before, live, began = {n: (set(), set()) for n in HOSTS}, self.live(), time.monotonic()
        with open(path, "w") as file:
            while not self.told_to_stop(channel):
                begins, now = time.monotonic(), {n: self.dump(n) for n in HOSTS}
                stamp, after = time.monotonic(), self.live()
                both = self.count({n: before[n][0] & now[n][0] for n in HOSTS})
                most = self.count({n: before[n][1] | now[n][1] for n in HOSTS})
                # Who began a round ago, at a host whose lease was over; with those that were there before and still are.
                late = [(n, new[0], 1 + sum(1 for old in older[n] & now[n][0] if old[0] == new[0])) for n, new in fresh]
                fresh = []
                for n in HOSTS:
                    for shard in range(shards):
                        alive = (live[n] | after[n]) >> shard & 1
                        dead_since[n, shard] = 0.0 if alive else dead_since.get((n, shard)) or stamp
                    for session in now[n][0] - known[n]:
                        since = dead_since[n, self.homes[session[0]]]
                        if since and stamp - since > LEASE * SLOW:
                            fresh.append((n, session))
                    known[n] |= now[n][0]
                older = {n: before[n][0] for n in HOSTS}
                line = [both, most, [live[n] for n in HOSTS], late]  # leases as they were between the two
                if line != last:
                    file.write(json.dumps([stamp, *line, began]) + "\n")
                last, before, live, began = line, now, after, begins
                rounds += 1
        answer(channel, rounds)
        channel.setblocking(True)
        channel.recv(1)

    @staticmethod
    def told_to_stop(channel):
        try:
            channel.recv(9)
            return True
        except BlockingIOError:
            return False

    @staticmethod
    def count(sessions):
        """A row for each user, with a number for each host."""
        counts = [[0] * len(HOSTS) for _ in WHO]
        for i, n in enumerate(HOSTS):
            for w, _ in sessions[n]:
                counts[w][i] += 1
        return counts

    def live(self):
        now = time.clock_gettime_ns(CLOCK_BOOTTIME)
        return {n: sum((now < deadline) << i for i, deadline in enumerate(deadlines(self.fleets[n])[:self.shards])) for n in HOSTS}

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
                if port in CAPS and timer != 3 and (port != LABEL or struct.unpack_from("=I", data, 16 + 64)[0] == LABELLED):
                    w = self.who.get((socket.inet_ntop(socket.AF_INET, peer[:4]), port))
                    if w is not None:
                        session = (w, struct.unpack_from("=Q", data, 16 + 44)[0])
                        most.add(session)
                        if state != 3:
                            sessions.add(session)
                data = data[(length + 3) & ~3:]


def open_fleet(host):
    """The map with the deadlines, as the host has pinned it."""
    name = ctypes.create_string_buffer(f"/proc/{host.keeper.pid}/root/sys/fs/bpf/headcount/fleet".encode())
    return bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))


def deadlines(fd):
    key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(16 * SHARDS_MAX + 8)
    bpf(MAP_LOOKUP_ELEM, struct.pack("=IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
    return struct.unpack_from(f"={SHARDS_MAX}Q", value)


class Books:
    """What the stores have down for each user, read over and over: a host whose lease is live never has more, by the protocol."""

    def __init__(self, world):
        self.world, self.found, self.stop = world, [], False
        self.lines = {n: Resp(n, REDIS) for shard in world.shards for n in shard.numbers}
        self.thread = threading.Thread(target=self.read)

    def read(self):
        while not self.stop:
            for home, shard in enumerate(self.world.shards):
                began = time.monotonic()
                down = self.down(shard)
                if down is not None:
                    self.found.append((began, {w: down[key_of(who)] for w, who in enumerate(WHO) if self.world.homes[w] == home}))
            time.sleep(0.1)

    def down(self, shard):
        """By whichever says that it is primary; None: not all of them can say so, or one learns yet."""
        down, grants = collections.Counter(), False
        for n in shard.numbers:
            if shard.servers[n].process.poll() is not None:
                continue  # its memory is gone
            line = self.lines[n]
            role = [line.ask(*words) for words in (("MULTI",), ("INFO", "replication"), ("HGETALL", "fleet:members"), ("HGETALL", "fleet:units"), ("EXEC",))][-1]
            if not role or not role[0]:
                return None
            if "role:master" not in role[0] or not role[1]:
                continue
            members, units = (dict(zip(hash[::2], hash[1::2])) for hash in role[1:])
            if members.get("ready") != "1" or members.get("epoch") != units.get("epoch"):
                return None
            grants = True
            for key, value in units.items():
                key = key.encode("latin-1")
                down[key] = max(down[key], sum(int(held) for held in re.findall(r"=(\d+)", value)))
        return down if grants else None

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()
        for line in self.lines.values():
            line.close()


class Verdict:
    """What the judge has seen, beside when faults began and when all was well again.

    Strict: the sessions of hosts whose lease is live are at most the cap. A host that comes back brings those that it has:
    so many more are allowed (debt), until what the servers have down is less. Of those who are let in before
    they have a unit (`cold`): while all is well, not for long."""

    def __init__(self, judged, attempts, calm, books, homes, alone):
        self.lines = [json.loads(line) for line in open(judged)]
        self.attempts, self.calm = json.load(open(attempts)), calm  # [when all was well, until when]
        self.homes, self.times = homes, [line[0] for line in self.lines]
        self.caps = [CAPS[who.port] for who in WHO]
        self.over, self.alone, self.debt, self.full, self.by_mistake = [], [], 0.0, 0, 0.0
        self.strict(books)
        self.lenient()
        for stamp, _, _, _, late, _ in self.lines:
            self.alone += [(round(stamp - self.times[0], 1), n, WHO[w], count) for n, w, count in late if count > {"refuse": 0, "local": ALONE, "admit": CAPS[WHO[w].port]}[alone]]
        self.starving()

    def live(self, w, held):
        return [bits >> self.homes[w] & 1 for bits in held]

    def strict(self, books):
        """`books`: what was down, and since when at the latest."""
        allow, live, books, last = list(self.caps), [[1] * len(HOSTS) for _ in WHO], collections.deque(books), None
        for line in self.lines:
            stamp, _, most, held, _, began = line
            while books and books[0][0] < began:
                when, down = books.popleft()
                for w, units in down.items():
                    allow[w] = min(allow[w], max(self.caps[w], units))
                if last and last[0] < when:
                    self.compare(last, live, allow)
            for w, row in enumerate(most):
                now = self.live(w, held)
                allow[w] += sum(m for m, was, is_live in zip(row, live[w], now) if is_live and not was)
                live[w] = now
                self.full += sum(line[1][w]) == self.caps[w]
            self.compare(line, live, allow)
            if last and any(a > cap for a, cap, who in zip(allow, self.caps, WHO) if who.port != COLD):
                self.debt += stamp - last[0]
            last = line

    def compare(self, line, live, allow):
        for w in [w for w, who in enumerate(WHO) if who.port != COLD]:
            count = sum(c for c, is_live in zip(line[1][w], live[w]) if is_live)
            if count > allow[w]:
                self.over.append((round(line[0] - self.times[0], 1), WHO[w], line[1][w], live[w], allow[w]))

    def lenient(self):
        """For how long one had more than its cap while all was well."""
        for w in [w for w, who in enumerate(WHO) if who.port == COLD]:
            for start, until in self.calm:
                since = None
                first = max(0, bisect.bisect(self.times, start) - 1)
                for line in self.lines[first:bisect.bisect(self.times, until)] + [[until, None]]:
                    if since is not None:
                        self.by_mistake = max(self.by_mistake, line[0] - since)
                    if not line[1] or sum(line[1][w]) <= self.caps[w]:
                        since = None
                    elif since is None:
                        since = max(line[0], start)

    def had_room(self, w, start, end):
        """From when on, before `end`, there was room all the time; None: there is none."""
        i = bisect.bisect(self.times, end) - 1
        if i < 0 or sum(self.lines[i][2][w]) >= self.caps[w]:
            return None
        while i > 0 and self.times[i] > start:
            if sum(self.lines[i - 1][2][w]) >= self.caps[w]:
                return self.times[i]
            i -= 1
        return start

    def starving(self):
        """Who is refused though there is room, while all is well: how often, and for how long."""
        self.outcomes, self.room, self.longest = collections.Counter(), collections.Counter(), dict.fromkeys(CAPS, 0.0)
        for w, _, wanted, began, end, how in self.attempts:
            self.outcomes[how] += 1
            calm = [start for start, until in self.calm if start <= end <= until]
            if not calm:
                continue
            self.outcomes["calm " + how] += 1
            since = self.had_room(w, max(wanted, calm[0]), end)
            if since is None:
                continue
            port = WHO[w].port
            self.longest[port] = max(self.longest[port], end - since)
            self.room[port] += how != "ok" and since <= began
