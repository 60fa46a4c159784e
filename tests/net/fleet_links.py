# SPDX-License-Identifier: GPL-2.0-only
"""Links that delay and lose packets, one way or both: a process in the middle of them, for a kernel may have no netem."""
import fcntl
import heapq
import itertools
import random

from fleets import *

TABLE, DEVICE = "77", "slow0"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


class Relay:
    """Takes the packets that are led through it, and gives them back late, in another order, or not at all."""

    def __init__(self, channel, seed):
        self.channel, self.random, self.links, self.late = channel, random.Random(seed), {}, []
        self.order = itertools.count()
        self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        answer(channel, "ready")
        poll = select.poll()
        poll.register(self.tun, select.POLLIN)
        poll.register(channel, select.POLLIN)
        while True:
            wait = self.late[0][0] - time.monotonic() if self.late else 1
            for fd, _ in poll.poll(max(0, wait * 1000)):
                if fd == self.tun:
                    self.take()
                else:
                    self.links = {tuple(key): link for key, link in json.loads(channel.recv(65536))}
                    answer(channel, "ok")
            while self.late and self.late[0][0] <= time.monotonic():
                with contextlib.suppress(OSError):
                    os.write(self.tun, heapq.heappop(self.late)[2])

    def take(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = os.read(self.tun, 65536)
                if packet[0] >> 4 != 4:
                    continue
                loss, least, most = self.links.get((packet[14], packet[18]), (0, 0, 0))
                if self.random.random() >= loss:
                    late = least + (most - least) * self.random.random()
                    heapq.heappush(self.late, (time.monotonic() + late, next(self.order), packet))


class Links:
    """Leads packets from namespaces to others astray."""

    def __init__(self, stack, seed):
        self.rules, self.made = 0, {}
        self.relay = stack.enter_context(Child(Relay, seed))
        self.relay.hear()
        for name in "all", DEVICE:
            sysctl(f"net.ipv4.conf.{name}.rp_filter", 0)
        sysctl(f"net.ipv6.conf.{DEVICE}.disable_ipv6", 1)
        run("ip", "link", "set", DEVICE, "up")
        run("ip", "route", "add", "default", "dev", DEVICE, "table", TABLE)

    @contextlib.contextmanager
    def lead(self, pairs, *where):
        rules = []
        for x, y in pairs:
            self.rules += 1
            rules.append(["pref", str(100 + self.rules), "iif", f"v{x}", "to", f"{NET}{y}.0/24", *where])
            run("ip", "rule", "add", *rules[-1])
        try:
            yield
        finally:
            for rule in rules:
                run("ip", "rule", "del", *rule)

    def cut(self, pairs):
        """Nothing from x arrives at y."""
        return self.lead(pairs, "blackhole")

    @contextlib.contextmanager
    def impair(self, pairs, loss, least, most):
        """Of what x sends to y a part is lost, and the rest arrives so many seconds later."""
        self.tell({**self.made, **dict.fromkeys(pairs, (loss, least, most))})
        try:
            with self.lead(pairs, "lookup", TABLE):
                yield
        finally:
            self.tell({key: link for key, link in self.made.items() if key not in pairs})

    def tell(self, links):
        self.made = links
        self.relay.tell(json.dumps(list(links.items())))
        self.relay.hear()
