#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""--fleet: users, sessions, why and kill are asked of all hosts through the store, and answers may be anybody's."""
import shlex

import screen
from asking import *


@test
def listings():
    """users adds up what hosts have, sessions lists what each has, why lets each tell; --host asks one"""
    with fleet("list") as (store, hosts):
        held = [attempt(1), attempt(1), attempt(2), attempt(2, source=OTHER)]
        equal([s is not None for s in held], [True] * 4, "sessions")
        code, out, err = hosts[1].command("users", "--fleet", "-s", "list")
        equal((code, err), (0, ""), "users --fleet")
        equal(rows(out), [["list", USER, "3", "4", "2", "3", "0"], ["list", OTHER, "1", "4", "1", "1", "0"]], "users of two hosts")
        found = by_host(*hosts[2].command("users", "--fleet", "--json", "--service=list"))
        for n in hosts:
            equal(found[f"host{n}"], [row for row in hosts[n].json("users", "-s", "list")], f"users of host {n}")
        found = by_host(*hosts[2].command("sessions", "--fleet", "--json", "-s", "list", "-u", USER))
        for n in hosts:
            equal(sorted(row["id"] for row in found[f"host{n}"]), sorted(row["id"] for row in hosts[n].json("sessions", "-s", "list", "-u", USER)),
                  f"sessions of host {n}")
        code, out, err = hosts[1].command("sessions", "--fleet", "-s", "list", "--remote", OTHER)
        equal((code, err, out.split()[:3]), (0, "", ["HOST", "ID", "SERVICE"]), "the table")
        local = rows(hosts[2].command("sessions", "-s", "list", "--remote", OTHER)[1])
        ages = lambda row: [cell for cell in row if not re.fullmatch(r"\d+s", cell)]
        equal([ages(row) for row in rows(out)], [ages(["host2", *row]) for row in local], "a row, as the host itself prints it")
        code, out, err = hosts[1].command("why", "--fleet", "list", USER)
        equal((code, err), (0, ""), "why --fleet")
        equal([line for line in out.splitlines() if re.fullmatch(r"host\d:", line)], ["host1:", "host2:"], "who tells")
        for n in hosts:
            equal(hosts[n].command("why", "list", USER)[1].splitlines()[0] in out, True, f"what host {n} tells is in {out}")
        equal(sorted(by_host(*hosts[1].command("why", "--fleet", "--json", "list", USER))), ["host1", "host2"], "why --json")
        equal(list(by_host(*hosts[1].command("users", "--fleet", "--json", "-s", "list", "--host", "host2"))), ["host2"], "--host")
        code, out, err = hosts[1].command("users", "--fleet", "-s", "none")
        equal((code, err), (1, "".join(f"headcount: host{n}: no service none is in force\n" for n in hosts)), "what hosts say is wrong")
        keys = [key for key in store.ask("keys", "*").split() if not key.startswith(PREFIX + ":")]
        equal((keys, store.ask("keys", "*:request:*"), store.ask("keys", "*:answers:*")), ([], "", ""), "what is left in the store")
        for s in held:
            s.close()


