#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Whose servers may give labels: who listens on a service's port beside its server may not."""
from labelling import *

client_host(1)
HERE, CLIENT = address(1), address(1, 2)
PORT, LOW, CAP = 8143, 743, 3
SO_BINDTODEVICE = 25
CLONE_NEWUSER = 0x10000000


def labels(**settings):
    return by_label(settings.pop("listen", PORT), **{"cap": CAP, **settings})


def label(connection, name):
    number = connection if isinstance(connection, int) else connection.fileno()
    if libc.setsockopt(number, SOL, LABEL, name, len(name)):
        return errno.errorcode[ctypes.get_errno()]
    return "ok"


def hold(channel, where, namespace=None, device=None, owner=None, port=PORT):
    """A server, and its own clients, as many as a cap; on each word it labels them all as that, and answers."""
    if owner == "root of a namespace":
        call("unshare", CLONE_NEWUSER)
    options = [(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())] if device else []
    held = []
    with listen("127.0.0.1" if where == "lo" else where, port, options=options) as listener:
        for _ in range(CAP):
            held.append(plain_connect("127.0.0.1" if where == "0.0.0.0" else where, port))
            held.append(listener.accept()[0])
        answer(channel, "listens")
        channel.recv(64)
    answer(channel, "listens no more")
    while name := channel.recv(64):
        answer(channel, [label(s, name) for s in held[1::2]])


def stranger(where, uid=UID, **how):
    """Someone who listens, too, and has sessions of his own."""
    arguments = [how.pop(key, None) for key in ("device", "owner")]
    child = Child(lambda channel: hold(channel, where, None, *arguments), uid=uid, **how)
    equal(child.hear(), "listens", where)
    return child


def stops_listening(child):
    child.tell()
    equal(child.hear(), "listens no more", "the stranger")


def tries(child, name="alice"):
    child.tell(name)
    return child.hear()


def serves(pairs, name=b"alice"):
    """The server's own, by a process without privileges that has its sockets."""
    sockets = [pair.server for pair in pairs]
    return as_user(UID + 1, lambda: [label(s, name) for s in sockets], keep=[s.fileno() for s in sockets])


@test
def strangers():
    """an account that listens on the port at another address, or in a user namespace of its own, fills nobody's cap"""
    with Headcount(labels()) as hc:
        for where, owner in (("127.0.0.5", None), ("::1", None), ("127.0.0.6", "root of a namespace")):
            with stranger(where, owner=owner) as child, at(HERE, CAP + 1) as ours:
                stops_listening(child)
                equal(tries(child), CAP * ["EPERM"], f"the stranger at {where}")
                equal(serves(ours), CAP * ["ok"] + ["EDQUOT"], "the server")
                users_are({"alice": CAP, f"unlabelled/{client_of(where)}": CAP, f"unlabelled/{CLIENT}": 1})
            users_are({})
        equal(ask("status")["losses"]["labels-untrusted"], 3 * CAP, "losses")
        until_equal(lambda: len([line for line in hc.said if "label was not taken" in line]), 1, "told once")


def client_of(where):
    return "::/64" if where == "::1" else "127.0.0.1" if where.startswith("127.") else where


@contextlib.contextmanager
def at(where, count, uid=None, port=PORT, **options):
    """A server at one address, of root or of whom it is, and sessions of its client's."""
    listener = listen_elsewhere(where, port, None, uid, None, None) if uid is not None else listen(where, port, **options)
    made = []
    try:
        for _ in range(count):
            made.append(Pair(listener, HERE, port, "c1"))
        yield made
    finally:
        listener.close()
        for pair in made:
            pair.close()


@test
def other_device():
    """nor one whose socket is bound to another device at the very same address: the table of listeners knows but one"""
    bound = [(socket.SOL_SOCKET, SO_BINDTODEVICE, b"v1")]
    for ours_first in True, False:
        with Headcount(labels()), contextlib.ExitStack() as stack:
            server = lambda: stack.enter_context(at("0.0.0.0", CAP, options=bound))
            ours = server() if ours_first else None
            child = stack.enter_context(stranger("0.0.0.0", device="lo"))
            ours = ours or server()
            stops_listening(child)
            equal(tries(child), CAP * ["EPERM"], f"the stranger, ours_first={ours_first}")
            equal(serves(ours), CAP * ["ok"], f"the server, ours_first={ours_first}")


