#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""What run and trace may still do once they are attached, and that it is enough for all that they do then."""
from clients import *

client_host(1)
client_host(2)
PORT, PINS = 7143, "/sys/fs/bpf/headcount"
BITS = {"dac_override": 1, "net_admin": 12, "sys_ptrace": 19, "sys_admin": 21, "perfmon": 38, "bpf": 39}
KEPT = {"bpf", "net_admin", "perfmon"}
HINT = "(run has given up what this takes: restart it)"


def imap(cap, *namespaces, **settings):
    where = section("headcount", netns=", ".join(namespaces)) if namespaces else ""
    return where + service("imap", **{"listen": PORT, "user": "client/32/64", "cap": cap, **settings})


def kept(pid):
    """Sets of capabilities in /proc/PID/status, and what an exec may add."""
    with open(f"/proc/{pid}/status") as file:
        rows = dict(line.split(":", 1) for line in file)
    return {name: int(rows[name], 16) for name in rows if name.startswith("Cap")} | \
        {"NoNewPrivs": int(rows["NoNewPrivs"])}


def equal_kept(pid, names, bounds=None):
    bits = sum(1 << BITS[name] for name in names)
    equal(kept(pid), dict(CapInh=0, CapPrm=bits, CapEff=bits, CapBnd=bits if bounds is None else bounds,
                          CapAmb=0, NoNewPrivs=1), f"capabilities of {pid}")


def outcomes(n, server, count=5):
    """Of clients from here to the server in cN, all gone afterwards."""
    with Clients(address(n, 2), PORT, 1, count) as clients:
        result = clients.go()
    server.hang_up()
    until_equal(our_sessions, [], "sessions")
    return result


@test
def reloads():
    """after a reload the new caps hold, in a new namespace too; refusals that were held back are told"""
    with Headcount(imap(3, "c1")) as hc, Server("0.0.0.0", PORT, "c1") as one, Server("0.0.0.0", PORT, "c2") as two:
        equal_kept(hc.process.pid, KEPT)
        equal([outcomes(1, one), outcomes(2, two)], [{"ok": 3, "ECONNREFUSED": 2}, {"ok": 5}], "outcomes before")
        hc.reload(imap(2, "c1", "c2"))
        equal([outcomes(1, one), outcomes(2, two, 40)],
              [{"ok": 2, "ECONNREFUSED": 3}, {"ok": 2, "ECONNREFUSED": 38}], "outcomes after")
        # Of the many only the first have lines of their own; the walk over the users tells the rest.
        until_equal(lambda: sum(1 + e["headcount.suppressed"] for e in list(hc.events)
                                if e["event.action"] == "session-refused" and NET in e["headcount.user"]),
                    2 + 3 + 38, "refusals told")
        hc.reload(imap(1, "c2"))
        equal_kept(hc.process.pid, KEPT)
        equal(headcount("audit")[0], 0, "exit code of audit")
    equal((os.path.exists("/run/headcount.lock"), os.path.exists(PINS)), (False, False), "lock and pins")


def helper_of(hc):
    """The process that enters namespaces."""
    return int(re.search(r"\d+", hc.wait_said("started the process"))[0])


def is_there(pid):
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return False


@test
def helper():
    """the process that enters namespaces is there with or without netns, has nothing else, and outlives no run"""
    for start in (), ("c1",):
        with Headcount(imap(3, *start), "-v") as hc:
            pid = helper_of(hc)
            equal_kept(pid, {"net_admin", "sys_admin"})
            with open(f"/proc/{pid}/comm") as file:
                equal(file.read(), "headcount-netns\n", "name")
            files = sorted(os.readlink(f"/proc/{pid}/fd/{fd}").partition(":")[0] for fd in os.listdir(f"/proc/{pid}/fd"))
            equal(files, ["/dev/null"] * 3 + ["net", "socket"], "open files")
            home = os.readlink(f"/proc/{pid}/ns/net")
            os.kill(pid, signal.SIGTERM)  # as a service manager stops all of a unit: it ends with run, not before
            hc.reload(imap(2, "c1", "c2"))
            equal(os.readlink(f"/proc/{pid}/ns/net"), home, "namespace that it is in after it was asked")
            hc.end(signal.SIGKILL)
            until(lambda: not is_there(pid), "it to end")