@test
def kills():
    """kill closes on all hosts, tells of each, and each host's event says who asked; not where kill = no"""
    with fleet("kills", kill=("yes", "no")) as (store, hosts):
        held = [attempt(1), attempt(1), attempt(2)]
        code, out, err = hosts[2].command("kill", "--fleet", "-s", "kills", "-u", USER, "--dry-run")
        equal((code, len(rows(out))), (1, 2), "sessions in a dry run, where that is allowed")
        equal(err, "headcount: host2: no session of this host may be closed from elsewhere: kill = no in its [fleet]\n", "what host 2 says")
        equal([host.active("kills") for host in hosts.values()], [2, 1], "sessions after a dry run")
        code, out, err = hosts[2].command("kill", "--fleet", "-s", "kills", "-u", USER, "--json")
        result, = json.loads(out)
        equal((code, result["host.name"], result["matched"], result["closed"], len(result["sessions"])), (1, "host1", 2, 2, 2), "what was closed")
        until_equal(lambda: [host.active("kills") for host in hosts.values()], [0, 1], "sessions that are left", 10)
        event = hosts[1].wait_event(event__action="session-killed")
        equal((event["headcount.killed_by.host"], event["headcount.killed_by.id"], event["host.name"]), ("host2", "0", "host1"), "who asked")
        equal("headcount.killed_by.name" in event, False, "a uid of elsewhere has a name here")
        hosts[1].wait_said("fleet: host2, uid 0, has this done: kill --service=kills --user=" + USER)
        hosts[2].wait_said("fleet: host2, uid 0, may not have this done, as kill = no: kill ")
        more = attempt(1)
        os.kill(hosts[1].process.pid, signal.SIGSTOP)
        late = hosts[2].command("kill", "--fleet", "--host", "host1", "-s", "kills", "-u", USER)
        os.kill(hosts[1].process.pid, signal.SIGCONT)
        equal(late, (1, "", "headcount: 1 of 1 hosts has not answered: host1\n"), "kill while the host is stopped")
        hosts[1].ready()
        equal(by_host(*hosts[2].command("users", "--fleet", "--host", "host1", "-s", "kills", "--json"))["host1"][0]["active"], 1,
              "sessions once it goes on: nobody waits for that any more")
        code, out, err = hosts[1].command("kill", "--fleet", "--host", "host1", "-s", "kills", "-q")
        equal((code, out, err), (0, "host1: closed 1 session\n", ""), "kill --quiet of one host")
        for args, says in [(("kill", "--fleet", "-y"), "kill: give a condition (see headcount kill --help)"),
                           (("kill", "--fleet", "--id", "7"), "kill: an --id is of one host: give its --host"),
                           (("users", "--host", "host1"), "users: --host goes with --fleet"),
                           (("sessions", "-c", "/run/headcount.conf"), "sessions: --config goes with --fleet"),
                           (("users", "--fleet", "--host", "a b"), "users: --host a b: a host's name is 1 to 64 of A-Z a-z 0-9 _ . -"),
                           (("sessions", "--fleet", "--idle", "x"), "sessions: --idle x: a duration is like 90, 90s, 15m, 2h or 3d"),
                           (("sessions", "--fleet", "-u", "a\x1bb"), "sessions: control characters cannot be asked of a fleet"),
                           (("users", "--fleet", "-c", "/run/none"), "/run/none: No such file or directory")]:
            equal(hosts[1].command(*args), (2, "", f"headcount: {says}\n"), " ".join(args))
        for s in [*held, more]:
            s.close()


HOSTILE = b'[{"service":"\\u001b[2J","user":"a\\u0085\\u202e\xff","active":3,"cap":null,"opened":1,"refused":18446744073709551615}]'


