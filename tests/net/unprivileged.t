#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A local user without privileges: what he may not do, and what his names cannot do to the administrator."""
from bpf import *
from clients import *

client_host(1)
PORT, PINS = 7143, "/sys/fs/bpf/headcount"
CONFIG = service("imap", listen=PORT, user="cgroup", cap=3) + service("outbound", user="uid", override=f"{UID} 50")
EVIL = [b"\x1b[2J\x1b]0;pwned\x07", b"a\n\"\\\xff\xc3", b"\xc2\x9b31m\x9b0m", b"\r\x08\x7f'`$(id)", b"{\"x\":1}\n{",
        b"\xe2\x80\xaetxt.exe", b"\xe2\x80\xa8x\xf4\x90\x80\x80", b"\xed\xa0\x80\xc0\xaf\xf8"]
EVIL_PATH = os.fsdecode(b"\x1b[2J\x07\xff\"\\\xc2\x9bx\r\t\x7f")


def refused(function, *arguments):
    """The errno that a user without privileges gets; 0 if he gets what he wants."""
    try:
        function(*arguments)
        return 0
    except OSError as error:
        return error.errno


def by_id(command, number):
    os.close(bpf(command, struct.pack("=III", number, 0, 0)))


def by_pin(path):
    name = ctypes.create_string_buffer(path.encode())
    os.close(bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0)))


def ids_of_maps():
    maps = json.loads(run("bpftool", "-j", "map", "show", "pinned", PINS + "/users"))
    progs = [p["id"] for p in json.loads(run("bpftool", "-j", "prog", "show")) if p.get("name") == "on_milestone"]
    return maps["id"], progs[-1]


@test
def maps_are_closed():
    """maps and programs are to be had neither by their pins nor by their ids; nor is the daemon to be stopped"""
    with Headcount(CONFIG, "--pin") as hc:
        map_id, prog_id = ids_of_maps()
        attempts = [(os.listdir, PINS), (os.unlink, PINS + "/link_on_milestone"), (os.open, PINS + "/users", os.O_RDONLY),
                    (os.rename, PINS, PINS + "2"), (by_pin, PINS + "/users"), (by_pin, PINS + "/link_on_milestone"),
                    (by_id, MAP_GET_FD_BY_ID, map_id), (by_id, PROG_GET_FD_BY_ID, prog_id),
                    (os.open, "/run/headcount.lock", os.O_RDONLY), (os.unlink, "/run/headcount.lock"),
                    (os.kill, hc.process.pid, signal.SIGTERM), (os.kill, hc.process.pid, signal.SIGHUP)]
        for function, *arguments in attempts:
            got = as_user(UID, refused, function, *arguments)
            equal(got in (errno.EPERM, errno.EACCES), True, f"{function.__name__} {arguments}: {errno.errorcode.get(got, got)}")
        equal(refused(by_pin, PINS + "/users"), 0, "the same as root")
        equal(refused(by_id, MAP_GET_FD_BY_ID, map_id), 0, "the same as root")
    equal(headcount("detach")[0], 0, "exit code of detach")


@test
def commands_are_closed():
    """every command is refused in one line, and changes nothing"""
    with Headcount(CONFIG) as hc:
        before = ask("users", "--service", "imap"), user("outbound", UID, "cap")
        for words in (["run", "-c", hc.path], ["run", "-c", hc.path, "--pin"], ["trace"], ["users"], ["sessions"],
                      ["cap", "outbound", str(UID), "unlimited"], ["detach"], ["audit", "--repair"], ["status"], ["policy"], ["reload"],
                      ["kill", "--id", "1"], ["label", "--id", "1", "a"], ["label", "-"]):
            code, out, err = headcount(*words, user=UID, group=UID, extra_groups=[])
            equal((code, out, err.count("\n"), err.startswith("headcount: must be run as root (missing: CAP_")),
                  (1, "", 1, True), f"{words}: {err!r}")
        equal((ask("users", "--service", "imap"), user("outbound", UID, "cap")), before, "users after it")
        equal(ask("status")["running"], True, "running")


