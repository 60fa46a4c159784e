#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that refuse something: each feature that `status` lists is refused in turn (tests/net/refuse.c), for every
command. What comes of it is what the table says: one line, and nothing left behind; or it goes on, and says what is lost."""
import pty

from clients import *

client_host(1)
PORT, PINS, FILE = 7143, "/sys/fs/bpf/headcount", "/run/refuse"
PRELOAD = os.path.join(BUILD, "tests/net/refuse.so")
EPERM, EINVAL, E2BIG = errno.EPERM, errno.EINVAL, errno.E2BIG
CONFIG = service("pop", listen=PORT + 1, user="label") + service("imap", listen=PORT, user="client/32/64", cap=3, orphans="ignore")


def kernel_types():
    """Numbers of types and functions in the kernel's BTF."""
    found = {}
    for line in run("bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux").splitlines():
        if match := re.match(r"\[(\d+)\] (FUNC 'bpf_iter_(?:tcp|task_file|bpf_prog)'|FUNC 'bpf_rdonly_cast'|TYPEDEF 'btf_trace_(?:inet_sock_set_state|tcp_destroy_sock|tcp_retransmit_synack)')", line):
            found[match[2].split("'")[1]] = match[1]
    return found


TYPES = kernel_types()
PROGRAMS = {  # linux/bpf.h: enum bpf_prog_type, enum bpf_attach_type
    "socket": "type=1",
    "tp_btf/inet_sock_set_state": f"type=26 btf={TYPES['btf_trace_inet_sock_set_state']}",
    "tp_btf/tcp_destroy_sock": f"type=26 btf={TYPES['btf_trace_tcp_destroy_sock']}",
    "iter/bpf_prog": f"type=26 btf={TYPES['bpf_iter_bpf_prog']}",
    "sockops": "type=13",
    "cgroup/connect4": "type=18 attach=10",
    "cgroup/connect6": "type=18 attach=11",
    "cgroup/sock_release": "type=9 attach=34",
    "tp_btf/tcp_retransmit_synack": f"type=26 btf={TYPES['btf_trace_tcp_retransmit_synack']}",
    "sk_lookup": "type=30",
    "cgroup/setsockopt": "type=25 attach=22",
    "cgroup/getsockopt": "type=25 attach=21",
    "iter/tcp": f"type=26 btf={TYPES['bpf_iter_tcp']}",
    "iter/task_file": f"type=26 btf={TYPES['bpf_iter_task_file']}",
    "cgroup_skb/ingress": "type=8",
}
WEAK = {  # what a kernel without the helper refuses is what tries it: the verifier does not come to the other calls
    "bpf_skc_to_mptcp_sock": "helper=196 tries=1", "bpf_set_retval": "helper=187 tries=1", "bpf_get_retval": "helper=186 tries=1",
    "bpf_rdonly_cast": f"kfunc={TYPES.get('bpf_rdonly_cast', 0)}",
}
OTHERS = {
    "atomic exchange": "atomics=1", "SOCK_DESTROY": "destroy=1",
    "map ARRAY": "map=2", "map PERCPU_ARRAY": "map=6", "map HASH": "map=1", "map LPM_TRIE": "map=11", "map LRU_HASH": "map=9", "map SOCKHASH": "map=18", "map SK_STORAGE": "map=24", "map ARRAY_OF_MAPS": "map=12", "map RINGBUF": "map=27",
    "bpf_map_lookup_elem": "helper=1", "bpf_map_update_elem": "helper=2", "bpf_map_delete_elem": "helper=3",
    "bpf_ktime_get_ns": "helper=5", "bpf_ktime_get_boot_ns": "helper=125", "bpf_get_smp_processor_id": "helper=8",
    "bpf_get_socket_cookie": "helper=46", "bpf_sk_storage_get": "helper=107", "bpf_setsockopt": "helper=49",
    "bpf_sock_ops_cb_flags_set": "helper=59", "bpf_spin_lock": "helper=93", "bpf_spin_unlock": "helper=94",
    "bpf_jiffies64": "helper=118", "bpf_get_netns_cookie": "helper=122", "bpf_seq_write": "helper=127", "bpf_ringbuf_reserve": "helper=131",
    "bpf_ringbuf_submit": "helper=132", "bpf_skc_to_tcp_sock": "helper=137", "bpf_skc_to_tcp_request_sock": "helper=139", "bpf_get_current_task_btf": "helper=158",
    "bpf_sock_from_file": "helper=162", "bpf_sock_hash_update": "helper=70", "bpf_sk_release": "helper=86", "bpf_sk_assign": "helper=124",
}
WAYS = {**PROGRAMS, **WEAK, **OTHERS}
# Refused otherwise: by mounts (below), and by the kernels of tests/kernels.
ELSEWHERE = {"BTF", "cgroup v2", "bpffs", "TCP_BPF_SOCK_OPS_CB_FLAGS"}


