#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""-v, -vv and -vvv: what each tells, of every command, and the priorities of a unit's lines."""
from harness import *

PORT = 7143
LIBBPF, VERIFIER = r"^headcount: libbpf: ", r"^headcount: processed \d+ insns"
STEPS = {
    "opened a file": r"opened /run/test-\d+\.conf$", "looked up an account": "looked up the account \"root\": 0$",
    "looked for a feature": "looked for the kernel feature .*: found$", "looked for cgroup v2": "looked for cgroup v2: /",
    "looked for bpffs": "looked for a bpffs: /sys/fs/bpf$", "opened a namespace": r"opened the network namespace /\S+ \(\d+\)$",
    "loaded": r"loaded the program on_state \(tp_btf/inet_sock_set_state\)$", "pinned a map": r"pinned the map /\S+/users$",
    "attached": r"attached tp_btf/(tcp_destroy_sock|inet_sock_set_state)$", "attached a gate": r"attached sk_lookup to the network namespace \d+$",
    "published": "published the pins as /sys/fs/bpf/headcount$", "gave up": "gave up privileges, and keeps .*bpf",
    "wrote": "wrote the policy: 3 services, generation 1$", "listens": "opened 127.0.0.1:9143 for metrics$"}


def verbose_run(*options):
    """What a run with these options says until it is ready and reloaded, and when it ends."""
    config = section("headcount", metrics="127.0.0.1:9143") \
        + service("imap", listen=PORT, cap=3, user="uid", override="root 5")
    with Headcount(config, *options) as hc:
        hc.reload(config)
    return hc.said


def found(pattern, lines):
    return any(re.search(pattern, line) for line in lines)


@test
def steps():
    """run -v tells each step, and nothing of libbpf; without it there is none"""
    said = verbose_run("-v")
    equal([what for what, pattern in STEPS.items() if not found("^headcount: " + pattern, said)], [], f"steps not in {said}")
    equal(found(LIBBPF, said), False, f"libbpf's words in {said}")
    equal(found("wrote the policy: 3 services, generation 2$", said), True, "the reload")
    equal(found("removed the pins in /sys/fs/bpf/headcount$", said), True, "the end")
    plain = verbose_run()
    equal([what for what, pattern in STEPS.items() if found(pattern, plain)], [], f"steps in {plain}")


@test
def libraries():
    """-vv adds what libbpf says, -vvv and HEADCOUNT_DEBUG what the verifier says"""
    seen = {}
    for how, options, env in (("-vv", ["-vv"], {}), ("-v -v", ["-v", "--verbose"], {}), ("-vvv", ["-vvv"], {}),
                              ("variable", [], {"HEADCOUNT_DEBUG": "1"})):
        with Headcount("", env={**os.environ, **env}, *options) as hc:
            pass
        seen[how] = [found(pattern, hc.said) for pattern in (STEPS["loaded"], LIBBPF, VERIFIER)]
    equal(seen, {"-vv": [True, True, False], "-v -v": [True, True, False], "-vvv": [True, True, True], "variable": [True, True, True]},
          "steps, libbpf, verifier")


@test
def every_command():
    """each command takes it, before and after its name, and says the same otherwise"""
    names = re.findall(r"^  ([a-z]+) ", headcount("--help")[1], re.M)
    equal(len(names) >= 12, True, f"commands: {names}")
    for name in names:
        text = headcount(name, "--help")[1]
        equal("-v, --verbose" in text, True, f"{name} --help")
        equal((headcount("-vv", name, "--help")[1], headcount(name, "-vv", "--help")[1]), (text, text), f"{name} with -vv")
    with Headcount(""):
        for before, after in (("-v", ""), ("", "-v"), ("--verbose", ""), ("", "--verbose"), ("-v", "-v")):
            code, out, err = headcount(*filter(None, [before, "users", after, "--json"]))
            json.loads(out)
            equal((code, found(r"opened the map /sys/fs/bpf/headcount/users$", err.splitlines())), (0, True), f"{before} users {after}")
            equal(found(LIBBPF, err.splitlines()), bool(before and after), f"libbpf's words of {before} users {after}")
    for bad in ("-vx", "-x", "--verbos"):
        code, _, err = headcount(bad, "users")
        equal((code, err), (2, f"headcount: unknown command {bad} (see headcount --help)\n"), bad)
    equal(headcount("-v")[0], 2, "no command")


@test
def priorities():
    """where systemd's stream is stderr, lines have their priorities; elsewhere none has one"""
    with open("/run/stream", "w+") as stream:
        status = os.fstat(stream.fileno())
        for name, want in ((f"{status.st_dev}:{status.st_ino}", {"<6>", "<7>", "<3>"}), ("1:1", {""})):
            stream.seek(0), stream.truncate()
            done = subprocess.run([PROGRAM, "-vv", "users"], stdout=subprocess.DEVNULL, stderr=stream, user=0,
                                  env={**os.environ, "JOURNAL_STREAM": name}, timeout=60 * SLOW)
            stream.seek(0)
            lines = stream.read().splitlines()
            equal(done.returncode, 1, "nothing runs")
            equal({re.match(r"(<\d>)?headcount: ", line)[1] or "" for line in lines} <= want, True, f"priorities of {lines}")
            equal([line for line in lines if "not running" in line][0].startswith("<3>"), name != "1:1", f"the error in {lines}")


main()
