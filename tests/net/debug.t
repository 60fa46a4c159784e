#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""headcount debug: what is in its archive, and that no address and no user's name is."""
import tarfile

from clients import *

client_host(1)
PORT = 7143
NAME = "Zaphod-the-made-up"  # of a cgroup, and in a log
PLAIN = ["journal.txt", "metrics.txt", "policy.txt", "said.txt", "status.json", "system.txt", "version.txt"]
WITH_USERS = sorted(PLAIN + ["headcount.conf", "sessions.json", "users.json"])
FOLDER = "/run/debug"
LOG = f"""2026-11-26T10:00:00+0000 headcount[7]: headcount: ready
2026-11-26T10:00:01+0000 headcount[7]: headcount: cannot listen on {address(1)}:9143 for metrics: Address already in use
2026-11-26T10:00:02+0000 headcount[7]: {{"user.name":"{NAME}"}}
2026-11-26T10:00:03+0000 headcount[7]: headcount: /etc/headcount.conf:3: no account "{NAME}"
2026-11-26T10:00:04+0000 systemd[1]: Started headcount.service.
"""
os.mkdir(FOLDER, 0o777)
os.chmod(FOLDER, 0o777)
with open("/run/log", "w") as file:
    file.write(LOG)
with open("/run/journalctl", "w") as file:  # in the place of the real one
    file.write('#!/bin/sh\necho "$@" >/run/debug/asked\ncat /run/log\n')
os.chmod("/run/journalctl", 0o755)
PATH = "/run:" + os.environ["PATH"]


def debug(*options, **how):
    """Exit code, stdout, stderr; then the archive's files by name, with what is in its headers."""
    how = {"cwd": FOLDER, "env": {**os.environ, "PATH": PATH}, **how}
    before = set(os.listdir("/tmp"))
    code, out, err = headcount("debug", *options, **how)
    equal([name for name in set(os.listdir("/tmp")) - before if name.startswith("headcount-debug")], [], "left in /tmp")
    if code:
        return code, err, {}, b""
    path = os.path.join(FOLDER, out.removeprefix("wrote ").rstrip("\n"))
    equal(oct(os.stat(path).st_mode), oct(0o100600), "mode")
    with tarfile.open(path, "r:gz") as archive:
        files = {os.path.basename(m.name): archive.extractfile(m).read() for m in archive.getmembers() if m.isfile()}
        equal({os.path.dirname(m.name) for m in archive.getmembers() if m.isfile()},
              {m.name for m in archive.getmembers() if m.isdir()}, "one folder")
        equal({(m.uname, m.gname, m.uid, m.gid) for m in archive.getmembers()}, {("", "", 0, 0)}, "owners")
        names = "\n".join(archive.getnames())
    os.unlink(path)
    return code, path, files, names.encode() + b"\n".join(files.values())


@contextlib.contextmanager
def running(*options):
    """A run with a session of a client's and one of a cgroup's."""
    config = service("imap", listen=PORT, user="client/32/128", cap=7, override=f"{address(1, 3)} 5") \
        + service("pop", listen=PORT + 1, user="cgroup", cap=77, excess="observe")
    with cgroup(NAME) as (_, path), Headcount(config, *options) as hc, Server("0.0.0.0", PORT), \
            Server("0.0.0.0", PORT + 1, cgroup=path), Clients(address(1), PORT, 1, 1, namespace="c1") as one, \
            Clients(address(1), PORT + 1, 1, 1, namespace="c1") as two:
        equal([one.go(), two.go()], [{"ok": 1}, {"ok": 1}], "outcomes")
        equal(any(NAME in row["user"] for row in ask("users")), True, "the cgroup is a user")
        yield hc


