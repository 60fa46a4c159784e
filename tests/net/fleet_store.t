#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The fleet's scripts on a real Redis: what they grant, when an answer counts, and what is a new epoch."""
import contextlib
import signal

from harness import *

STORE = f"{BUILD}/tests/fleet/real/store"


class Redis:
    def __init__(self, name, *options):
        self.path, self.folder = f"/run/{name}", f"/run/{name}.data"
        os.makedirs(self.folder, exist_ok=True)
        self.process = subprocess.Popen(["redis-server", "--unixsocket", self.path, "--dir", self.folder, "--save", "", *options],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.answers(), f"{name} to answer")

    def answers(self):
        return subprocess.run(["redis-cli", "-s", self.path, "ping"], capture_output=True, text=True).stdout == "PONG\n"

    def ask(self, *command):
        return run("redis-cli", "-s", self.path, *command).strip()

    def info(self, field):
        return re.search(rf"^{field}:(.*?)\r?$", self.ask("info", "everything"), re.M).group(1)

    def epoch(self):
        return self.ask("hget", "fleet:members", "epoch")

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def servers(count):
    """A primary and its replicas."""
    need("redis-server")
    run("ip", "link", "set", "lo", "up")
    redises = []
    try:
        for i in range(count):
            redises.append(Redis(f"redis{i}", "--port", str(7400 + i), *(["--replicaof", "127.0.0.1", "7400"] if i else [])))
        until(lambda: redises[0].info("connected_slaves") == str(count - 1), "the replicas")
        yield redises
    finally:
        for redis in redises:
            redis.end()


def fleet(redis, hosts, users, acks, seconds=20):
    """What hosts got that each want two units of each user, whose cap is three."""
    return json.loads(run(STORE, redis.path, str(hosts), str(users), str(acks), str(seconds * SLOW)))


@test
def grants():
    """two hosts get three units of each of 5000 users, and what they held is forgotten when they are gone"""
    with servers(1) as (redis,):
        for _ in range(2):
            got = fleet(redis, 2, 5000, 0)
            equal((got["granted"], got["live"]), (15000, 1), f"granted, of {got}")
        # Who was there before has been expelled meanwhile.
        equal(redis.ask("hget", "fleet:members", "ready"), "1", "ready")


@test
def alone():
    """one host gets all that it asks for"""
    with servers(1) as (redis,):
        equal(fleet(redis, 1, 1000, 0)["granted"], 2000, "granted")


@test
def confirmed():
    """with a replica an answer counts when it has the message: not when it is stopped, or is not there"""
    with servers(2) as (primary, replica):
        got = fleet(primary, 2, 1000, 1)
        equal((got["granted"], got["live"]), (3000, 1), f"granted, of {got}")
        replica.process.send_signal(signal.SIGSTOP)
        got = fleet(primary, 2, 1000, 1, 4)
        equal((got["granted"], got["live"], got["unconfirmed"] > 0), (0, 0, True), f"with the replica stopped, {got}")
        replica.end()
        got = fleet(primary, 2, 1000, 1, 4)
        equal((got["granted"], got["live"], got["unconfirmed"] > 0), (0, 0, True), f"without it, {got}")


@test
def epochs():
    """a restart, a promotion, a replica that comes back and a lost hash are new epochs; nothing else is"""
    def next_epoch(redis):
        fleet(redis, 1, 10, 0)
        name = redis.epoch()
        equal(name not in seen, True, f"{name} is new")
        seen.append(name)

    seen = []
    with servers(2) as (primary, replica):
        next_epoch(primary)
        fleet(primary, 1, 10, 0)
        equal(primary.epoch(), seen[-1], "the epoch of the next hosts")
        for key in "units", "members":
            primary.ask("del", f"fleet:{key}")
            next_epoch(primary)
        primary.ask("flushall")
        next_epoch(primary)
        primary.ask("client", "kill", "type", "replica")
        until(lambda: int(primary.info("sync_partial_ok")) + int(primary.info("sync_full")) > 1, "the replica to come back")
        next_epoch(primary)
        until(lambda: replica.epoch() == seen[-1], "the stream")
        replica.ask("replicaof", "no", "one")
        next_epoch(replica)
        primary.ask("replicaof", "127.0.0.1", "7401")
        until(lambda: primary.epoch() == seen[-1], "the stream")
        primary.ask("replicaof", "no", "one")
        next_epoch(primary)
        equal([int(name.split(".")[0]) for name in seen[:1]], [1], "the number of the first")


@test
def restarts():
    """a server that has come back with all of its memory is a new epoch"""
    with servers(1) as (redis,):
        fleet(redis, 1, 10, 0)
        before = redis.epoch()
        redis.ask("save")
        redis.end()
        again = Redis("redis0", "--port", "7400")
        equal(again.epoch(), before, "the epoch in its memory")
        fleet(again, 1, 10, 0)
        equal(again.epoch() == before, False, "the epoch is the same")
        equal(again.epoch().split(".")[0], "2", "its number")
        again.end()


main()