@test
def by_uid_before():
    """nor one of a service that was by uid when his sessions began, which goes by that table, and is by label now"""
    bound = [(socket.SOL_SOCKET, SO_BINDTODEVICE, b"v1")]
    with Headcount(service("imap", listen=PORT, user="uid", cap=99)) as hc, at("0.0.0.0", CAP, options=bound):
        with stranger("0.0.0.0", device="lo") as child:
            stops_listening(child)
            hc.reload(labels())
            equal(tries(child), CAP * ["EPERM"], "the stranger")


@test
def before():
    """nor who had sessions at the server's own address while that was down, before headcount or after its start"""
    for headcount_first, config in (True, labels()), (False, labels()), (False, service("imap", listen=PORT, cap=9)):
        with contextlib.ExitStack() as stack:
            start = lambda: stack.enter_context(Headcount(config))
            hc = start() if headcount_first else None
            child = stack.enter_context(stranger(HERE))
            stops_listening(child)
            with at(HERE, CAP) as ours:
                hc = hc or start()
                if "label" not in config:
                    hc.reload(labels())
                equal(tries(child), CAP * ["EPERM"], f"the stranger, {headcount_first}")
                equal(serves(ours), CAP * ["ok"], f"the server, {headcount_first}")
                equal(tries(child), CAP * ["EPERM"], "again")


@test
def other_namespace():
    """nor in another namespace that is enforced, below 1024 too if root of a namespace rules there"""
    with Headcount(section("headcount", netns="/proc/self/ns/net, c1") + labels()), \
            stranger(CLIENT, namespace="c1") as child, at(HERE, CAP) as ours:
        equal(tries_after(child), CAP * ["EPERM"], "the stranger")
        equal(serves(ours), CAP * ["ok"], "the server")

    def rule(channel):
        """A namespace of its own, with all powers in it."""
        call("unshare", CLONE_NEWUSER | CLONE_NEWNET)
        answer(channel, "there")
        channel.recv(9)
        answer(channel, "named")
        channel.recv(9)
        with open("/proc/self/uid_map") as ids:
            assert ids.read().strip() == ""  # nobody else's uid
        hold(channel, "127.0.0.1", port=LOW)
    with Child(rule, uid=UID) as child:
        equal(child.hear(), "there", "a namespace")
        with Headcount(section("headcount", netns=f"/proc/self/ns/net, /proc/{child.pid}/ns/net") + labels(listen=LOW)):
            child.tell()
            equal(child.hear(), "named", "a namespace")
            bring_up(child.pid)
            child.tell()
            try:
                equal(child.hear(), "listens", "the stranger")
            except AssertionError:
                raise Skip("nobody may listen there")
            equal(tries_after(child), CAP * ["EPERM"], "the stranger, below 1024")


