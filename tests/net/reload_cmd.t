#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""`headcount reload`: the answer to this request, and to no other."""
from clients import *

PORT = 7143
GOOD, BAD = service("imap", listen=PORT, cap=3), service("imap", listen=PORT, cap="many")


def last_reload():
    return ask("status")["last_reload"]


@test
def answers():
    """a good file: exit 0 and what was reloaded; a bad one: exit 2 and its line; a sound one that cannot be: 1"""
    with Headcount(GOOD) as hc:
        equal(last_reload(), None, "last reload before any")
        equal(headcount("reload"), (0, f"reloaded {hc.path}\n", ""), "a good file")
        equal((last_reload()["done"], last_reload()["said"]), (True, f"reloaded {hc.path}"), "last reload")
        hc.configure(BAD)
        code, out, err = headcount("reload")
        equal((code, out, err.splitlines()[0].startswith(f"headcount: {hc.path}:3: "), err.splitlines()[1:]),
              (2, "", True, ["headcount: not reloaded; the old configuration stays in force"]), err)
        equal((last_reload()["done"], last_reload()["said"].startswith(f"{hc.path}:3: ")), (False, True), "last reload")
        equal(f"failed: {hc.path}:3: " in headcount("status")[1], True, "status")
        hc.configure(GOOD + section("headcount", users_max=128))
        equal(headcount("reload"), (1, "", "headcount: sessions_max, users_max and listeners_max cannot change while running\n"
                                           "headcount: not reloaded; the old configuration stays in force\n"), "other sizes")
        os.unlink(hc.path)
        equal(headcount("reload")[0], 2, "no such file any more")
        equal([row["cap"] for row in ask("policy")["services"] if row["service"] == "imap"], [3], "the cap in force")


@test
def caps_that_stay():
    """caps of the moment that the new file would have otherwise are told, ten of them one by one"""
    client = dict(listen=PORT, user="client/32/64")
    with Headcount(service("imap", **client, cap=3)) as hc:
        run(PROGRAM, "cap", "imap", "10.9.0.1", "7")
        run(PROGRAM, "cap", "imap", "10.9.0.2", "unlimited")
        hc.configure(service("imap", **client, cap=5, override=["10.9.0.1 9", "10.9.0.2 unlimited"]))
        equal(headcount("reload"), (0, f"reloaded {hc.path}\n", "headcount: imap: the cap 7, set with headcount cap, "
                                    'stays where the file says 9, for "10.9.0.1"\n'), "answer")
        for n in range(3, 15):
            run(PROGRAM, "cap", "imap", f"10.9.0.{n}", "1")
        code, out, err = headcount("reload")
        equal((code, out, len(err.splitlines()), err.splitlines()[-1]),
              (0, f"reloaded {hc.path}\n", 11, "headcount: 3 more such caps stay: see headcount policy"), err)
        hc.configure(service("pop", **client))
        equal(headcount("reload")[2], "", "what is said of a service that has gone")


@test
def without_file():
    """a run without a file has nothing to reload, and says so"""
    if os.path.exists("/etc/headcount.conf"):
        raise Skip("this machine has a configuration")
    process = start(PROGRAM, "run", "--events", "none")
    until(lambda: not headcount("users")[0], "it to run")
    equal(headcount("reload"), (0, "no configuration file, nothing to reload\n", ""), "reload")
    process.terminate()
    process.communicate(timeout=30)


@test
def other_privileges():
    """root's daemon may not be signalled by another account, whatever else that may do: one line, and nothing happens"""
    caps = ",".join(f"+{cap}" for cap in ("bpf", "perfmon", "net_admin", "sys_admin", "dac_override"))
    with Headcount(GOOD) as hc:
        done = subprocess.run(["setpriv", f"--reuid={UID}", "--clear-groups", f"--inh-caps={caps}", f"--ambient-caps={caps}",
                               PROGRAM, "reload"], capture_output=True, text=True, timeout=60)
        equal((done.returncode, done.stdout, done.stderr),
              (1, "", f"headcount: cannot signal headcount run (pid {hc.process.pid}): Operation not permitted\n"), "answer")
        equal((last_reload(), [line for line in hc.said if "reloaded" in line]), (None, []), "reloads")


@test
def its_own():
    """the answer is to the file as it was when asked, whoever else asks at the same time"""
    with Headcount(GOOD) as hc:
        stop = threading.Event()

        def hammer():
            while not stop.is_set():
                os.kill(hc.process.pid, signal.SIGHUP)
        thread = threading.Thread(target=hammer)
        thread.start()
        try:
            for number in range(fewer(30)):
                hc.configure(BAD if number % 2 else GOOD)
                equal(headcount("reload")[0], 2 if number % 2 else 0, f"answer {number}")
        finally:
            stop.set()
            thread.join()


@test
def together():
    """several at one time are all answered"""
    with Headcount(GOOD) as hc:
        os.kill(hc.process.pid, signal.SIGSTOP)
        asking = [start(PROGRAM, "reload", text=True) for _ in range(5)]
        time.sleep(0.2)  # whether they have asked by then or not, each gets its answer
        os.kill(hc.process.pid, signal.SIGCONT)
        for process in asking:
            out, err = process.communicate(timeout=60 * SLOW)
            equal((process.returncode, out, err), (0, f"reloaded {hc.path}\n", ""), "answer")


@test
def daemon_gone():
    """a daemon that ends before it has answered, and enforcement without one: exit 1 and one line"""
    with Headcount(GOOD, "--pin") as hc:
        os.kill(hc.process.pid, signal.SIGSTOP)
        process = start(PROGRAM, "reload", text=True)
        pending = f"/proc/{hc.process.pid}/status"
        until(lambda: [line for line in open(pending) if line.startswith("ShdPnd") and int(line.split()[1], 16) & 1], "the signal")
        hc.end(signal.SIGKILL)
        out, err = process.communicate(timeout=60 * SLOW)
        equal((process.returncode, out, err), (1, "", f"headcount: headcount run (pid {hc.process.pid}) ended before it answered\n"), "answer")
        code, out, err = headcount("reload")
        equal((code, out, err.startswith("headcount: not running: enforcement is pinned")), (1, "", True), err)
    with Headcount(BAD.replace("many", "5"), "--pin") as hc:  # adopts, and answers
        equal(last_reload(), None, "last reload of a daemon that has done none")
        equal(headcount("reload")[0], 0, "reload of the next daemon")
    run(PROGRAM, "detach")
    equal(headcount("reload")[0], 1, "exit code with nothing at all")


main()
