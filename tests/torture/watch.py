# SPDX-License-Identifier: GPL-2.0-only
"""Never over, while everything moves: ss, as fast as it can be run."""
from oracle import *


class Watch:
    """A dump of the socket table is no snapshot, for it takes time. But sockets that two dumps in a row
    show were all there at the moment between the two: of those no user, and no service with a
    total, may have more than its bound."""

    def __init__(self):
        self.policy, self.policies, self.counts = None, [], collections.Counter()
        self.moments, self.forgotten = {}, set()  # caps set by `headcount cap`
        self.looks, self.over, self.stop = 0, {}, False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.watch)

    def allow(self, policy, sockets):
        """From now on nobody is over its cap, but who was before: with these sockets, at rest."""
        with self.lock:
            for who in self.forgotten:
                self.moments.pop(who, None)
            self.policy, self.policies, self.over, self.forgotten = policy, [policy], {}, set()
            self.counts = self.count(sockets)

    def also(self, policy):
        """Another policy, with the same users but other caps."""
        with self.lock:
            self.policies.append(policy)

    def cap_of_the_moment(self, who, cap):
        with self.lock:
            if cap == "default":
                self.forgotten.add(who)
            else:
                self.moments.setdefault(who, []).append(None if cap == "unlimited" else cap)
                self.forgotten.discard(who)

    def forget_moments(self):
        """Counts were made anew, and these caps did not come along."""
        with self.lock:
            self.forgotten.update(self.moments)

    def pause(self):
        with self.lock:
            self.policy = None

    def bound(self, who):
        service, user = who
        settings = [p.services.get(service, {}) for p in self.policies]
        if any(s.get("excess") == "observe" for s in settings):
            return None
        if user is None:
            caps = [s.get("total") for s in settings]
        else:
            caps = [p.cap(service, user) for p in self.policies] + self.moments.get(who, [])
        return None if None in caps else max(*caps, self.counts[who])

    def count(self, sockets):
        """By (service, user), and by (service, None) altogether; without those of namespaces that are
        not enforced."""
        counts = collections.Counter()
        for s in sockets:
            place = place_of(s.port)
            if not place or place.server in self.policy.plan["netns"]:
                service, user = self.policy.whose(s)
                counts[service, user] += 1
                counts[service, None] += 1
        return counts

    def watch(self):
        last = set()
        while not self.stop:
            now = ss(*HOMES)
            self.look([s for s in now if s.id in last])
            last = {s.id for s in now}
            time.sleep(0.02)

    def look(self, sockets):
        with self.lock:
            if not self.policy:
                return
            self.looks += 1
            for who, count in self.count(sockets).items():
                bound = self.bound(who)
                if bound is not None and count > bound:
                    self.over[who] = max(self.over.get(who, (0, 0)), (count, bound))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        watched = self.thread.is_alive()
        self.stop = True
        self.thread.join()
        if not watched:
            raise AssertionError("nobody watched the caps to the end")