@test
def complete():
    """each part is there, and says what it is to say"""
    with running():
        code, path, files, _ = debug()
    equal(re.fullmatch(rf"{FOLDER}/headcount-debug-[\w.-]+-\d{{8}}T\d{{6}}Z\.tar\.gz", path) is not None, True, path)
    equal(sorted(files), PLAIN, "files")
    text = {name: content.decode() for name, content in files.items()}
    status = json.loads(text["status.json"])
    equal((status["running"], len(status["features"]) > 20, len(status["losses"]) > 8), (True, True, True), "status")
    equal({"program", "where", "missed", "runs", "run_ns"}, set(status["attached"][0]), "keys of what is attached")
    equal([row["entries"] > 0 for row in status["maps"] if row["map"] in ("services", "users", "sessions")], [True] * 3, "fill")
    for name, patterns in {
            "version.txt": [r"^headcount \d+\.\d+\.\d+, state \d+, BPF object [0-9a-f]{16}$", r"^libbpf v\d"],
            "system.txt": ["^Linux " + re.escape(os.uname().release), r"^bpf on /sys/fs/bpf \(", "^cgroup2 on /", "^PRETTY_NAME=",
                           r"unprivileged_bpf_disabled:\n\d$", r"bpf_jit_enable:\n.", r"tcp_syncookies:\n\d$",
                           r"tcp_synack_retries:\n\d+$", "lockdown:\n."],
            "policy.txt": [r"^imap +client/32/128 +7 +- +reject", r"^pop +cgroup +77 +- +observe", r"overrides 1, addresses 0,"],
            "metrics.txt": [r"^headcount_sessions\{service=\"imap\"[^}]*\} 1$"],
            "said.txt": [rf"^{re.escape(name)}:$" for name in PLAIN if name != "said.txt"] + [
                r"^headcount: opened the map /sys/fs/bpf/headcount/users$", "^exit code 0$"],
            "journal.txt": [r"headcount: ready$", r"cannot listen on ADDRESS for metrics", r'no account "\.\.\.$', "Started"]}.items():
        for pattern in patterns:
            equal(bool(re.search(pattern, text[name], re.M)), True, f"{pattern} in {name}:\n{text[name]}")
    with open(f"{FOLDER}/asked") as asked:
        equal("-u headcount.service _TRANSPORT=stdout + _PID=1" in asked.read(), True, "what the journal is asked")


@test
def secret():
    """no client's or server's address and no user's name is in it, unless it is asked for"""
    secrets = [NAME.encode(), address(1).encode(), address(1, 2).encode(), address(1, 3).encode()]
    with open("/run/passwd", "w") as passwd, open("/etc/passwd") as real:
        passwd.write(real.read() + f"{NAME}:x:{UID}:{UID}::/:/bin/sh\n")
    run("mount", "--bind", "/run/passwd", "/etc/passwd")
    try:
        with running() as hc:
            hc.reload(service("pop", listen=PORT, user="uid", override=f"{NAME}x 1"), "not reloaded")
            _, _, files, whole = debug()
            equal(json.loads(files["status.json"])["last_reload"]["said"].endswith('no account "...'), True, files["status.json"])
            equal([word for word in secrets if word in whole], [], f"secrets in {sorted(files)}")
            _, _, files, whole = debug("--with-users", "-o", "with")
        equal(sorted(files), WITH_USERS, "files with users")
        equal([word for word in secrets[:3] if word not in whole], [], "what is asked for")
        equal(NAME in files["journal.txt"].decode() and f"{address(1)}:9143" in files["journal.txt"].decode(), True, "the log as it is")
    finally:
        run("umount", "/etc/passwd")


@test
def down():
    """without a run, without privileges and without a journal each part says why, and the others are there"""
    code, _, files, _ = debug()
    equal((code, sorted(files), json.loads(files["status.json"])["running"]), (0, PLAIN, False), "not running")
    equal("headcount: not running: no state in" in files["said.txt"].decode(), True, files["said.txt"].decode())
    code, _, files, whole = debug(user=UID, env={**os.environ, "PATH": os.environ["PATH"]})
    equal((code, sorted(files), files["status.json"]), (0, PLAIN, b""), "unprivileged")
    said = files["said.txt"].decode()
    equal("headcount: must be run as root (missing: CAP_BPF" in said, True, said)
    equal(re.search(r"^status\.json:\n(headcount: .*\n)*exit code 1$", said, re.M) is not None, True, said)
    equal(files["system.txt"].decode().startswith("Linux "), True, "the system")
    equal(files["version.txt"].decode().startswith("headcount "), True, "the version")


@test
def refused():
    """a file that exists, a folder that does not and a tar that fails leave nothing behind"""
    with open(f"{FOLDER}/there", "w") as file:
        file.write("old")
    equal(debug("-o", "there")[:2], (1, "headcount: cannot make there: File exists\n"), "exists")
    with open(f"{FOLDER}/there") as file:
        equal(file.read(), "old", "the old file")
    equal(debug("-o", "no/where")[:2], (1, "headcount: cannot make no/where: No such file or directory\n"), "no folder")
    os.mkdir("/run/bin")
    os.symlink("/bin/false", "/run/bin/tar")
    code, err, _, _ = debug("-o", "failed", env={**os.environ, "PATH": "/run/bin:" + PATH})
    equal((code, err, os.path.exists(f"{FOLDER}/failed")), (1, "headcount: tar could not write failed\n", False), "no tar")
    equal(debug("more")[0], 2, "an argument")


main()
