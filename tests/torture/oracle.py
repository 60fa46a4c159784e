# SPDX-License-Identifier: GPL-2.0-only
"""What ought to be: users' sessions by ss and the policy in force, without asking headcount."""
import ipaddress

from actions import *

SESSIONS_MAX = 524288  # room for those of others on this host
HOMES = ("home", "c1", "c2")
IDENTIFY_BARE = "client/32/64"  # of sessions without a label


class Policy:
    """A plan's policy with this run's addresses, uids and cgroups (paths by number)."""
    labels = {}  # by the socket's id, as they were at the last comparison: ss does not know them

    def __init__(self, plan_policy, groups):
        self.plan, self.groups = plan_policy, groups
        self.services = {**plan_policy["services"], "inbound": plan_policy["inbound"]}

    def service_name(self, place):
        """Of sessions that come in at a worker's listeners."""
        name = self.plan["workers"][place.number]
        return name if place.server in self.plan["netns"] and name in self.services else "inbound"

    def user_number(self, service, number):
        """A user as headcount writes it: the number-th client host, uid or cgroup."""
        kind = self.services[service]["user"] if service != "outbound" else "uid"
        if kind == "uid":
            return str(UID + number)
        if kind == "cgroup":
            return self.groups[number]
        if kind == "label":
            return f"{LABELS}{number}"
        return self.prefix(kind, address(number + 1, 2))

    @staticmethod
    def prefix(kind, peer):
        bits = kind.split("/")[2 if ":" in peer else 1]
        network = ipaddress.ip_network(f"{peer}/{bits}", strict=False)
        return str(network if network.num_addresses > 1 else network.network_address)

    def user(self, service, place, peer):
        kind = self.services[service]["user"]
        if kind == "uid":
            return str(place.uid)
        if kind == "cgroup":
            return self.groups[place.group]
        if kind == "label":
            return "unlabelled/" + self.prefix(IDENTIFY_BARE, peer)
        return self.prefix(kind, peer)

    def whose(self, s):
        """Service and user of a socket."""
        place = place_of(s.port)
        if place:
            service = self.service_name(place)
            label = self.labels.get(s.id) if self.services[service]["user"] == "label" else None
            return service, label or self.user(service, place, s.peer)
        place = place_of(s.peer_port)
        # One that is connected to itself: the worker's sockets are all that is left.
        return "outbound", str(place.uid if place else s.uid)

    def cap(self, service, user):
        """None: unlimited."""
        if service == "outbound":
            number = int(user) - UID
            return self.plan["outbound"][number] if 0 <= number < plan.USERS else None
        settings = self.services[service]
        if user.startswith("unlabelled/"):
            return None
        for number, cap in settings["override"]:
            if self.user_number(service, number) == user:
                return None if cap == "unlimited" else cap
        return settings["cap"]

    def by_label(self, s):
        """Is the socket of a service whose sessions have labels?"""
        place = place_of(s.port)
        return bool(place) and self.services[self.service_name(place)]["user"] == "label"

    def in_force(self):
        """Names of services that stand in the file: one without ports cannot."""
        return {"inbound", *(set(self.plan["workers"]) & set(self.services))}

    def text(self):
        """As a configuration file."""
        ports = {name: [] for name in self.services}
        for place in PLACES:
            name = self.plan["workers"][place.number]
            if name in ports:
                ports[name] += [place.port, place.port + 1]
        text = section("headcount", netns=self.plan["netns"], sessions_max=SESSIONS_MAX)
        for name, settings in self.services.items():
            lines = {"user": settings["user"], "excess": settings["excess"], "override": [
                f"{self.user_number(name, number)} {cap}" for number, cap in settings["override"]]}
            lines.update({key: settings[key] for key in ("cap", "total") if settings[key] is not None})
            if name == "inbound":
                text += service(name, **lines)
            elif name in self.in_force():
                text += service(name, listen=ports[name], **lines)
        return text + service("outbound", user="uid", override=[
            f"{UID + n} {cap}" for n, cap in enumerate(self.plan["outbound"]) if cap is not None])


def owners(sockets, policy):
    return collections.Counter(policy.whose(s) for s in sockets)


def ids(sockets):
    return sorted(s.id for s in sockets)


def ours(event_or_text):
    return NET in event_or_text or NET6 in event_or_text


GROUPS = f"/headcount-test-{os.getpid()}-"  # what cgroups of harness.cgroup() begin with


def our_users(key):
    """What headcount says of them, by service and user: active, refused, ..."""
    mine = [str(UID + n) for n in range(plan.USERS)]
    return {(row["service"], row["user"]): row[key] for row in ask("users")
            if ours(row["user"]) or row["user"] in mine or row["user"].startswith((GROUPS, LABELS))}


def headcounts():
    """Active by user, and ids of sessions with whose they are, as headcount has them."""
    return +collections.Counter(our_users("active")), {session_id(row): row["user"] for row in our_sessions()}


def compare(policy, seconds=15):
    """At rest: waits until ss says the same before and after headcount has been asked, and headcount
    the same as ss; how many tries that took."""
    deadline, tries, difference = time.monotonic() + seconds, 0, None
    while time.monotonic() < deadline:
        tries += 1
        before, (counted, listed), after = ss(*HOMES), headcounts(), ss(*HOMES)
        if ids(before) != ids(after):
            difference = "the kernel's sockets do not come to rest"
            continue
        # The names of labels are headcount's own word, to be compared by the driver; that users and
        # sessions agree, and that each session is of one of the labels that there are, is seen here.
        Policy.labels = {id: user for id, user in listed.items() if user.startswith(LABELS)}
        listed = sorted(listed)
        want = owners(before, policy), ids(before)
        if want == (counted, listed):
            return tries, before
        known = {s.id: s for s in before}
        difference = "\n".join(
            [f"users: headcount - ss: {dict(counted - want[0])}, ss - headcount: {dict(want[0] - counted)}",
             f"sessions of headcount alone: {[hex(i) for i in listed if i not in known]}",
             f"sessions of ss alone: {[s for i, s in known.items() if i not in listed]}"])
        time.sleep(0.05)
    raise AssertionError(f"headcount and ss differ after {tries} looks:\n{difference}")


