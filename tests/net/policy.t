#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""`headcount policy`: what the kernel enforces now, whatever a file says."""
import datetime

from clients import *

client_host(1)
PORT = 7143
ALICE = address(1, 2)
CONFIG = service("imap", listen=[f"{PORT}, {PORT + 2}, {ALICE}:25", "[::1]:25"], user="client/24/64", cap=32, total=1000,
                 excess="observe", orphans="ignore", emit="refused", keepalive="90s", idle="2h", override=["10.0.0.0/8 64 idle=never excess=reject", "2001:db8::/64 unlimited"])
CONFIG += service("outbound", errno="EPERM", override=f"{UID} 5")
NO_HOLDING = dict(wait_max_s=None, evict_idle_s=None, evict_rate=None, redirect=None)
OF_HOST = dict(scope="host", cold=None, alone=None, cap_alone=None)


def named(rows, name):
    return [{key: value for key, value in row.items() if key != "service"} for row in rows if row["service"] == name]


@test
def in_force():
    """services, where they listen, overrides and namespaces, as the last reload that worked has put them in force"""
    with Headcount(CONFIG) as hc:
        policy = ask("policy")
        equal(named(policy["services"], "imap"),
              [dict(user="client/24/64", cap=32, total=1000, total_active=0, total_refused=0, excess="observe", errno=None, orphans="ignore",
                    emit_opened=False, emit_closed=False, emit_refused=True, unlabelled=None, login_grace=None, labellers=None,
                    labeller_uid_max=None, keepalive_s=90, idle_s=7200, **NO_HOLDING, **OF_HOST)], "imap")
        equal(named(policy["services"], "outbound"),
              [dict(user="uid", cap=None, total=None, total_active=None, total_refused=None, excess="reject", errno="EPERM", orphans="count",
                    emit_opened=True, emit_closed=True, emit_refused=True, unlabelled=None, login_grace=None, labellers=None,
                    labeller_uid_max=None, keepalive_s=None, idle_s=None, **NO_HOLDING, **OF_HOST)], "outbound")
        equal(sorted(row["service"] for row in policy["services"]), ["imap", "inbound", "outbound"], "services")
        places = [(row["address"], row["port"], row["last_port"]) for row in named(policy["listen"], "imap")]
        equal(sorted(places, key=str), sorted([(None, PORT, PORT), (None, PORT + 2, PORT + 2), (ALICE, 25, 25), ("::1", 25, 25)], key=str),
              "where imap listens")
        equal(sorted((row["service"], row["user"], row["cap"] or -1) for row in policy["overrides"]),
              [("imap", "10.0.0.0/8", 64), ("imap", "2001:db8::/64", -1), ("outbound", str(UID), 5)], "overrides")
        equal(sorted((row["user"], row["idle_s"], row["idle_never"], row["excess"]) for row in named(policy["overrides"], "imap")),
              [("10.0.0.0/8", None, True, "reject"), ("2001:db8::/64", None, False, None)], "what overrides say besides")
        equal((policy["caps"], [row["netns"] for row in policy["namespaces"]]), ([], [os.stat("/proc/self/ns/net").st_ino]), "the rest")
        # The file alone changes nothing; a reload changes all.
        hc.configure(service("pop", listen=110))
        equal(ask("policy"), policy, "policy before the reload")
        hc.reload(service("pop", listen=110))
        policy = ask("policy")
        equal(sorted(row["service"] for row in policy["services"]), ["inbound", "outbound", "pop"], "services after it")
        equal((policy["overrides"], [row["port"] for row in policy["listen"]]), ([], [110]), "overrides and ports after it")


