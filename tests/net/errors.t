#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong: the exit code, one clear line on stderr, and nothing touched."""
from clients import *

client_host(1)
PORT = 7143
IMAP = "[service imap]\nlisten = 143\nuser = client/32/64\n"
BAD_FILES = [  # text, the line that is wrong, what the message must name
    (IMAP + "colour = red\n", 4, "colour"),
    ("[headcount]\ncolour = red\n", 2, "colour"),
    ("[cellar]\nuser = uid\n", 1, "cellar"),
    (IMAP + "cap = many\n", 4, "many"),
    (IMAP + "cap = -1\n", 4, "-1"),
    (IMAP + "cap = 3x\n", 4, "3x"),
    (IMAP + "cap = 4294967296\n", 4, "4294967296"),
    (IMAP + "total = -5\n", 4, "-5"),
    (IMAP + "excess = shrug\n", 4, "shrug"),
    (IMAP + "errno = EPERM\n", 4, "errno"),
    ("[service outbound]\nerrno = EWHAT\n", 2, "EWHAT"),
    ("[service imap]\nlisten = 0\n", 2, "0"),
    ("[service imap]\nlisten = 65536\n", 2, "65536"),
    ("[service imap]\nlisten = 143, x\n", 2, "x"),
    ("[service imap]\nlisten = 143, no-such-service\n", 2, "no-such-service"),
    ("[service imap]\nlisten = 5999-5900\n", 2, "5999-5900"),
    ("[service imap]\nlisten = 300.1.1.1:143\n", 2, "300.1.1.1"),
    ("[service imap]\nlisten = [fd00::1:143\n", 2, "fd00::1"),
    (IMAP + "[service pop]\nlisten = 143\n", 5, "143"),
    ("[service imap]\nlisten = 143\nuser = client/33/64\n", 3, "33"),
    ("[service imap]\nlisten = 143\nuser = client/32/129\n", 3, "129"),
    ("[service imap]\nlisten = 143\nuser = moon\n", 3, "moon"),
    (IMAP + "override = 10.0.0.0/33 5\n", 4, "33"),
    (IMAP + "override = 10.0.0.1\n", 4, "override"),
    (IMAP + "override = 10.0.0.1 lots\n", 4, "override"),
    ("[service outbound]\nuser = uid\noverride = no-such-user 5\n", 3, "no-such-user"),
    ("[headcount]\nsessions_max = 0\n", 2, "0"),
]


def one_line(code, err, want, what):
    lines = err.splitlines()
    if code != want or len(lines) != 1 or not lines[0].startswith("headcount: "):
        raise AssertionError(f"{what}: exit {code}, want {want}, and one line, said {err!r}")
    return lines[0]


def file_with(text):
    with open("/run/bad.conf", "w") as file:
        file.write(text)
    return "/run/bad.conf"


@test
def bad_configurations():
    """a bad configuration: exit 2, file and line, from run and from --check"""
    wrong = []
    for text, line, word in BAD_FILES:
        path = file_with(text)
        for command in ["run", "-c", path], ["run", "--check", "-c", path]:
            code, out, err = headcount(*command)
            place = f"headcount: {path}:{line}: "
            if code != 2 or out or not err.startswith(place) or word not in err or err.count("\n") != 1:
                wrong.append(f"{text!r}: exit {code}, {out!r}, {err!r}")
    equal(wrong, [], "wrong answers")
    equal(os.path.exists("/sys/fs/bpf/headcount"), False, "something pinned")


@test
def missing_file():
    """a missing configuration file: exit 2 and its name"""
    code, _, err = headcount("run", "-c", "/run/no-such.conf")
    equal("/run/no-such.conf" in one_line(code, err, 2, "run"), True, "the name in the message")


@test
def missing_namespace():
    """a namespace that is not there: its name, and nothing touched"""
    code, _, err = headcount("run", "-c", file_with("[headcount]\nnetns = no-such-ns\n" + IMAP))
    equal("no-such-ns" in one_line(code, err, 1 if code == 1 else 2, "run"), True, f"the name in {err!r}")


@test
def good_configuration():
    """run --check explains a good file and touches nothing"""
    path = file_with("[headcount]\nsessions_max = 4096\n" + IMAP + "cap = 5\norphans = ignore\noverride = 10.1.0.0/16 7\n")
    code, out, err = headcount("run", "--check", "-c", path)
    equal((code, err), (0, ""), "exit code and stderr")
    for word in "imap", "143", "4096", "ignore":
        equal(word in out, True, f"{word} in {out!r}")


