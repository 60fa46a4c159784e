#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The store's client with real servers: how it gets there, and what it does when they go away."""
from harness import *
from storing import *

CLIENT = f"{BUILD}/tests/net/fleet_client"
# What fleet/README.md says a user of the store needs.
ACL = ["on", ">se:cr/et", "resetkeys", "~fleet:*", "resetchannels", "&fleet:calls:*", "-@all", "+evalsha", "+script|load", "+role",
       "+wait", "+info", "+hget", "+hgetall", "+hset", "+hdel", "+hmget", "+hincrby", "+hscan", "+unlink", "+publish", "+subscribe",
       "+ping"]
LOGIN = "front:se:cr%2fet@"


def host(store, *options):
    return Host(CLIENT, store, *options)


def works(host, user="alice"):
    """It gets two sessions of a user, and its calls are heard."""
    host.tell(f"hold {user} 2 8")
    until_equal(lambda: host.has(user), 2, f"{user}'s sessions")
    until(lambda: host.show()["hears"], "the calls to be heard")


def shares(one, other, user):
    """Another host's idle units come at once: called through the store."""
    one.tell(f"hold {user} 3 3")
    until_equal(lambda: one.has(user), 3, "all units")
    one.tell(f"hold {user} 1 3")
    other.tell(f"hold {user} 2 3")
    until_equal(lambda: other.has(user), 2, "what the other has left")
    equal(one.has(user), 1, "what it kept")


@contextlib.contextmanager
def unix_store(*options):
    need_store()
    store = Store("store0", 0, "--unixsocket", "/run/store.sock", *options, cli=["-s", "/run/store.sock"])
    try:
        yield store
    finally:
        store.end()


@test
def unix_socket():
    """by a Unix socket: units are granted, shared by calls, and given back by who leaves"""
    with unix_store():
        with host("unix:/run/store.sock") as one, host("unix:/run/store.sock") as other:
            works(one)
            shares(one, other, "bob")
            one.leave()
            other.tell("hold bob 3 3")
            until_equal(lambda: other.has("bob"), 3, "what the one had")


@test
def tcp():
    """by TCP: IPv4, IPv6, a name, and a list whose first nobody listens at"""
    with stores((Store, "store0", 7400, "--bind", "127.0.0.1", "::1")):
        for place in "127.0.0.1:7400", "[::1]:7400", "localhost:7400", "127.0.0.1:7399, localhost:7400":
            # Two addresses would be two servers.
            with host(f"valkey://{place}", "servers=1") as one:
                works(one)
                one.leave()


@test
def prefixes():
    """two prefixes on one server know nothing of each other"""
    with unix_store() as store:
        with host("unix:/run/store.sock", "prefix=a") as one, host("unix:/run/store.sock", "prefix=b:c") as other:
            for each in one, other:
                each.tell("hold alice 3 3")
            for each in one, other:
                until_equal(lambda: each.has("alice"), 3, "units")
        equal(sorted(store.ask("keys", "*").split()), ["a:members", "a:units", "b:c:members", "b:c:units"], "keys")


@test
def acl():
    """an ACL user that may do no more than is needed; a wrong password, and one that may do less, are told of"""
    with unix_store() as store:
        equal(store.ask("acl", "setuser", "front", *ACL), "OK", "ACL SETUSER")
        with host(f"unix:{LOGIN}/run/store.sock") as one, host(f"unix:{LOGIN}/run/store.sock") as other:
            works(one)
            shares(one, other, "bob")
            one.leave()
            # Nothing was refused: neither a command, a key, nor a channel.
            equal(store.ask("acl", "log"), "", "ACL LOG")
        with host("unix:front:wrong@/run/store.sock") as one:
            until(lambda: "WRONGPASS" in one.show()["why"], "the wrong password to be told of")
        equal(store.ask("acl", "setuser", "front", "-hset"), "OK", "ACL SETUSER")
        with host(f"unix:{LOGIN}/run/store.sock") as one:
            until(lambda: "exchange.lua" in one.show()["why"], "the missing right to be told of")
            broken = one.show()["broken"]
            time.sleep(1)
            equal(one.show()["broken"] - broken < 10, True, "it pauses between")


@test
def password():
    """a password without a user"""
    with stores():
        store = Store("store0", 7400, "--requirepass", "pw", cli=["-p", "7400", "-a", "pw", "--no-auth-warning"])
        try:
            with host("redis://:pw@127.0.0.1:7400") as one:
                works(one)
            with host("redis://127.0.0.1:7400") as one:
                until(lambda: "NOAUTH" in one.show()["why"], "the missing password to be told of")
        finally:
            store.end()