def refusing(name, number):
    return {**os.environ, "LD_PRELOAD": PRELOAD, "REFUSE": f"{WAYS[name]} errno={number}"}


def rows(**options):
    """What status says of each feature, while nothing runs."""
    code, out, err = headcount("status", "--json", **options)
    equal((code, err), (1, ""), "status")
    return {row["feature"]: row for row in json.loads(out)["features"]}


TABLE = rows()


def errnos(name):
    """Every errno of a program; of the others, which are as many and go the same way, one each."""
    numbers = EPERM, EINVAL, E2BIG
    return numbers if name in PROGRAMS else numbers[list(WAYS).index(name) % 3:][:1]


def cases():
    return [(name, number) for name in WAYS for number in errnos(name)]


def left():
    """What of headcount's is in the kernel or in bpffs, of whichever run."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(os.listdir("/sys/fs/bpf"))


def fails(name, command, **options):
    """One line that names the feature in words, exit 1, nothing on stdout. The line."""
    code, out, err = headcount(*command, **options)
    what = f"{name}: {command[0]}"
    equal((code, out), (1, ""), f"{what}, which said {err!r}")
    # Where it is not what is lacking by itself, the program that the kernel refuses is named.
    equal(bool(re.fullmatch(r"headcount: (this machine lacks|the kernel refuses) [^\n]*needed for [^\n]*\n", err)), True, f"{what}: {err!r}")
    equal("libbpf" in err.replace("libbpf to probe", ""), False, f"{what}: libbpf in {err!r}")
    return err


def works(name, command, ready, notices, **options):
    """It starts, says what it does without, and nothing else; and ends."""
    def read(path):
        with open(path) as file:
            return file.read()
    with open("/run/out", "w") as out, open("/run/err", "w") as err:
        process = start(PROGRAM, *command, stdout=out, stderr=err, **options)
    until(lambda: ready in read("/run/out") + read("/run/err") or process.poll(), f"{name}: {command[0]} to start")
    process.terminate()
    equal(process.wait(30 * SLOW), 0, f"{name}: {command[0]}: exit code, said {read('/run/err')}")
    heard = [line for line in read("/run/err").splitlines(True) if ready not in line and "watching TCP" not in line]
    equal(heard, [f"headcount: without {n}: {TABLE[n]['without'].rpartition('trace: ')[2]}\n" for n in notices], f"{name}: {command[0]}: notices")


# Notices of those who use a feature, and go on without it.
NOTICES = {"trace": ["iter/bpf_prog", "bpf_skc_to_mptcp_sock", "bpf_rdonly_cast", "iter/tcp", "iter/task_file", "bpf_seq_write",
                     "bpf_sock_from_file", "cgroup_skb/ingress"],
           "run": ["iter/bpf_prog", "bpf_skc_to_mptcp_sock", "bpf_rdonly_cast", "bpf_set_retval", "bpf_get_retval", "iter/task_file", "bpf_sock_from_file"]}


def stops(name, command):
    """As the table says."""
    without = TABLE[name]["without"]
    return without.startswith("refused") or command == "run" and without.startswith("run is refused")


def config(text=CONFIG):
    with open("/run/refused.conf", "w") as file:
        file.write(text)
    return "/run/refused.conf"


@test
def holders():
    """without iter/task_file sessions says that nobody knows who has a session, and names the listener"""
    with Headcount(CONFIG), Server("0.0.0.0", PORT), Clients(address(1), PORT, namespace="c1") as clients:
        equal(clients.go(), {"ok": 1}, "outcomes")
        for name in "iter/task_file", "bpf_sock_from_file":
            for number in EPERM, EINVAL:
                code, out, err = headcount("sessions", "--json", "-s", "imap", env=refusing(name, number))
                row, = json.loads(out)
                equal((code, err, [row[key] for key in ("pid", "holder_pid", "holder", "holders")]), (0, "", [os.getpid(), None, None, None]), name)
                line = headcount("sessions", "-s", "imap", env=refusing(name, number))[1].splitlines()[1]
                equal(line.split()[-2], str(os.getpid()), "the table")


@test
def table():
    """each feature of the table is refused by some test, and each that is refused is in the table"""
    equal(sorted(TABLE), sorted({*WAYS, *ELSEWHERE}), "features")
    equal([name for name, row in TABLE.items() if not row["needed_for"] or not row["without"]], [], "rows that do not say what for")
    usual = {name for name, row in TABLE.items() if row["found"]}
    for name, number in cases():
        lacking = usual - {n for n, row in rows(env=refusing(name, number)).items() if row["found"]}
        equal(name in lacking, True, f"{name} refused with {number}: missing are {sorted(lacking)}")


@test
def starts():
    """trace and run --pin: refused, or what is lost is said; and nothing is left attached or pinned"""
    before = left()
    for name, number in cases():
        env = refusing(name, number)
        for command, ready in ((["trace"], "EVENT"), (["run", "--pin", "-c", config()], "headcount: ready")):
            if stops(name, command[0]):
                line = fails(name, command, env=env)
                equal(name in line, True, f"{name} in {line!r}")
                equal(left(), before, f"{name}: what {command[0]} left")
            elif number == errnos(name)[-1]:
                works(name, command, ready, [n for n in NOTICES[command[0]] if n == name], env=env)
                headcount("detach")
        equal(headcount("status", "--json")[1].count('"program"'), 0, f"{name}: programs that are attached")


@test
def directions():
    """run goes on without what only the other direction needs; sock_release is for orphans = ignore"""
    text = section("headcount", directions="inbound") + CONFIG
    for name in "cgroup/connect4", "cgroup/connect6", "bpf_set_retval":
        works(name, ["run", "-c", config(text)], "headcount: ready", [], env=refusing(name, EINVAL))
    for text in text, CONFIG:
        counting = text.replace("orphans = ignore\n", "")
        works("cgroup/sock_release", ["run", "-c", config(counting)], "headcount: ready", [], env=refusing("cgroup/sock_release", EINVAL))
    text = section("headcount", directions="outbound")
    for name in "sk_lookup", "tp_btf/tcp_retransmit_synack":
        works(name, ["run", "-c", config(text)], "headcount: ready", [], env=refusing(name, EINVAL))


@test
def attachments():
    """what loads, but may not be attached, pinned or run: one line that names it, and nothing is left"""
    before = left()
    for words, name in (("link=3", "sockops"), ("link=10", "cgroup/connect4"), ("link=11", "cgroup/connect6"), ("link=34", "cgroup/sock_release"), ("link=22", "cgroup/setsockopt"), ("link=21", "cgroup/getsockopt"),
                        ("link=36", "sk_lookup"), ("link=23", "tp_btf/"), ("command=6", "cannot pin"),
                        ("command=10", "cgroup_skb/ingress"), ("command=18", "map SK_STORAGE")):
        # Of the tracepoint EINVAL says that there are no such links; it can be attached as before there were.
        for number in (EPERM, E2BIG) if words == "link=23" else (EPERM, EINVAL):
            code, out, err = headcount("run", "--pin", "-c", config(), env={**os.environ, "LD_PRELOAD": PRELOAD, "REFUSE": f"{words} errno={number}"})
            equal((code, out, err.count("\n"), name in err), (1, "", 1, True), f"{words} refused with {number}: {err!r}")
            equal(left(), before, f"{words}: what run left")


# What a command on a running headcount does not do without; all do without everything else.
ALWAYS = {"socket"}  # libbpf finds nothing out
# The socket walk can charge, for the start and for audit --repair.
WALK = {"iter/tcp", "map ARRAY", "atomic exchange", "bpf_map_lookup_elem", "bpf_map_update_elem", "bpf_map_delete_elem",
        "bpf_get_socket_cookie", "bpf_seq_write", "bpf_jiffies64", "bpf_skc_to_tcp_sock", "bpf_setsockopt", "bpf_spin_lock", "bpf_spin_unlock", "bpf_ktime_get_ns",
        "bpf_ktime_get_boot_ns", "bpf_get_smp_processor_id"}
RUN = WALK | {"cgroup_skb/ingress"}
COMMANDS = [
    (["users"], set()), (["cap", "imap", "192.0.2.1", "3"], set()), (["metrics"], set()),
    (["sessions", "--json"], WALK), (["audit"], WALK), (["audit", "--repair"], RUN), (["kill", "--id", "1"], RUN),
    (["label", "-"], {"cgroup_skb/ingress"}),
    (["why"], WALK),
]


@test
def commands():
    """commands on a running headcount: done, or one line that names what is lacking"""
    with Headcount(CONFIG):
        for name in WAYS:
            for words, needs in COMMANDS if name in PROGRAMS else COMMANDS[::3]:  # users, sessions, kill
                number = errnos(name)[-1]
                if name in needs | ALWAYS:
                    fails(name, words, stdin=subprocess.DEVNULL, env=refusing(name, number))
                else:
                    code, _, err = headcount(*words, stdin=subprocess.DEVNULL, env=refusing(name, number))
                    equal((code, err), (0, ""), f"{name}: {words}")
            code, out, err = headcount("status", env=refusing(name, errnos(name)[-1]))
            equal((code, err.count("\n"), "kernel features:" in out), (1, 1, True) if name in ALWAYS else (0, 0, True), f"{name}: status: {err!r}")


@test
def tops():
    """top: refused in one line before it takes the screen, or it goes on"""
    with Headcount(CONFIG):
        for name in PROGRAMS:
            ours, theirs = pty.openpty()
            process = start(PROGRAM, "top", stdin=theirs, stdout=theirs, env={**refusing(name, EPERM), "TERM": "xterm"})
            os.close(theirs)
            if name in ALWAYS | {"iter/tcp", "cgroup_skb/ingress"}:
                line = process.stderr.read().decode()
                equal((process.wait(30), line.count("\n"), name in line), (1, 1, True), f"{name}: {line!r}")
            else:
                until(lambda: b"headcount" in os.read(ours, 65536), f"{name}: the screen")
                os.write(ours, b"q")
                with contextlib.suppress(OSError):  # EIO, once it has ended
                    while os.read(ours, 65536):
                        pass
                equal((process.wait(30), process.stderr.read()), (0, b""), name)
            os.close(ours)


@test
def sockets():
    """without SOCK_DESTROY kill closes nothing, and says why"""
    with Headcount(CONFIG), Server("0.0.0.0", PORT) as server, plain_connect(address(1), PORT):
        until(lambda: active("imap", address(1)), "the session")
        code, out, err = headcount("kill", "-s", "imap", env={**os.environ, "LD_PRELOAD": PRELOAD, "REFUSE": f"destroy=1 errno={errno.EOPNOTSUPP}"})
        equal((code, out, "CONFIG_INET_DIAG_DESTROY" in err), (1, "closed 0 sessions\n", True), err)
        equal(active("imap", address(1)), 1, "sessions")
        server.hang_up()


@test
def adopts():
    """run --pin takes over what is pinned, or leaves it as it was"""
    with Headcount(CONFIG, "--pin"):
        pass

    def pins():  # on_state comes where what does without it cannot be had, or for another sockops program
        return left(), sorted({*os.listdir(PINS)} - {"link_on_state"})
    whole = pins()
    for name in WAYS:  # with one errno each: which it is does not matter to what is left
        number, command = errnos(name)[-1], ["run", "--pin", "-c", config()]
        if stops(name, "run"):
            equal(name in fails(name, command, env=refusing(name, number)), True, f"{name} named")
        else:
            process = start(PROGRAM, *command, env=refusing(name, number))
            said = [process.stderr.readline().decode() for _ in range(2 + (name in NOTICES["run"]))]
            equal((any("adopted" in line for line in said), said[-1].partition(";")[0]), (True, "headcount: ready"), f"{name}: {said}")
            process.terminate()
            equal(process.wait(30 * SLOW), 0, "exit code")
        equal(pins(), whole, f"{name}: the pins")
    equal(headcount("detach")[0], 0, "exit code of detach")


@test
def orphans():
    """a reload to orphans = ignore takes sock_release, which a start without does not: refused, it changes nothing"""
    counting = CONFIG.replace("orphans = ignore\n", "")

    def found():
        return "on_release" in {row["program"] for row in ask("status")["attached"]}
    os.environ.update(LD_PRELOAD=PRELOAD, REFUSE_FILE=FILE)
    try:
        with Headcount(counting) as hc:
            del os.environ["LD_PRELOAD"]
            with open(FILE, "w") as file:
                file.write(f"{WAYS['cgroup/sock_release']} errno={EPERM}")
            hc.reload(CONFIG.replace("cap = 3", "cap = 4"), says="headcount: .*cgroup/sock_release")
            hc.wait_said("headcount: not reloaded")
            row, = (row for row in ask("policy")["services"] if row["service"] == "imap")
            equal((row["cap"], found()), (3, False), "cap, and what is attached")
            os.unlink(FILE)
            hc.reload(CONFIG)
            equal(found(), True, "attached afterwards")
    finally:
        os.environ.pop("LD_PRELOAD", None)
        os.environ.pop("REFUSE_FILE", None)


@test
def reloads():
    """after the start nothing is loaded: whatever is refused then, a reload is done; a gate in a new namespace is all or nothing"""
    os.environ.update(LD_PRELOAD=PRELOAD, REFUSE_FILE=FILE)
    try:
        with Headcount(CONFIG) as hc, Server("0.0.0.0", PORT, "c1") as server:
            del os.environ["LD_PRELOAD"]
            for name in [*PROGRAMS, "map ARRAY", "map HASH", "bpf_spin_lock"]:
                number = errnos(name)[-1]
                with open(FILE, "w") as file:
                    file.write(f"{WAYS[name]} errno={number}")
                hc.reload(CONFIG.replace("cap = 3", f"cap = {number}"))
            for words, line in (("type=30", "this machine lacks sk_lookup|the kernel refuses sk_lookup"), ("link=36", "cannot attach sk_lookup")):
                with open(FILE, "w") as file:
                    file.write(f"{words} errno={EPERM}")
                hc.reload(section("headcount", netns="c1") + CONFIG, says=f"headcount: ({line}).*needed for inbound caps")
                hc.wait_said("headcount: not reloaded")
            os.unlink(FILE)
            hc.reload(section("headcount", netns="c1") + CONFIG)
            with Clients(address(1, 2), PORT, 1, 5) as clients:
                equal(clients.go(), {"ok": 3, "ECONNREFUSED": 2}, "outcomes")
            with open(FILE, "w") as file:
                file.write(f"command=5 errno={EPERM}")  # what is told at the end takes no new program
            server.hang_up()
        equal(sum(1 + e["headcount.suppressed"] for e in hc.events if e["event.action"] == "session-refused"), 2, "refusals told")
    finally:
        os.environ.pop("LD_PRELOAD", None)
        del os.environ["REFUSE_FILE"]


@test
def bpffs():
    """a kernel without bpffs: run is refused, trace is not"""
    with open("/proc/filesystems") as kinds, open("/run/kinds", "w") as file:
        file.writelines(line for line in kinds if line != "nodev\tbpf\n")
    inside = ["unshare", "--mount", "sh", "-c", 'mount --bind /run/kinds /proc/filesystems && exec "$@"', "sh"]
    done = subprocess.run([*inside, PROGRAM, "run", "-c", config()], capture_output=True, text=True, timeout=60)
    equal((done.returncode, done.stdout, "lacks bpffs" in done.stderr, done.stderr.count("\n")), (1, "", True, 1), done.stderr)
    process = start(*inside, PROGRAM, "trace", stdout=open("/run/out", "w"))
    until(lambda: os.path.getsize("/run/out"), "the heading")
    process.terminate()
    equal((process.wait(30), said(process)), (0, b""), "trace")


def program_of(pid, name):
    """The instructions of the program that a process has open under this name."""
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{fd}") as info:
            match = re.search(r"^prog_id:\s*(\d+)", info.read(), re.M)
        if match and f"name {name} " in run("bpftool", "prog", "show", "id", match[1]):
            return run("bpftool", "prog", "dump", "xlated", "id", match[1])
    raise AssertionError(f"{pid} has no {name}")


@test
def weak():
    """a helper that is not there is not called by what is loaded; a helper is what reads sockets where they cannot be cast"""
    for lacking, helper, count in (None, "bpf_set_retval", 1), ("bpf_set_retval", "bpf_set_retval", 0), \
            (None, "bpf_skc_to_tcp_sock", 0), ("bpf_rdonly_cast", "bpf_skc_to_tcp_sock", 1):
        refuse = f"{WEAK[lacking]} errno={EINVAL}" if lacking else ""
        process = start(PROGRAM, "run", "-c", config(), env={**os.environ, "LD_PRELOAD": PRELOAD, "REFUSE": refuse})
        for line in process.stderr:
            if line.startswith(b"headcount: ready"):
                break
        code = program_of(process.pid, "on_connect4")
        process.terminate()
        process.wait(30)
        equal(min(code.count(helper), 1), count, f"calls of {helper} without {lacking}")


main()