@test
def bad_usage():
    """unknown commands, options and arguments: exit 2 and one line"""
    for words in ([], ["fly"], ["run", "--fly"], ["users", "--fly"], ["users", "more"], ["cap"],
                  ["cap", "imap", "10.0.0.1"], ["cap", "imap", "10.0.0.1", "many"],
                  ["cap", "imap", "10.0.0.1", "-1"], ["cap", "imap", "10.0.0.1", "4294967296"],
                  ["status", "extra"], ["run", "-c"]):
        code, out, err = headcount(*words)
        equal((code, out), (2, ""), f"headcount {words}, which said {err!r}")
        equal(err.startswith("headcount: ") or not words, True, f"headcount {words} said {err!r}")


@test
def help_texts():
    """--help for the program and for each command: exit 0, on stdout"""
    for command in "", "trace", "run", "users", "sessions", "cap", "reload", "policy", "status", "audit", "label", "kill", "why", "detach":
        code, out, err = headcount(*([command] if command else []), "--help")
        equal((code, err, command in out and len(out) > 40), (0, "", True), f"help of {command or 'headcount'}")


@test
def no_daemon():
    """without a running headcount: users, sessions, cap, audit say so; status says not running"""
    for words in (["users"], ["sessions"], ["users", "--json"], ["cap", "imap", "10.0.0.1", "3"], ["audit"],
                  ["policy"], ["policy", "--json"], ["reload"], ["kill", "--id", "1"],
                  ["label", "--id", "1", "a"], ["label", "-"],
                  ["why"], ["why", "--json"]):
        code, out, err = headcount(*words)
        one_line(code, err, 1, f"headcount {words}")
        equal(out, "", f"stdout of {words}")
    code, out, err = headcount("status", "--json")
    equal((code, json.loads(out)["running"], err), (1, False, ""), "exit code, running and stderr of status")
    equal(headcount("status")[0], 1, "exit code of status")
    with Headcount(IMAP, "--pin") as hc:
        equal(headcount("status")[0], 0, "exit code of status while it runs")
        hc.end(signal.SIGKILL)
    equal(headcount("status")[0], 0, "exit code of status with what is pinned")
    run(PROGRAM, "detach")
    equal(headcount("status")[0], 1, "exit code of status after detach")


@test
def lost_output():
    """output that a full disk or a closed stdout does not take is no success; run does not even start"""
    with Headcount(IMAP) as hc:
        for words in (["users"], ["users", "--json"], ["sessions", "--json"], ["status"], ["audit"], ["policy"], ["metrics"],
                      ["why"], ["why", "--json"],
                      ["kill", "-n", "--id", "1"], ["run", "--check", "-c", hc.path], ["--help"]):
            for where, why in (">/dev/full", "No space left on device"), (">&-", "Bad file descriptor"):
                done = subprocess.run(["sh", "-c", f'exec "$@" {where}', "sh", PROGRAM, *words], text=True, capture_output=True)
                # Of a long list the first piece fails, and nobody knows why any more.
                lines = f"headcount: cannot write to standard output: {why}\n", "headcount: cannot write all to standard output\n"
                equal((done.returncode, done.stderr in lines), (1, True), f"{words} {where}: {done.stderr}")
    for words in ["run", "-c", "/dev/null"], ["trace"]:
        done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", PROGRAM, *words], text=True, capture_output=True, timeout=30)
        equal((done.returncode, done.stderr), (1, "headcount: cannot write to standard output: Bad file descriptor\n"), words)


@test
def hangup():
    """SIGHUP ends trace, but not under nohup; an option's letter is named when its value is missing"""
    for command in [PROGRAM, "trace"], ["nohup", PROGRAM, "trace"]:
        process = start(*command)
        until(lambda: process.stdout.readline(), "the heading")
        process.send_signal(signal.SIGHUP)
        if "nohup" in command:
            time.sleep(0.5)
            equal(process.poll(), None, "exit code after SIGHUP under nohup")
            process.terminate()
        equal(process.wait(15 * SLOW), 0, "exit code")
    equal(headcount("sessions", "-js"), (2, "", "headcount: sessions: no value for -s (see headcount sessions --help)\n"),
          "letters together")
    equal(headcount("sessions", "-jx")[2], "headcount: sessions: unknown option -x (see headcount sessions --help)\n", "unknown")


@test
def unknown_service_or_user():
    """cap for an unknown service or an impossible user; users of an unknown service"""
    with Headcount(IMAP):
        for words in (["cap", "nope", "10.0.0.1", "3"], ["cap", "imap", "not-an-address", "3"],
                      ["cap", "imap", "10.0.0.0/8", "3"], ["cap", "outbound", "no-such-user", "3"],
                      ["users", "--service", "nope"], ["sessions", "--service", "nope"],
                      ["kill", "--service", "nope"], ["why", "nope", "10.0.0.1"], ["why", "imap", "not-an-address"]):
            code, out, err = headcount(*words)
            one_line(code, err, 1 if code == 1 else 2, f"headcount {words}")
            equal(out, "", f"stdout of {words}")