@contextlib.contextmanager
def tls_store(name, *options):
    need_store()
    store = Store("store0", 0, "--tls-port", "7400", "--tls-cert-file", f"/run/{name}.pem", "--tls-key-file", f"/run/{name}.key",
                  "--tls-ca-cert-file", "/run/ca.pem", *options,
                  cli=["-p", "7400", "--tls", "--cacert", "/run/ca.pem", "--cert", "/run/client.pem", "--key", "/run/client.key"])
    try:
        yield store
    finally:
        store.end()


@test
def tls():
    """with TLS: the authority and the name or address are verified, the server asks for a certificate"""
    need_store()
    need("openssl")
    certificate("ca", None)
    certificate("other", None)
    certificate("address", "IP:127.0.0.1", "ca")
    certificate("name", "DNS:localhost", "ca")
    certificate("client", "DNS:client", "ca")
    ours = ["tls_ca=/run/ca.pem", "tls_cert=/run/client.pem", "tls_key=/run/client.key"]
    for name, good, bad in ("address", "127.0.0.1", "localhost"), ("name", "localhost", "127.0.0.1"):
        with tls_store(name):
            with host(f"rediss://{good}:7400", *ours) as one, host(f"rediss://{good}:7400", *ours) as other:
                works(one)
                shares(one, other, "bob")
            with host(f"rediss://{bad}:7400", *ours) as one:
                until(lambda: "mismatch" in one.show()["why"], "the name to be refused")
            with host(f"rediss://{good}:7400", "tls_ca=/run/other.pem", *ours[1:]) as one:
                until(lambda: "not believed" in one.show()["why"], "the authority to be refused")
            with host(f"rediss://{good}:7400", *ours[1:]) as one:
                until(lambda: "not believed" in one.show()["why"], "it to be none of the system's")
            with host(f"rediss://{good}:7400", ours[0]) as one:
                until(lambda: one.show()["failed"], "a client without a certificate to be refused")
            with host(f"valkey://{good}:7400") as one:
                until(lambda: one.show()["failed"], "a client without TLS to get nowhere")


@test
def plain_for_tls():
    """a server without TLS, and files that are none, are told of"""
    with stores((Store, "store0", 7400)):
        with host("rediss://127.0.0.1:7400") as one:
            until(lambda: one.show()["failed"], "an end")
            equal(one.show()["live"], False, "live")
        for option in "tls_ca", "tls_cert", "tls_key":
            with open("/run/none.pem", "w") as file:
                file.write("no certificate\n")
            one = host("rediss://127.0.0.1:7400", f"{option}=/run/none.pem")
            _, error = one.process.communicate(timeout=20 * SLOW)
            equal((one.process.returncode, "/run/none.pem" in error), (1, True), f"{option}: {error}")


@test
def moved():
    """the primary is moved by REPLICAOF: found again, and all that was held is held, without a moment too many"""
    with replicated(2) as (first, second):
        with host("valkey://127.0.0.1:7401, 127.0.0.1:7400") as one:
            works(one)
            equal(one.show()["server"], "127.0.0.1:7400", "the primary")
            epoch = one.show()["epoch"]
            second.ask("replicaof", "no", "one")
            first.ask("replicaof", "127.0.0.1", "7401")
            until(lambda: one.show()["server"] == "127.0.0.1:7401" and one.show()["live"], "the other")
            until(lambda: one.show()["epoch"] != epoch, "a new epoch")
            equal(one.has("alice"), 2, "held")
            one.tell("hold bob 1 1")
            until_equal(lambda: one.has("bob"), 1, "it grants again")


@test
def too_few():
    """a primary whose replica is gone does not count, and is told of; its replica comes back"""
    with replicated(2) as (first, second):
        with host("valkey://127.0.0.1:7400, 127.0.0.1:7401") as one:
            works(one)
            second.end()
            until(lambda: not one.show()["live"], "the lease to end")
            until(lambda: "must follow it" in one.show()["why"] or "refused" in one.show()["why"], "why")
            second.start()
            until_equal(lambda: one.has("alice"), 2, "held again", 20)


@contextlib.contextmanager
def watched(*lines):
    """Three servers and three Sentinels."""
    with replicated(3) as servers, stores(*[(Sentinel, f"sentinel{i}", 7410 + i, 7400, 2, *lines) for i in range(3)]) as sentinels:
        for sentinel in sentinels:
            until(lambda: (sentinel.ask("sentinel", "replicas", "front").count("slave-repl-offset"),
                           sentinel.ask("sentinel", "sentinels", "front").count("voted-leader\n")) == (2, 2), "all to be known")
        yield servers, sentinels


PLACES = ", ".join(f"127.0.0.1:{7410 + i}" for i in range(3))


