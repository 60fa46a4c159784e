#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A storm on a fleet: six headcounts and the servers of a shard or two, while links are cut, delay and lose, servers and daemons die
and stop. Clients of three services: who waits, who has a label, who is let in before there is a unit (cold = admit).

STORM_SECONDS (18) is how long each of the two storms lasts, STORM_SEED which one it is: its shards, alone, keep, and what goes wrong;
STORM_KINDS is a list of what does (all; `fleet_trouble.py`), STORM_SHARDS (3, 33 or 31) how many servers each shard has, STORM_CALM (2)
for how many seconds nothing is wrong in between: to see who is refused then."""
from fleet_judge import *
from fleet_trouble import *

SECONDS = float(os.environ.get("STORM_SECONDS", 18))
CALM = float(os.environ.get("STORM_CALM", 2))
SEED = int(os.environ.get("STORM_SEED", time.time_ns() % 100000))
STARVES = 10 * SLOW  # seconds: 4 at most by the protocol, a lease if a replica comes back, and a client's retransmission
SETTLES = 20 * LEASE * SLOW  # after a fault: election, an epoch that learns, members that are expelled, debt
FILLS = 20 * SLOW
SHARDS = {"3": [(11, 12, 13)], "33": [(11, 12, 13), (14, 15, 16)], "31": [(11, 12, 13), (14,)]}


def storm(world, random, seconds):
    """Faults, one after the other, each time until all is well. Returns when it was, and whether it was so at last."""
    trouble, calm = Trouble(world, random), []
    began = healed = time.monotonic()
    while True:
        with contextlib.suppress(Late):
            until(world.settled, "the fleet to settle", SETTLES)
            say(f"{time.monotonic() - began:6.1f} all is well, {time.monotonic() - healed:.1f} s later")
            calm.append([time.monotonic(), None])
            time.sleep(CALM)
            calm[-1][1] = time.monotonic()
        if not calm or calm[-1][0] < healed or calm[-1][1] - began > seconds:
            return calm, bool(calm) and calm[-1][0] > healed
        with contextlib.ExitStack() as stack:
            for kind in trouble.one():
                what, lasts = stack.enter_context(kind()), trouble.for_long()
                say(f"{time.monotonic() - began:6.1f} {kind.__name__} {what}, {lasts:.1f} s")
                time.sleep(lasts)
        healed = time.monotonic()


# --- When it is over -------------------------------------------------------------------------------

def hold(who, n):
    """A session at host n that stays, or None."""
    s = socket.socket()
    s.settimeout(3 * SLOW)
    s.bind((who.address, 0))
    with contextlib.suppress(ConnectionError, TimeoutError):
        s.connect((address(n, 2), who.port))
        if s.recv(1) == b"+" and not (who.port == COLD and readable(s, SUSPENSE)):
            return s
    s.close()
    return None


def fill(who, found):
    """Takes the whole cap, wherever there is room; and then one more everywhere, which nobody may get."""
    held, began = [], time.monotonic()
    for n in itertools.islice(itertools.cycle(HOSTS), 1000):
        if len(held) == CAPS[who.port] or time.monotonic() - began > FILLS:
            break
        held += filter(None, [hold(who, n)])
    found[who] = held, time.monotonic() - began
    if len(held) == CAPS[who.port]:
        more = list(filter(None, [hold(who, n) for n in HOSTS]))
        if more and who.port == COLD:
            left = [s for s in more if not readable(s, BY_MISTAKE)]
            say(f"{who}: {len(more)} were let in by mistake, {len(left)} of them stay")
            more = left
        found[who] = held + more, found[who][1]


def is_whole(world):
    """Nothing has leaked, and nobody has too much: each user can have its cap and no more, and each host and store says so."""
    found = {}
    until(lambda: not any(row["active"] for host in world.hosts.values() for row in host.json("users") if row["service"] in NAMES.values()),
          "all sessions to end")
    threads = [threading.Thread(target=fill, args=(who, found)) for who in WHO]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(f"caps were filled in {max(seconds for _, seconds in found.values()):.1f} s at most")
    caps = [CAPS[who.port] for who in WHO]
    equal([len(found[who][0]) for who in WHO], caps, "sessions that each user could have at last")
    active = collections.Counter()
    for host in world.hosts.values():
        for row in host.json("users"):
            active[row["service"], row["user"]] += row["active"]
    equal([active[NAMES[who.port], label_of(who.address).decode() if who.port == LABEL else who.address] for who in WHO], caps, "active")
    until_equal(world.units, caps, "units of each user in the stores")
    for n, host in world.hosts.items():
        # A replica that was away may have come just now, and a new epoch with it.
        until_equal(lambda: [[shard[key] for key in ("stage", "members", "connected", "alone_since")] for shard in host.fleet()["shards"]],
                    [["ready", len(HOSTS), True, None]] * len(world.shards), f"shards by host {n}")
        status = host.fleet()
        equal((status["alone_since"], status["debts"]), (None, 0), f"alone and in debt, by host {n}")
    equal(sum(host.fleet()["units"] for host in world.hosts.values()), sum(caps), "units by the hosts")
    for held, _ in found.values():
        for s in held:
            s.close()


def rage(world, balance):
    """A storm with this balancing."""
    chance = random.Random(f"{SEED} {balance}")
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(contextlib.closing(listen("0.0.0.0", port, f"c{n}"))) for n in HOSTS for port in CAPS]
        fleets = {n: open_fleet(world.hosts[n]) for n in HOSTS}
        judge = stack.enter_context(Child(Judge, fleets, len(world.shards), "/run/judged", keep=fleets.values()))
        judge.hear()
        clients = stack.enter_context(Child(Storm, listeners, balance, SEED, "/run/attempts", keep=[l.fileno() for l in listeners]))
        clients.hear()
        with Books(world) as books:
            calm, well = storm(world, chance, SECONDS)
        clients.tell()
        clients.hear()
        judge.tell()
        rounds = judge.hear()
        verdict = Verdict("/run/judged", "/run/attempts", calm, books.found, world.homes, world.alone)
        say(f"{balance}: {rounds} looks, a user at its cap in {verdict.full} changes; debt was allowed for {verdict.debt:.1f} s; {dict(verdict.outcomes)}")
        for port, longest in verdict.longest.items():
            say(f"while all was well and there was room: {verdict.room[port]} attempts of {NAMES[port]} refused, for {longest:.1f} s at most")
        say(f"while all was well, more than the cap by cold = admit for {verdict.by_mistake:.2f} s at most")
        equal(verdict.over[:3], [], "more sessions than the cap")
        equal(verdict.alone[:3], [], "sessions that began at a host whose lease was over")
        equal(well, True, "all was well again when nothing was wrong any more")
        equal(verdict.full > 0 and verdict.outcomes["refused"] > 0 and verdict.outcomes["ok"] > 50, True, "it was a storm")
        equal(max(verdict.longest.values()) < STARVES, True, f"nobody was refused though there was room, but for {verdict.longest} s")
        equal(verdict.by_mistake < BY_MISTAKE, True, f"who was let in without a unit had to go, but stayed for {verdict.by_mistake:.1f} s")
        is_whole(world)


@test
def storms():
    """no user has more than its cap at six hosts, whatever goes wrong, with random and with sticky balancing"""
    signal.alarm(int((2 * (SECONDS + CALM) + 200) * SLOW))
    chance = random.Random(SEED)
    shards, alone, keep = (chance.choice(choices) for choices in (list(SHARDS), ("refuse", "refuse", "local", "admit"), ("2s", "60s")))
    shards = os.environ.get("STORM_SHARDS", shards)
    say(f"STORM_SEED={SEED} STORM_SECONDS={SECONDS:.0f}: shards of {' and '.join(shards)} servers, alone = {alone}, keep = {keep}")
    with contextlib.ExitStack() as stack:
        world = World(stack, SEED, SHARDS[shards], alone, keep)
        try:
            for balance in "random", "sticky":
                rage(world, balance)
        except AssertionError:
            for host in world.hosts.values():
                say("\n".join(host.said[-20:]))
                say(host.report())
            raise


main()
