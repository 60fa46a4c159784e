# SPDX-License-Identifier: GPL-2.0-only
"""What a seed means: an endless list of rounds. Pure: names and numbers, nothing is run here.

A round depends on the seed and its own number, and on nothing else, so that it can be run again
alone. Workers, client hosts, uids and cgroups are numbers here; actions.py knows the real ones.
"""
import random

WORKERS = 6
NAMESPACES = ("home", "c2")  # where servers are; see actions.Place
SERVICES = ("alpha", "beta")  # and the ports of the workers of neither are the built-in inbound's
IDENTIFY = ("client/32/64", "client/24/48", "uid", "cgroup")
NAMED = IDENTIFY + 4 * ("label",)  # what users of a named service may be
CAPS = (None, None, 3, 15, 40, 100)
OUTBOUND = (None, None, 10, 60, 120)
WAYS = ("client_fin", "client_rst", "server_fin", "server_rst")  # to end what is held
USERS = 2  # of each kind: client hosts, uids, cgroups, labels

# Endings of tests/net by name, and how often at most in one go.
ENDINGS = {name: 40 for name in (
    "client_closes_first", "server_closes_first", "both_close_at_once", "client_aborts", "server_aborts",
    "closed_with_unread_data", "half_closed", "refused_by_the_peer", "unroutable", "no_free_port",
    "abandoned_while_connecting", "abandoned_after_the_syn", "disconnected_and_connected_again",
    "disconnected_while_connecting", "connected_to_itself", "syn_cookies", "deferred_accept",
    "fast_open_ends", "fast_open_aborts", "mptcp")}
ENDINGS.update(dict.fromkeys((
    "client_killed", "server_killed", "listener_closed_with_children_queued", "accept_queue_overflows",
    "io_uring", "shared_by_a_fork", "killed_by_ss"), 2))
SLOW = ("timed_out", "namespace_deleted", "peer_vanished")  # one of them a round


def service(rng, identify=IDENTIFY):
    override = [rng.randrange(USERS), rng.choice((1, 4, 9, "unlimited"))]
    return {"user": rng.choice(identify), "cap": rng.choice(CAPS), "total": rng.choice((None, None, 20, 60)),
            "excess": "observe" if rng.random() < 0.1 else "reject",
            "override": [override] if rng.random() < 0.4 else []}


def policy(rng):
    """A configuration: who is where, by what, and with which caps."""
    return {
        "services": {name: service(rng, NAMED) for name in SERVICES if rng.random() < 0.9},
        "workers": [rng.choice(SERVICES + ("inbound",)) for _ in range(WORKERS)],
        "inbound": {**service(rng), "total": None},
        "outbound": [rng.choice(OUTBOUND) for _ in range(USERS)],
        "netns": rng.choice((["home"], ["home", "c2"], ["home", "c2"], ["c2"])),
    }


def caps_only(rng, old):
    """The same services and users with other caps."""
    services = {**old["services"], "inbound": old["inbound"]}
    fresh = {name: {**s, "cap": rng.choice(CAPS)} for name, s in services.items()}
    inbound = fresh.pop("inbound")
    return {**old, "services": fresh, "inbound": inbound,
            "outbound": [rng.choice(OUTBOUND) for _ in range(USERS)]}


def control(rng, state):
    """What happens to headcount while the workers work."""
    kind = rng.choices(("reload", "caps", "cap", "kill", "stop", "worker", "cookies", "look", "label"),
                       (3, 3, 3, 3, 1, 1, 1, 4, 3))[0]
    if kind == "reload":
        state["policy"] = policy(rng)
        return [kind, state["policy"]]
    if kind == "caps":
        state["policy"] = caps_only(rng, state["policy"])
        return [kind, state["policy"]]
    if kind == "cap":
        return [kind, rng.choice(SERVICES + ("inbound", "outbound")), rng.randrange(USERS),
                rng.choice((0, 1, 5, 20, "unlimited", "default"))]
    if kind in ("kill", "stop"):  # and how long nobody is there, and which build comes
        return [kind, rng.choice((0, 0, 0.3, 1)), rng.choice((0, 0, 0, 1, 1))]
    if kind == "label":  # from outside: of which sessions
        named = state["policy"]["services"]
        by_label = [name for name in named if named[name]["user"] == "label"]
        return [kind, rng.choice(by_label or SERVICES), rng.randint(1, 20), rng.randrange(USERS)]
    if kind == "worker":
        return [kind, rng.randrange(WORKERS)]
    if kind == "cookies":
        return [kind, rng.choice((0, 1, 2))]
    return [kind, rng.choice((["users"], ["sessions"], ["status"], ["audit"]))]


def action(rng):
    kind = rng.choices(("ending", "hold", "rush", "drop", "churn", "label"), (12, 2, 2, 3, 2, 4))[0]
    if kind == "ending":
        name = rng.choice(list(ENDINGS))
        return [name, rng.randint(1, ENDINGS[name])]
    if kind == "drop":
        return [kind, rng.randint(1, 40), rng.choice(WAYS)]
    if kind == "label":
        return [kind, rng.randint(1, 40), rng.randrange(USERS)]
    return [kind, rng.randint(1, 600 if kind == "churn" else 30), rng.choice((4, 6))]


def round_of(seed, number):
    rng = random.Random(f"{seed}/{number}")
    # A few rounds begin under the same policy, so that sessions outlive a round in peace, too.
    state = {"policy": policy(random.Random(f"{seed}/policy/{number // 3}"))}
    start = state["policy"]
    work = [[action(rng) for _ in range(rng.randint(4, 9))] for _ in range(WORKERS)]
    for todo in work:  # what is held is labelled, before something ends it
        for place in range(len(todo), 0, -1):
            if todo[place - 1][0] in ("hold", "rush"):
                todo.insert(place, ["label", rng.randint(1, 40), rng.randrange(USERS)])
    if rng.random() < 0.4:  # all of them at one instant
        family = rng.choice((4, 6))
        for todo in work:
            todo.insert(0, ["rush", rng.randint(5, 40), family])
    for todo in work:  # room under the caps
        if rng.random() < 0.5:
            todo.insert(rng.randrange(len(todo)), ["drop_all", 0])
    work[rng.randrange(WORKERS)].append([rng.choice(SLOW), 1])
    steps = [[round(rng.uniform(0, 0.8), 2), *control(rng, state)] for _ in range(rng.randint(1, 5))]
    return {"round": number, "policy": start, "work": work, "control": steps}
