# SPDX-License-Identifier: GPL-2.0-only
"""The storm of a fleet's clients, and the servers that accept them: one process."""
import selectors

from fleet_world import *

CLIENTS = {PLAIN: 8, LABEL: 6, COLD: 7}  # of each user of these services
STAYS = 0.1, 0.3, 0.5, 1, 2, 8  # seconds at most: some are there when their host comes back
PATIENCE = 4.5 * SLOW  # that servers have with labels, and
PATIENCES = 1.3 * SLOW, PATIENCE, PATIENCE  # clients
SUSPENSE = 0.4 * SLOW  # who was let in without a unit is not believed before
LABELLED = 4242  # who owns a socket that has its label: the kernel's table shows it
IP_BIND_ADDRESS_NO_PORT = 24


class Storm:
    """Clients of each user, which come, stay for a while and come again, until they are told to stop; who accepts them stays."""

    def __init__(self, channel, listeners, balance, seed, path):
        self.select, self.random = selectors.DefaultSelector(), random.Random(seed)
        self.timers, self.told, self.order, self.rests, self.held = [], [], itertools.count(), False, set()
        self.balance, self.homes = balance, {who: self.random.choice(HOSTS) for who in WHO}
        for listener in listeners:
            self.watch(listener, lambda l=listener: self.accept(l))
        for who in WHO:
            for n in range(CLIENTS[who.port]):
                self.after(self.random.random(), lambda client=(who, n): self.want(client))
        answer(channel, "ready")
        self.watch(channel, lambda: self.rest(channel, path))
        while True:
            self.turn()

    def rest(self, channel, path):
        channel.recv(9)
        self.rests = True
        for s in list(self.held):
            self.held.discard(s)
            s.close()
        with open(path, "w") as file:
            json.dump(self.told, file)
        answer(channel, "told")

    def watch(self, what, then, events=selectors.EVENT_READ):
        self.select.register(what, events, then)

    def after(self, seconds, then):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.order), then))

    def turn(self):
        wait = self.timers[0][0] - time.monotonic() if self.timers else 1
        for key, _ in self.select.select(max(0, min(wait, 1))):
            key.data()
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()

    # --- The server's end ------------------------------------------------------------------------

    def accept(self, listener):
        with contextlib.suppress(OSError):
            s = listener.accept()[0]
            s.setblocking(False)
            self.watch(s, lambda: self.gone(s))
            if s.getsockname()[1] == LABEL:
                self.label(s, label_of(s.getpeername()[0]), time.monotonic() + PATIENCE)
            else:
                s.send(b"+")

    def label(self, s, label, until):
        """As long as it is to be tried again."""
        try:
            s.setsockopt(0x6863, 1, label)
            os.fchown(s.fileno(), LABELLED, -1)
            s.send(b"+")
        except OSError as error:
            if s.fileno() < 0:
                return
            if error.errno == errno.EAGAIN and time.monotonic() < until:
                self.after(0.05, lambda: self.label(s, label, until))
                return
            with contextlib.suppress(OSError):
                s.send(b"-")
            self.select.unregister(s)
            s.close()

    def gone(self, s):
        """The server's end closes when the client's has."""
        with contextlib.suppress(BlockingIOError):
            with contextlib.suppress(ConnectionError):
                if s.recv(100):
                    return
            self.select.unregister(s)
            s.close()

    # --- The client's ----------------------------------------------------------------------------

    def where(self, who):
        """Random, or the user's home, which moves now and then, and when it does not answer."""
        if self.balance == "random":
            return self.random.choice(HOSTS)
        return self.homes[who]

    def want(self, client):
        self.attempt(client, time.monotonic())

    def attempt(self, client, wanted):
        if self.rests:
            return
        who, host = client[0], self.where(client[0])
        s = socket.socket()
        s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        s.bind((who.address, 0))
        s.setblocking(False)
        s.connect_ex((address(host, 2), who.port))
        state = [client, wanted, host, time.monotonic(), s, True, False]
        self.watch(s, lambda: self.outcome(state))
        self.after(self.random.choice(PATIENCES), lambda: self.over(state, "ok" if state[6] else "silence"))

    def outcome(self, state):
        try:
            said = state[4].recv(1)
            if said == b"+" and state[0][0].port == COLD:
                state[6] = True
                self.after(SUSPENSE, lambda: self.over(state, "ok"))
            else:
                self.over(state, {b"+": "ok", b"-": "refused"}.get(said, "cut"))
        except BlockingIOError:
            pass
        except ConnectionRefusedError:
            self.over(state, "refused")
        except OSError:
            self.over(state, "closed" if state[6] else "cut")

    def over(self, state, how):
        client, wanted, host, began, s, open_still, _ = state
        if not open_still:
            return
        state[5] = False
        self.select.unregister(s)
        self.told.append((WHO.index(client[0]), host, wanted, began, time.monotonic(), how))
        if how == "ok" and not self.rests:
            self.held.add(s)
            self.after(self.random.choice(STAYS) * self.random.random(), lambda: self.leave(client, s))
        else:
            if how == "silence" or self.random.random() < 0.01:
                self.homes[client[0]] = self.random.choice(HOSTS)
            s.close()
            self.after(0.1 + 0.3 * self.random.random(), lambda: self.attempt(client, wanted))

    def leave(self, client, s):
        if s not in self.held:
            return
        self.held.discard(s)
        if self.random.random() < 0.2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        self.after(0.5 * self.random.random(), lambda: self.want(client))