@test
def no_helper():
    """if that process is stopped or gone, a reload that needs it is refused as a whole and says why; others work; it goes on when it does"""
    for stop, what, why in ((signal.SIGSTOP, r"does not answer \(is it stopped\?\)", os.strerror(errno.EAGAIN)),
                            (signal.SIGKILL, r"has ended \(restart run\)", f"({os.strerror(errno.ECONNRESET)}|{os.strerror(errno.EPIPE)})")):
        with Headcount(imap(3), "-v") as hc, Server("0.0.0.0", PORT, "c1") as there:
            os.kill(helper_of(hc), stop)
            before = ask("policy"), sorted(os.listdir(f"/proc/{hc.process.pid}/fd"))
            for _ in range(2):
                hc.reload(imap(2, "c1"), says=f"headcount: netns c1: the process headcount-netns, which would enter it, {what}: {why}")
                code, _, said = headcount("reload")
                equal((code, "headcount-netns" in said), (1, True), f"reload: {said}")
            equal((ask("policy"), sorted(os.listdir(f"/proc/{hc.process.pid}/fd"))), before, "policy and open files")
            equal(outcomes(1, there), {"ok": 5}, "outcomes")
            until(lambda: ask("status")["losses"]["netns-unreached"] >= 4, "status to tell of each question")
            hc.reload(imap(2))
            if stop == signal.SIGSTOP:
                os.kill(helper_of(hc), signal.SIGCONT)

                def answers():
                    hc.configure(imap(2, "c1"))
                    return headcount("reload")[0] == 0
                until(answers, "it to be asked again")
                equal(outcomes(1, there), {"ok": 2, "ECONNREFUSED": 3}, "outcomes then")


