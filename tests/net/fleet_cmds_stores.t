#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""--fleet where there are several stores, or none, and some are away, odd, or one and the same."""
from asking import *


@test
def without():
    """no store and no section are said in one line each"""
    with fleet("without", hosts=(1,)) as (store, hosts):
        store.end()
        code, out, err = hosts[1].command("users", "--fleet")
        equal((code, out, err.count("\n"), err.startswith("headcount: cannot reach the store of the fleet: ")), (1, "", 1, True), f"without a store: {err}")
        store.begin()
        until_equal(lambda: hosts[1].command("users", "--fleet", "-s", "without")[0], 0, "after it came back", 20)
    with open("/run/plain.conf", "w") as file:
        file.write(service("imap", listen=7143))
    equal(headcount("users", "--fleet", "-c", "/run/plain.conf"),
          (2, "", "headcount: /run/plain.conf has no section [fleet]: there are no other hosts to ask\n"), "no section")


PORTS = STORE_PORT, STORE_PORT + 1


def answers_at(store, world):
    names = [f"host{n}" for n in world]
    until_equal(lambda: sorted(store.ask("hkeys", PREFIX + ":hosts").split()), names, "hosts that answer", 20)


@contextlib.contextmanager
def two_stores(*hosts):
    """Two stores and hosts that answer through both of them."""
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(Store(port=port)) for port in PORTS]
        world = {}
        for n in hosts:
            where = [f"valkey://{address(n, 1)}:{port}" for port in PORTS]
            world[n] = Host(n, fleet_config(n, "any", store=where).replace("[fleet]\n", f"[fleet]\nkill = yes\nprefix = {PREFIX}\n"))
            stack.callback(world[n].close)
            stack.enter_context(world[n])
            world[n].server = stack.enter_context(Server("0.0.0.0", 7143, namespace=f"c{n}"))
        for host in world.values():
            host.ready()
        for store in stores:
            answers_at(store, world)
        yield stores, world


@test
def any_store():
    """of several stores the first that answers will do, and all that are away are named"""
    with two_stores(1, 2) as (stores, world):
        held = [until(lambda n=n: attempt(n), "a session", 20) for n in (1, 2)]
        for away in stores:
            away.end()
            code, out, err = world[1].command("users", "--fleet", "-s", "any")
            equal((code, err, rows(out)), (0, "", [["any", USER, "2", "4", "2", "2", "0"]]), "users, without a store")
            away.begin()
            answers_at(away, world)
        stores[0].end()
        code, out, err = world[2].command("kill", "--fleet", "-s", "any", "-u", USER)
        equal((code, [h.active("any") for h in world.values()]), (0, [0, 0]), f"kill: {out} {err}")
        stores[1].end()
        code, out, err = world[1].command("users", "--fleet")
        equal((code, out, [f":{port}: " in line for line, port in zip(err.splitlines(), PORTS)]), (1, "", [True, True]), f"without any: {err}")
        for s in held:
            s.close()


@test
def twin_stores():
    """of one server under two names a host hears each request twice, and runs it once"""
    where = [f"valkey://{there}:{STORE_PORT}" for there in (address(1, 1), USER)]
    config = fleet_config(1, "twin", store=where).replace("[fleet]\n", f"[fleet]\nprefix = {PREFIX}\n")
    with Store() as store, contextlib.closing(Host(1, config)) as host, host:
        until_equal(lambda: store.ask("pubsub", "numsub", PREFIX + ":ask").split()[-1], "2", "who hears", 20)
        until_equal(lambda: store.ask("hkeys", PREFIX + ":hosts"), "host1", "hosts that answer", 20)
        for times in 1, 2:
            code, out, err = host.command("users", "--fleet", "--json", "-s", "twin")
            equal((code, json.loads(out or "[]"), err), (0, [], ""), "users --fleet")
            until(lambda: host.fleet()["asked"]["run"] >= times, "status to count it")
        time.sleep(1)  # the other thread looks at least five times a second
        equal({kind: host.fleet()["asked"][kind] for kind in ("run", "bad", "busy", "refused")}, dict(run=2, bad=0, busy=0, refused=0), "what it was asked")


@test
def odd_store():
    """a store that knows of no host is passed over, as is one that refuses to tell, and that of one name alone"""
    with fleet("odd", hosts=(1,)) as (store, hosts), Store(port=STORE_PORT + 1) as odd:
        where = [f"valkey://{address(1, 1)}:{port}" for port in (STORE_PORT + 1, STORE_PORT)]
        for name, stores in ("two", where), ("one", where[0]):
            with open(f"{hosts[1].folder}/{name}.conf", "w") as file:
                file.write(fleet_config(1, "odd", store=stores).replace("[fleet]\n", f"[fleet]\nprefix = {PREFIX}\n"))

        def users(name, *options):
            code, out, err = hosts[1].command("users", "--fleet", "--json", "-s", "odd", "-c", f"/run/{name}.conf", *options)
            return code, list(by_host(code, out or "[]")), err
        nobody = "headcount: no host%s of the fleet has been there in the last hour\n"
        held = until(lambda: attempt(1), "a session", 20)
        equal(users("two"), (0, ["host1"], ""), "with hosts at the second store")
        odd.ask("hset", PREFIX + ":hosts", "host2", str(int(time.time())), "host3", "1000")
        equal(users("two", "--host", "host1"), (0, ["host1"], ""), "with another host at the first store")
        equal(users("two", "--host", "host4"), (1, [], nobody % " host4"), "of a name that is nowhere")
        odd.ask("del", PREFIX + ":hosts")
        equal(users("one"), (1, [], nobody % ""), "without hosts anywhere")
        odd.ask("set", PREFIX + ":hosts", "x")
        code, found, err = users("two")
        equal((code, found, "refuses HGETALL: WRONGTYPE" in err, err.count("\n")), (0, ["host1"], True, 1), f"of one that refuses: {err}")
        store.end()
        code, found, err = users("two")
        equal((code, found, [f":{STORE_PORT}: " in err, "WRONGTYPE" in err, err.count("\n")]), (1, [], [True, True, 2]), f"without the second: {err}")
        held.close()


def child(parent, name):
    with open(f"/proc/{parent}/task/{parent}/children") as file:
        for pid in map(int, file.read().split()):
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read().strip() == name:
                    return pid
    raise AssertionError(f"no process {name}")


@test
def dead_store():
    """what was under way at a store that died takes no place from what is asked at another"""
    with two_stores(1) as (stores, world):
        wire, runner = Wire(stores[0]), child(world[1].process.pid, "headcount-asked")
        text = json.dumps({"host": "eve", "uid": 0, "command": "users", "arguments": []})
        os.kill(runner, signal.SIGSTOP)
        try:
            for ident in "1" * 32, "2" * 32:  # as many as run at once
                wire.ask("set", f"{PREFIX}:request:{ident}", text, "EX", 60)
                wire.ask("publish", PREFIX + ":ask", ident)
                until_equal(lambda: wire.ask("lrange", f"{PREFIX}:answers:{ident}", 0, -1), [b"host1 a"], "a request that was taken")
            stores[0].end()
        finally:
            os.kill(runner, signal.SIGCONT)
        until_equal(lambda: world[1].command("users", "--fleet", "-s", "any")[::2], (0, ""), "through the other store", 10)


main()