def bring_up(pid):
    run("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "link", "set", "lo", "up")


def tries_after(child):
    stops_listening(child)
    return tries(child)


@test
def low_ports():
    """on a port that takes a privilege whoever listens is believed, as a sysctl says which those are"""
    def low(uid):
        """A server of that account's, which root let listen there."""
        def make(channel):
            become(uid)
            with listen(HERE, LOW) as listener:
                socket.send_fds(channel, [b"fd"], [listener.fileno()])
                channel.recv(1)
        with Child(make) as child:
            return socket.socket(fileno=socket.recv_fds(child.channel, 2, 1)[1][0])
    with Headcount(labels(listen=LOW)):
        for first, said in (1024, "ok"), (LOW, "EPERM"):
            sysctl("net.ipv4.ip_unprivileged_port_start", first)
            with low(UID) as listener, inside("c1"):
                client = plain_connect(HERE, LOW)
                server = listener.accept()[0]
                equal(as_user(UID, label, server, b"alice", keep=[server.fileno()]), said, f"unprivileged from {first}")
                client.close()
                server.close()
    sysctl("net.ipv4.ip_unprivileged_port_start", 1024)


@test
def named():
    """a server of an ordinary account gives labels if labellers names it, and no other account does; a reload changes it"""
    with Headcount(labels()) as hc:
        with at(HERE, CAP, uid=UID) as ours:
            equal(serves(ours), CAP * ["EPERM"], "by default")
            hc.wait_said(f"headcount: imap: a label was not taken: .* port {PORT} belongs to uid {UID}, none of .* labellers")
            refused = {"service": "imap", "count": CAP, "uid": UID, "port": PORT}
            equal(ask("status")["labels_untrusted"], [refused], "status")
            equal(f"imap: labels not taken: {CAP}; of the last the socket that listened on port {PORT} belongs to uid {UID}, none of"
                  in headcount("status")[1], True, headcount("status")[1])
            code, out, err = headcount("label", "--fd", "0", "alice", stdin=ours[0].server, user=UID)
            equal((code, out, "none of the service's labellers" in err), (1, "", True), f"headcount label --fd: {err}")
            refused = [{**refused, "count": CAP + 1}]
            equal(ask("status")["labels_untrusted"], refused, "status")
            hc.reload(labels(labellers=f"daemon, {UID}"))
            equal(serves(ours), CAP * ["ok"], "listed")
            equal((row("labellers"), ask("policy")["labellers"]),
                  ("listed", [{"service": "imap", "uid": 1}, {"service": "imap", "uid": UID}]), "policy")
        users_are({})
        with at(HERE, CAP) as ours:
            equal(serves(ours), CAP * ["EPERM"], "root is not listed")
            equal([label(pair.server, b"alice") for pair in ours[:1]], ["ok"], "with CAP_NET_ADMIN")
            equal(headcount("label", f"--id={ours[1].id}", "alice")[0], 0, "headcount label")
            users_are({"alice": 2, f"unlabelled/{CLIENT}": 1})
        for labellers, word, said in ("*", "everybody", "ok"), (str(UID), "listed", "ok"), (None, "system", "EPERM"), (str(UID + 1), "listed", "EPERM"):
            hc.reload(labels(**{"labellers": labellers} if labellers else {}))
            with at(HERE, 1, uid=UID) as ours:
                equal((serves(ours), row("labellers"), row("labeller_uid_max")), ([said], word, 999 if word == "system" else None), labellers)
        until_equal(lambda: len([line for line in hc.said if "label was not taken" in line]), 4, "once after each reload")


def row(key):
    return [r for r in ask("policy")["services"] if r["service"] == "imap"][0][key]


@test
def login_defs():
    """which accounts are the system's is read from login.defs, with the configuration"""
    with open("/run/login.defs", "w") as file:
        file.write(f"UID_MIN {UID + 1}\n")
    os.chmod("/run/login.defs", 0o644)
    run("mount", "--bind", "/run/login.defs", "/etc/login.defs")
    try:
        with Headcount(labels()) as hc, at(HERE, 2, uid=UID) as (one, two):
            equal((row("labeller_uid_max"), serves([one])), (UID, ["ok"]), "up to this one")
            with open("/run/login.defs", "w") as file:
                file.write("SYS_UID_MAX 499\nUID_MIN 500\n")
            hc.reload(labels())
            equal((row("labeller_uid_max"), serves([two])), (499, ["EPERM"]), "after a reload")
    finally:
        run("umount", "/etc/login.defs")


@test
def pinned():
    """it holds without the daemon, and is adopted"""
    with Headcount(labels(labellers=UID + 2), "--pin") as hc:
        with at(HERE, 1, uid=UID + 2) as ours, stranger("127.0.0.5") as child:
            stops_listening(child)
            hc.end(signal.SIGKILL)
            equal((tries(child), serves(ours)), (CAP * ["EPERM"], ["ok"]), "without a daemon")
            equal(ask("status")["labels_untrusted"][0]["count"], CAP, "status")
            with Headcount(labels(labellers=UID + 2), "--pin") as next:
                equal(tries(child), CAP * ["EPERM"], "adopted")
                next.wait_said("a label was not taken")
        run(PROGRAM, "detach")


@test
def two_headcounts():
    """of two, as while another build takes over, each takes the label that the process gives"""
    def apart():
        call("unshare", CLONE_NEWNS)
        for command in ("mount --make-rprivate /", "mount -t bpf bpf /sys/fs/bpf", "touch /run/headcount.lock /run/other.lock",
                        "mount --bind /run/other.lock /run/headcount.lock"):
            run(*command.split())
    with Headcount(labels()) as one, Headcount(labels(), preexec_fn=apart) as two, at(HERE, CAP + 1) as ours:
        equal(serves(ours), CAP * ["ok"] + ["EDQUOT"], "the server")
        for hc in one, two:
            until(lambda: sum(e["event.action"] == "session-labelled" and e["headcount.user"] == "alice" for e in list(hc.events)) == CAP, "events")


main()