@test
def threads():
    """the threads of the journal and of the metrics keep no more than the first one"""
    os.makedirs("/run/systemd/journal", exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind("/run/systemd/journal/socket")
        extra = section("headcount", events="stdout, journal", metrics="unix:/run/metrics.sock")
        with Headcount(extra + imap(3)) as hc:
            tasks = os.listdir(f"/proc/{hc.process.pid}/task")
            equal(len(tasks) >= 3, True, f"threads: {tasks}")
            for task in tasks:
                got = kept(f"{hc.process.pid}/task/{task}")
                bits = sum(1 << BITS[name] for name in KEPT)
                equal((got["NoNewPrivs"], got["CapPrm"] & ~bits, got["CapBnd"] & ~bits), (1, 0, 0),
                      f"thread {task} of {hc.process.pid}: NoNewPrivs, and what it has too much")
    os.unlink("/run/systemd/journal/socket")


@test
def cgroup_names():
    """events name a cgroup by its path, as `users` does, though its id may not be opened any more"""
    with cgroup("headcount-names") as (_, path), Headcount(imap(3, user="cgroup")) as hc, \
            Server("0.0.0.0", PORT, cgroup=path) as server, plain_connect(address(1), PORT):
        event = hc.wait_event(event__action="session-opened", rule__name="imap")
        equal(event["headcount.user"].endswith("-headcount-names"), True, f"user {event['headcount.user']}")
        equal([event["headcount.user"]], [row["user"] for row in ask("users", "--service", "imap")], "users")
        server.hang_up()


@test
def adopted():
    """pinned gates are adopted, added and removed; the pins stay when run ends"""
    for _ in range(2):
        with Headcount(imap(3, "c1"), "--pin") as hc:
            equal_kept(hc.process.pid, KEPT)
            hc.reload(imap(3, "c1", "c2"))
        equal(sum(name.startswith("link_") for name in os.listdir(PINS)), 5 + 2, "links")
    with Headcount(imap(3, "c1"), "--pin") as hc:
        hc.wait_said("adopted")
        hc.reload(imap(3, "c2"))
        equal(sum(name.startswith("link_netns") for name in os.listdir(PINS)), 1, "gates")
    equal(headcount("detach")[0], 0, "exit code of detach")


@test
def mounts():
    """bpffs that run mounts is unmounted at the end, for which it keeps what mount needs"""
    run("umount", "/sys/fs/bpf")
    try:
        with Headcount(imap(3)) as hc:
            equal_kept(hc.process.pid, KEPT | {"sys_admin"})
            equal(os.path.ismount("/sys/fs/bpf"), True, "mounted")
        equal(os.path.ismount("/sys/fs/bpf"), False, "mounted")
    finally:
        run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")


@test
def by_process():
    """a namespace that is named by its process can be opened again by a reload; a first one needs a restart"""
    with Child(lambda channel: channel.recv(1), namespace="c1") as child, Server("0.0.0.0", PORT, "c1") as server:
        path = f"/proc/{child.pid}/ns/net"
        with Headcount(imap(3, path)) as hc:
            equal_kept(hc.process.pid, KEPT | {"sys_ptrace"})
            hc.reload(imap(2, path))
            equal(outcomes(1, server), {"ok": 2, "ECONNREFUSED": 3}, "outcomes")
        with Headcount(imap(3, "c1")) as hc:
            hc.reload(imap(2, path), says=re.escape(f"headcount: netns {path}: cannot open {path} {HINT}: Permission denied"))
            equal(outcomes(1, server), {"ok": 3, "ECONNREFUSED": 2}, "outcomes")


@test
def given_up():
    """a reload that takes what run has given up says that a restart would do, and changes nothing"""
    with Headcount(imap(3, "c1")) as hc, Server("0.0.0.0", PORT, "c1") as server:
        for settings, says in ((dict(metrics="127.0.0.1:80"), f"cannot listen on 127.0.0.1:80 for metrics {HINT}: Permission denied"),
                               (dict(events="unix:/run/group.sock", events_group="12345"),
                                f"cannot give /run/group.sock to group 12345 {HINT}: Operation not permitted")):
            hc.reload(section("headcount", **settings) + imap(1), says=re.escape(f"headcount: {says}"))
            equal(outcomes(1, server), {"ok": 3, "ECONNREFUSED": 2}, "outcomes")
        equal(os.path.exists("/run/group.sock"), False, "a socket of the reload")


@test
def bounded():
    """started with no more than it says it needs, it runs, reloads and ends the same"""
    names = KEPT | {"sys_admin"}
    bounds = sum(1 << BITS[name] for name in names)
    with open("/run/bounded.conf", "w") as file:
        file.write(imap(3))
    process = start("setpriv", "--bounding-set", "-all" + "".join(f",+{name}" for name in names),
                    PROGRAM, "run", "-c", "/run/bounded.conf", stdout=subprocess.DEVNULL)
    equal(process.stderr.readline().partition(b";")[0], b"headcount: ready", "what it said")
    equal_kept(process.pid, KEPT, bounds)
    with open("/run/bounded.conf", "w") as file:
        file.write(imap(3, "c1"))
    process.send_signal(signal.SIGHUP)
    equal(process.stderr.readline(), b"headcount: reloaded /run/bounded.conf\n", "what it said")
    process.terminate()
    equal((process.wait(30), process.stderr.read()), (0, b""), "exit code and what it said")
    equal((os.path.exists("/run/headcount.lock"), os.path.exists(PINS)), (False, False), "lock and pins")


@test
def trace():
    """trace loads nothing any more, shows sessions and ends"""
    process = start(PROGRAM, "trace", "--json", stdout=open("/run/trace.json", "wb"))
    until(lambda: not kept(process.pid)["CapEff"] & 1 << BITS["sys_admin"], "trace to drop its privileges")
    equal_kept(process.pid, {"bpf"})
    with Server("0.0.0.0", PORT, "c1"), Clients(address(1, 2), PORT, 1, 5) as clients:
        equal(clients.go(), {"ok": 5}, "outcomes")
        with open("/run/trace.json") as lines:
            until(lambda: address(1, 2) in lines.read(), "the sessions in trace")
    process.terminate()
    equal((process.wait(30), process.stderr.read()), (0, b""), "exit code and what it said")


main()