@test
def excesses():
    """what whoever is over the cap gets, by service and override"""
    config = service("wait", listen=1143, excess="wait", wait_max="5s", override=["10.0.0.1 excess=evict", "10.0.0.2 excess=redirect"],
                     evict_idle="2m", evict_rate=3, redirect=f"{ALICE}:25")
    with Headcount(config + service("answer", listen=1144, excess="redirect", redirect="answer:imap")):
        policy = ask("policy")
        rows = {row["service"]: [row[key] for key in ("excess", *NO_HOLDING)] for row in policy["services"]}
        equal(rows["wait"], ["wait", 5, 120, 3, f"{ALICE}:25"], "wait")
        equal(rows["answer"], ["redirect", 30, 60, 10, "answer:imap"], "answer")
        equal(rows["inbound"], ["reject", None, None, None, None], "inbound")
        equal(sorted(row["excess"] for row in policy["overrides"]), ["evict", "redirect"], "overrides")
        _, text, _ = headcount("policy")
        equal([word in text for word in (" wait 5s ", " redirect answer:imap ")], [True, True], text)


@test
def ranges():
    """a range of ports holds for each of them, and for no other; with an address for those at that alone"""
    config = service("range", listen=f"{PORT}-{PORT + 2}", user="client/32/64", cap=1)
    config += service("one", listen=f"{address(1)}:{PORT + 1}-{PORT + 2}", user="client/32/64", cap=2)
    want = {(address(1), PORT): 1, (address(1), PORT + 1): 2, (address(1), PORT + 2): 2, (address(1), PORT + 3): 3,
            (address(1, 1, 6), PORT + 1): 1, (address(1), PORT - 1): 3}
    with Headcount(config):
        equal([(row["service"], row["address"], row["port"], row["last_port"]) for row in ask("policy")["listen"]],
              [("range", None, PORT, PORT + 2), ("one", address(1), PORT + 1, PORT + 2)], "where they listen")
        for (where, port), ok in want.items():
            with Server("::", port) as server, Clients(where, port, 1, 3, namespace="c1") as clients:
                equal(clients.go().get("ok"), ok, f"sessions at {where}, {port}")
                clients.close()
                server.hang_up()
            until_equal(lambda: sum(row["active"] for row in ask("users", "--service", "range") + ask("users", "--service", "one")), 0, "active")


@test
def moments():
    """caps of the moment, since when and by whom; they outlive a reload and a daemon, and go when taken back"""
    started = datetime.datetime.now(datetime.timezone.utc)
    with Headcount(CONFIG, "--pin") as hc:
        run(PROGRAM, "cap", "imap", ALICE, "7")
        subprocess.run([PROGRAM, "cap", "outbound", str(UID), "unlimited"], check=True, preexec_fn=lambda: os.setresuid(UID, 0, 0))
        login = open("/proc/self/loginuid").read()
        want = [("outbound", str(UID), None, UID if int(login) == 2**32 - 1 else int(login)),
                ("imap", f"{ALICE.rpartition('.')[0]}.0/24", 7, 0 if int(login) == 2**32 - 1 else int(login))]

        def got():
            return [(row["service"], row["user"], row["cap"], row["uid"]) for row in ask("policy")["caps"]]
        equal(got(), want, "caps")
        equal(list(ask("policy")["caps"][0]), ["service", "user", "cap", "since", "uid"], "keys of a cap")
        since = datetime.datetime.fromisoformat(ask("policy")["caps"][0]["since"][:26] + "+00:00")
        equal(started <= since <= datetime.datetime.now(datetime.timezone.utc), True, f"{since}, started {started}")
        hc.reload(CONFIG)
        equal(got(), want, "caps after a reload")
        hc.end(signal.SIGKILL)
    with Headcount(CONFIG, "--pin"):
        equal(got(), want, "caps under the next daemon")
        text = headcount("policy")[1]
        for words in rf"imap +{PORT} {PORT + 2} ", r"imap +10\.0\.0\.0/8 +64 +- +never +reject\n", rf"imap +\S+/24 +7 +20\S+ \S+ +\S+\n":
            equal(bool(re.search(words, text)), True, f"{words} in {text}")
        run(PROGRAM, "cap", "imap", ALICE, "default")
        equal(got(), want[:1], "caps after one was taken back")
    run(PROGRAM, "detach")


main()