@test
def part_of_a_user():
    """an address whose user is a prefix: cap says whose cap it is, kill closes nothing, sessions lists the user's"""
    with Headcount(IMAP):
        equal(headcount("cap", "imap", "2001:db8::7", "3"),
              (0, "", "headcount: 2001:db8::7 belongs to the user 2001:db8::/64, whose cap this is\n"), "cap")
        equal(headcount("cap", "imap", "2001:db8::/64", "3"), (0, "", ""), "cap of the prefix")
        equal(headcount("kill", "-s", "imap", "-u", "2001:db8::7"),
              (1, "", "headcount: imap: 2001:db8::7 is only part of the user 2001:db8::/64\n"), "kill")
        equal(headcount("kill", "-s", "imap", "-u", "2001:db8::/64")[:2], (0, "closed 0 sessions\n"), "kill of the prefix")
        equal(headcount("sessions", "-u", "2001:db8::7", "--json")[0], 0, "exit code of sessions")
        equal(headcount("sessions", "-u", "nosuch"), (1, "", "headcount: nosuch is not a user of any service\n"), "sessions of nobody")


@test
def not_root():
    """not root: which capability is missing, exit 1"""
    with Headcount(IMAP) as hc:
        for words in (["run", "-c", hc.path], ["trace"], ["users"], ["sessions"], ["audit"],
                      ["cap", "imap", "10.0.0.1", "3"], ["kill", "--id", "1"], ["why"], ["detach"]):
            code, _, err = headcount(*words, user=UID, group=UID, extra_groups=[])
            line = one_line(code, err, 1, f"headcount {words}")
            equal(bool(re.search("CAP_|root", line)), True, f"a capability named in {line!r}")
    without = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    done = subprocess.run([*without, PROGRAM, "run", "-c", file_with(IMAP)],
                          capture_output=True, text=True, timeout=60)
    equal("CAP_NET_ADMIN" in one_line(done.returncode, done.stderr, 1, "run without CAP_NET_ADMIN"), True,
          f"CAP_NET_ADMIN in {done.stderr!r}")


def in_a_changed_world(channel, commands):
    """Runs commands in a mount namespace of its own; what the last one gave."""
    call("unshare", CLONE_NEWNS)
    for command in commands[:-1]:
        run(*command)
    done = subprocess.run(commands[-1], capture_output=True, text=True, timeout=60)
    answer(channel, [done.returncode, done.stdout, done.stderr])
    channel.recv(1)


def changed_world(*commands):
    with Child(in_a_changed_world, commands) as child:
        return child.hear()


@test
def no_btf():
    """a kernel without BTF: run says so"""
    code, _, err = changed_world(["mount", "-t", "tmpfs", "tmpfs", "/sys/kernel/btf"],
                                 [PROGRAM, "run", "-c", file_with(IMAP)])
    equal("BTF" in one_line(code, err, 1, "run"), True, f"BTF in {err!r}")


@test
def no_cgroup2():
    """no cgroup v2 mount: run says so"""
    with open("/proc/self/mounts") as mounts:
        paths = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    code, _, err = changed_world(*[["umount", "-l", path] for path in reversed(paths)],
                                 [PROGRAM, "run", "-c", file_with(IMAP)])
    equal("cgroup" in one_line(code, err, 1, "run"), True, f"cgroup in {err!r}")


def bpf_mounts():
    with open("/proc/self/mounts") as mounts:
        return sum(line.split()[1:3] == ["/sys/fs/bpf", "bpf"] for line in mounts)


@test
def bpffs_for_run():
    """no bpffs: run mounts it, says so, and leaves none behind"""
    had = bpf_mounts()
    for _ in range(had):
        run("umount", "/sys/fs/bpf")
    try:
        with Headcount(IMAP) as hc:
            equal([line for line in hc.said if "mounted bpffs" in line], ["headcount: mounted bpffs on /sys/fs/bpf"],
                  "what it said")
            equal(bpf_mounts(), 1, "mounts while it runs")
        equal(bpf_mounts(), 0, "mounts when it has ended")
    finally:
        run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")


@test
def no_bpffs():
    """no bpffs: read-only commands do not mount it"""
    for words in (["users"], ["status", "--json"]):
        code, out, err = changed_world(["umount", "/sys/fs/bpf"], [
            "sh", "-c", '"$@" >/dev/null 2>&1; grep -c " /sys/fs/bpf bpf " /proc/self/mounts', "sh", PROGRAM, *words])
        # the host's own bpffs may lie below ours
        equal(int(out) <= 1, True, f"mounts after {words}: {out!r}")


main()