@test
def hostile():
    """what others write is bounded and escaped: control bytes, wrong JSON, too much, nothing at all, names that are none"""
    with fleet("hostile", hosts=(1,)) as (store, hosts):
        def users(*options):
            return hosts[1].command("users", "--fleet", "-s", "hostile", *options)

        with Impostor(store, "eve", *whole(HOSTILE)):
            code, out, err = users()
            equal((code, err), (0, ""), "a host with odd users")
            equal(re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out), None, f"control characters in {out!r}")
            equal(rows(out)[0][2:], ["3", "-", "1", "1", "18446744073709551615"], "its numbers")
            code, out, err = users("--json")
            row, = by_host(code, out)["eve"]
            equal((row["user"], r"\u0085" in out), ("a\x85\u202e\ufffd", True), "its user in JSON")
        wrong = "its answer is not what that command prints"
        for bad, says in [(whole(b"[{"), wrong), (whole(b"[]x"), wrong), (whole(b"{}"), wrong), (whole(b"[" * 5000), wrong), (whole(b""), wrong),
                          ([(b"a", None), (b"z", b"77")], "its answer is too long, or none"),
                          ([(b"?", b"")], "its answer is too long, or none"),
                          ([(b"e", b"\x1b[31mheadcount: no\n"), (b"z", b"1")], r"\x1b[31mheadcount: no"),
                          ([(b"a", None)] + [(b"o", bytes(120000))] * 40 + [(b"z", b"0")], "its answer is too long, or none")]:
            with Impostor(store, "eve", *bad):
                code, out, err = users()
                equal((code, err), (1, f"headcount: eve: {says}\n"), f"what {bad[-2:]!r} becomes"[:100])
                equal(len(rows(out)), len(rows(hosts[1].command("users", "-s", "hostile")[1])), "the other host's users")
        store.ask("hset", PREFIX + ":hosts", "bad name", str(int(time.time())), "old", "1000", "\x1b[1m", "1", "ghost", str(int(time.time())))
        code, out, err = users()
        equal((code, err), (1, "headcount: 1 of 2 hosts has not answered: ghost\n"), "a host that never answers")
        equal(store.ask("hexists", PREFIX + ":hosts", "old"), "0", "one that was there long ago")
        store.ask("hdel", PREFIX + ":hosts", "ghost")
        with Impostor(store, "late", (b"a", None)):
            began = time.monotonic()
            code, out, err = hosts[1].command("kill", "--fleet", "-s", "hostile")
            equal((code, err), (1, "headcount: late: it has begun, and has not told what came of it\n"), "one that has begun")
            equal(time.monotonic() - began > 15, True, "it was waited for")
        store.ask("del", PREFIX + ":hosts")
        store.ask("set", PREFIX + ":hosts", "x")
        code, out, err = users()
        equal((code, "the store of the fleet refuses HGETALL: WRONGTYPE" in err), (1, True), f"no hash of hosts: {err}")
        store.ask("del", PREFIX + ":hosts")


@test
def requests():
    """a host runs what is on its list and nothing else, so often and not more, and nothing for who has gone"""
    with fleet("asked", hosts=(1,)) as (store, hosts):
        wire, number = Wire(store), [0]

        def request(**request):
            number[0] += 1
            ident = f"{number[0]:032x}"
            text = json.dumps({"host": "eve", "uid": 0, "command": "users", "arguments": [], **request})
            wire.ask("set", f"{PREFIX}:request:{ident}", text, "EX", 30)
            wire.ask("publish", PREFIX + ":ask", ident)
            return ident

        def answer(ident, seconds=10):
            said = {b"a": b"", b"o": b"", b"e": b""}
            while True:
                popped = wire.ask("blpop", f"{PREFIX}:answers:{ident}", int(seconds * SLOW))
                if not popped:
                    return None
                host, kind, *data = popped[1].split(b" ", 2)
                equal(host, b"host1", "who answers")
                if kind == b"z":
                    return int(data[0]), said[b"o"].decode(), said[b"e"].decode()
                said[kind] += data[0] if data else b""

        code, out, err = answer(request(arguments=["--json"]))
        equal((code, err, isinstance(json.loads(out), list)), (0, "", True), "a request")
        for bad in [dict(command="run"), dict(command="detach"), dict(arguments=["--config=/etc/passwd"]), dict(arguments=["-c", "/etc/passwd"]),
                    dict(arguments=["-s", "asked"]), dict(arguments=["asked"]), dict(arguments=["--service=a\nb"]), dict(arguments=["--json\0"]),
                    dict(arguments=["--js"]), dict(arguments=["--fleet"]), dict(arguments="--json"), dict(arguments=[["--json"]]), dict(host="e ve"), dict(host=""),
                    dict(host="e" * 65), dict(uid=-1), dict(uid="0"), dict(uid=2 ** 32), dict(arguments=["--json"] * 300),
                    dict(command="why", arguments=["--", "a", "b", "c"]), dict(command="kill", arguments=["--events=x"])]:
            time.sleep(0.11)
            equal(answer(request(**bad)), (1, "", "it does not know such a request\n"), f"{bad}"[:80])
        equal(answer(request(command="kill", arguments=["--json", "--host=x"]))[0], 1, "an option of who asks")
        # Whoever has gone has taken the request away.
        wire.ask("publish", PREFIX + ":ask", "f" * 32)
        # A flood: a few are run, some are told that it is busy, and for most of them nothing is done.
        time.sleep(1.2)
        flood = [request(arguments=["--json"]) for _ in range(300)]
        first = answer(flood[0])
        equal(first[0], 0, "the first of a flood")
        taken = sum(wire.ask("exists", f"{PREFIX}:answers:{ident}") for ident in flood)
        equal(taken < 60, True, f"requests of a flood that were taken: {taken}")
        hosts[1].wait_said("fleet: others ask more often than 10 times a second")
        time.sleep(1.2)
        equal(hosts[1].command("users", "--fleet", "-s", "asked")[0], 0, "after the flood")
        until(lambda: hosts[1].fleet()["asked"]["run"] >= 4, "status to count it")
        asked = hosts[1].fleet()["asked"]
        equal((asked["bad"], asked["refused"], asked["busy"] > 200), (22, 0, True), f"what status counts, of {asked}")
        equal(f'headcount_fleet_asked_total{{result="bad"}} {asked["bad"]}\n' in hosts[1].command("metrics")[1], True, "what the metrics count")
        wire.ask("publish", PREFIX + ":ask", "x" * 100000)
        wire.ask("client", "kill", "type", "pubsub")
        until_equal(lambda: hosts[1].command("users", "--fleet", "-s", "asked")[0], 0, "after its connection broke", 20)
        equal(answer("f" * 32, 1), None, "an answer to nobody")