@test
def failover():
    """Sentinels fail over from a killed and from a stopped primary; a Sentinel that is dead is passed over"""
    with watched() as (servers, sentinels):
        with host(f"sentinel://{PLACES}/front") as one, host(f"sentinel://127.0.0.1:7409,{PLACES}/front", "servers=3") as other:
            works(one)
            shares(one, other, "bob")
            equal([each.show()["servers"] for each in (one, other)], [3, 3], "servers")
            servers[0].signal(signal.SIGSTOP)
            until(lambda: all(each.show()["server"] in ("127.0.0.1:7401", "127.0.0.1:7402") and each.show()["live"]
                              for each in (one, other)), "another primary", 30)
            until_equal(lambda: (one.has("alice"), one.has("bob"), other.has("bob")), (2, 1, 2), "what is held", 30)
            servers[0].signal(signal.SIGCONT)
            until(lambda: servers[0].role() == "slave", "the old one to follow", 30)
            now = next(server for server in servers if f":{server.port}" in one.show()["server"])
            until(lambda: now.replicas() == 2, "the replicas", 30)
            sentinels[0].end()
            now.end()
            until(lambda: all(each.show()["server"] != f"127.0.0.1:{now.port}" and each.show()["live"] for each in (one, other)),
                  "the third", 30)
            one.tell("hold bob 0 3")
            other.tell("hold bob 3 3")
            until_equal(lambda: other.has("bob"), 3, "it grants again", 30)


@test
def guarded():
    """Sentinels and servers with TLS and passwords of their own"""
    need_store()
    need("openssl")
    certificate("ca", None)
    certificate("address", "IP:127.0.0.1", "ca")
    tls = {"tls-cert-file": "/run/address.pem", "tls-key-file": "/run/address.key", "tls-ca-cert-file": "/run/ca.pem",
           "tls-auth-clients": "no", "tls-replication": "yes"}
    asked = ["--tls", "--cacert", "/run/ca.pem", "--no-auth-warning"]
    options = [word for key, value in tls.items() for word in ("--" + key, value)]
    lines = [f"{key} {value}" for key, value in tls.items()] + ["port 0", "tls-port 7410", "requirepass watch",
                                                                "sentinel auth-pass front pw"]
    server = Store("store0", 0, "--tls-port", "7400", "--requirepass", "pw", *options, cli=["-p", "7400", "-a", "pw", *asked])
    try:
        sentinel = Sentinel("sentinel0", 7410, 7400, 1, *lines, cli=["-p", "7410", "-a", "watch", *asked])
        try:
            with host("sentinels://:pw@127.0.0.1:7410/front", "tls_ca=/run/ca.pem", "sentinel_password=watch") as one:
                works(one)
                equal(one.show()["server"], "127.0.0.1:7400", "the primary")
            with host("sentinels://:pw@127.0.0.1:7410/front", "tls_ca=/run/ca.pem") as one:
                until(lambda: "NOAUTH" in one.show()["why"], "the Sentinel's password to be missed")
            with host("sentinels://:pw@127.0.0.1:7410/back", "tls_ca=/run/ca.pem", "sentinel_password=watch") as one:
                until(lambda: "no primary of this name" in one.show()["why"], "the name to be missed")
        finally:
            sentinel.end()
    finally:
        server.end()


@test
def flushed():
    """SCRIPT FLUSH is repaired without a new connection; CLIENT KILL of either costs one"""
    with unix_store() as store:
        with host("unix:/run/store.sock") as one, host("unix:/run/store.sock") as other:
            works(one)
            works(other, "bob")
            for _ in range(3):
                store.ask("script", "flush")
                answers = one.show()["answers"]
                until(lambda: one.show()["answers"] > answers + 2, "answers")
            equal((one.show()["found"], one.show()["broken"]), (1, 0), "found and broken")
            equal(one.has("alice"), 2, "held")
            store.ask("client", "kill", "type", "pubsub")
            until(lambda: store.clients("pubsub") == 2, "the calls to be heard again")
            equal(one.show()["broken"], 0, "the main connection")
            shares(one, other, "carol")
            store.ask("client", "kill", "type", "normal")
            until(lambda: one.show()["found"] == 2 and one.show()["live"], "another connection")
            shares(other, one, "dave")


@test
def stopped():
    """a store that is stopped for longer than the patience, and than the lease, is found again when it goes on"""
    with unix_store() as store:
        with host("unix:/run/store.sock", "patience=500", "lease=3000") as one:
            works(one)
            for seconds, lives in (1, True), (4, False):
                broken = one.show()["broken"]
                store.signal(signal.SIGSTOP)
                time.sleep(seconds)
                shown = one.show()
                equal((shown["live"], shown["broken"]), (lives, broken + 1), f"live after {seconds} s, broken")
                equal("for 500 ms" in shown["why"], True, shown["why"])
                store.signal(signal.SIGCONT)
                until(lambda: one.show()["live"] and one.show()["stage"] == "ready", "it to be back")
                until_equal(lambda: one.has("alice"), 2, "held")
            equal(one.show()["failed"] < 20, True, "pauses grow")


main()