def clean(data, what, json_is=None):
    """Only text that leaves a terminal as it is; JSON as a "whole" or in "lines" where it is to be."""
    text = data.decode("utf-8")
    bad = re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", text)
    # Text is for a terminal, which must not turn it around either.
    bad += [] if json_is else re.findall("[\u202a-\u202e\u2066-\u2069]", text)
    equal(bad, [], f"bytes that steer a terminal, in {what}")
    for document in {None: [], "whole": [text], "lines": text.splitlines()}[json_is]:
        json.loads(document)


def session_as(channel, name):
    call("prctl", PR_SET_NAME, name)
    with plain_connect(address(1), PORT) as s:
        answer(channel, bool(s.recv(1)))
        channel.recv(1)


def raw(*words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, timeout=60, user=0)
    return done.stdout, done.stderr


@contextlib.contextmanager
def evil_account():
    """The account of UID has a name that no useradd would make."""
    with open("/run/passwd", "wb") as file:
        file.write(b"root:x:0:0:root:/root:/bin/sh\n\x1b[31mev\xffil\xc2\x9b:x:%d:%d::/:/bin/sh\n" % (UID, UID))
    run("mount", "--bind", "/run/passwd", "/etc/passwd")
    try:
        yield
    finally:
        run("umount", "/etc/passwd")


@test
def hostile_names():
    """names of processes, cgroups and accounts: nothing that is printed steers a terminal or breaks JSON"""
    with evil_account(), cgroup(EVIL_PATH) as (_, path), open("/run/run.json", "a+b") as events, \
            open("/run/trace", "a+b") as text, open("/run/trace.json", "a+b") as lines:  # the offset is theirs, too: they append
        with open("/run/next.conf", "w") as file:
            file.write(CONFIG)
        run_it = start(PROGRAM, "run", "-c", "/run/next.conf", stdout=events)
        traces = [start(PROGRAM, "trace", stdout=text), start(PROGRAM, "trace", "--json", stdout=lines)]
        equal(run_it.stderr.readline().partition(b";")[0], b"headcount: ready", "what run said")
        for name in EVIL:
            with Server("0.0.0.0", PORT, uid=UID, cgroup=path, name=name), \
                    Child(session_as, name, namespace="c1", uid=UID) as child:
                child.hear()
                for words in ["users"], ["sessions"]:
                    clean(b"".join(raw(*words)), f"{words} with {name}")
                    clean(raw(*words, "--json")[0], f"{words} --json with {name}", "whole")
            for file in events, text, lines:
                until(lambda: seen(file, name), f"{name} in {file.name}")
        rows = raw("users", "--service", "imap")[0]
        equal(rb"\x1b[2J\x07\xff" in rows and b"headcount-test" in rows, True, f"the cgroup in {rows}")
        equal(rb"\x1b[31mev\xffil\xc2\x9b" in raw("users", "--service", "outbound")[0], True, "the account in users")
        for words in (["users", "--service", "\x1b[2J"], ["cap", "imap", "\x1b[2J\n\x9b", "3"], ["\x1b[2J\n"],
                      ["users", "--\x1b[2J"], ["run", "-c", "/\x1b[2J\n"], ["sessions", "--user", "\x1b[2J"]):
            clean(b"".join(raw(*words)), f"what {words} says")
        for words in ["status"], ["audit"], ["policy"]:
            clean(b"".join(raw(*words)), f"{words}")
            clean(raw(*words, "--json")[0], f"{words} --json", "whole")
        for process in run_it, *traces:
            process.terminate()
            equal((process.wait(30), said(process)), (0, b""), "exit code and what it said")
        for file, json_is in (events, "lines"), (text, None), (lines, "lines"):
            file.seek(0)
            clean(file.read(), file.name, json_is)


def seen(file, name):
    """Is the session told of, with its end, at both ends, as are those of the names before?"""
    file.seek(0)
    ours = rf'{re.escape(address(1))}(:|","destination.port":){PORT}\b'.encode()
    return len(re.findall(ours, file.read())) >= 4 * (EVIL.index(name) + 1)


main()