class FleetScreen(screen.Screen):
    """`headcount top --fleet` at a host."""

    def __init__(self, host, *options):
        words = ["env", "LC_ALL=C.UTF-8", "TERM=screen-256color", "nsenter", "-t", str(host.keeper.pid), "-m", "-n", PROGRAM, "top", "--fleet", *options]
        script = f"stty -g >/run/before; {shlex.join(words)}; echo exit $?; stty -g >/run/after; sleep 1000"
        screen.tmux("new-session", "-d", "-s", "top", "-x", "90", "-y", "24", "sh", "-c", script)

    def rows(self):
        return [cells for line in self.lines() if (cells := line.split())[:1] == ["top"]]


@test
def tops():
    """top --fleet shows the users of all hosts as they change, whatever they are called, and who has not answered"""
    need("tmux")
    with fleet("top") as (store, hosts):
        held = [attempt(1), attempt(2), attempt(2, source=OTHER)]
        watched = FleetScreen(hosts[1], "-s", "top")
        try:
            until_equal(watched.rows, [["top", USER, "2", "4", "2", "2", "0"], ["top", OTHER, "1", "4", "1", "1", "0"]], "users on the screen")
            watched.wait(r"^fleet: 2 hosts, 0 without an answer; service top; data of 0s ago")
            held.append(attempt(1))
            until_equal(lambda: watched.rows()[0][2:5], ["3", "4", "2"], "one more session")
            odd = b'[{"service":"top","user":"\\u001b[2J\\u202e","active":99,"cap":null,"opened":1,"refused":0}]'
            with Impostor(store, "eve", *whole(odd)):
                until_equal(lambda: watched.rows()[0], ["top", r"\x1b[2J\xe2\x80\xae", "99", "-", "1", "1", "0"], "an odd user")
            store.ask("hset", PREFIX + ":hosts", "ghost", str(int(time.time())))
            watched.wait(r"^1 of 3 hosts has not answered: ghost")
            watched.keys("s")
            watched.wait(r"sessions, \d users, by refused")
            store.end()
            watched.wait(r"^cannot reach the store of the fleet: ")
            equal(len(watched.rows()) >= 2, True, "the rows that were there")
            watched.keys("q")
            watched.ended(0)
        finally:
            screen.tmux("kill-server")
        for s in held:
            s.close()


main()
