#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""user = label: setsockopt() says whose a session is, and the session is charged to that user."""
from clients import *

client_host(1)
HERE, HERE6, CLIENT = address(1), address(1, family=6), address(1, 2)
PORT, OTHER, CAP = 7143, 7144, 8
SOL, LABEL = 0x6863, 1
BARE = f"unlabelled/{CLIENT}"


def labels(name="imap", **settings):
    return service(name, **{"listen": PORT, "user": "label", "cap": CAP, **settings})


def label(connection, name):
    """What setsockopt() says; called so that threads do it at the same time."""
    number = connection if isinstance(connection, int) else connection.fileno()
    if libc.setsockopt(number, SOL, LABEL, name, len(name)):
        return errno.errorcode[ctypes.get_errno()]
    return "ok"


def label_of(connection, room=64):
    try:
        return connection.getsockopt(SOL, LABEL, room)
    except OSError as error:
        return errno.errorcode[error.errno]


def connect(count, port=PORT, where=HERE):
    """Sessions, the client's end and the server's of each, of one client."""
    with listen("::", port) as listener, inside("c1"):
        pairs = []
        for _ in range(count):
            client = plain_connect(where, port)
            pairs.append((client, listener.accept()[0]))
        return pairs


def close(pairs):
    for pair in pairs:
        for end in pair:
            end.close()


@contextlib.contextmanager
def sessions(count, **where):
    pairs = connect(count, **where)
    try:
        yield [server for _, server in pairs]
    finally:
        close(pairs)


def users_are(expected, service="imap"):
    def now():
        return {row["user"]: row["active"] for row in ask("users") if row["service"] == service and row["active"]}
    until_equal(now, expected, "users")


def clean():
    code, out, err = headcount("audit", "--json")
    equal((code, err), (0, ""), f"audit: {out}")


def all_gone(service="imap"):
    users_are({}, service)
    clean()


def at_once(connections, name):
    """Every connection is labelled by a thread of its own, at one instant."""
    barrier, said = threading.Barrier(len(connections)), []

    def give(connection):
        barrier.wait()
        said.append(label(connection, name))
    threads = [threading.Thread(target=give, args=(c,)) for c in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return dict(collections.Counter(said))


@test
def storm():
    """64 threads that label at one instant with cap 8: exactly eight, each time"""
    with Headcount(labels()):
        for round in range(int(60 / SLOW) or 1):
            name = b"jsmith%d" % (round % 3)
            with sessions(64) as servers:
                equal(at_once(servers, name), {"ok": CAP, "EDQUOT": 64 - CAP}, f"round {round}")
                users_are({name.decode(): CAP, BARE: 64 - CAP})
                clean()
            all_gone()
        equal(user("imap", "jsmith0", "peak"), CAP, "peak")


@test
def errors():
    """each errno: what is no session of labels is ENOPROTOOPT, as without headcount"""
    with Headcount(labels() + service("pop", listen=OTHER)), sessions(2) as (one, two), sessions(1, port=OTHER) as (pop,):
        with listen("::", PORT) as listener, inside("c1"):
            client = plain_connect(HERE, PORT)
            server = listener.accept()[0]
            equal([label(listener, b"a"), label(client, b"a"), label(pop, b"a")], 3 * ["ENOPROTOOPT"], "listener, client, pop")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as fresh, \
                    socket.socket(socket.AF_UNIX) as unix:
                equal([label(s, b"a") for s in (udp, fresh)], 2 * ["ENOPROTOOPT"], "UDP, not connected")
                equal(label(unix, b"a"), errno.errorcode[errno.EOPNOTSUPP], "unix")
            equal([label(one, n) for n in (b"", b"x" * 65, b"x" * 5000, b"x" * 100000, b"a\0b", b"a\0")],
                  ["EINVAL", "EMSGSIZE", "EMSGSIZE", "EMSGSIZE", "EINVAL", "EINVAL"], "lengths and NUL")
            equal(label_of(one), "ENODATA", "no label")
            equal([label(one, b"x" * 64), label(one, b"x" * 64)], ["ok", "ok"], "the longest, twice")
            equal(label_of(one), b"x" * 64, "getsockopt")
            equal(label_of(one, 63), "ERANGE", "getsockopt without room")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # RST
            until_equal(lambda: select.select([server], [], [], 0)[0] != [], True, "the reset")
            equal(label(server, b"a"), "ENOTCONN", "ended")
            server.close()
        equal(label(two, b"jsmith"), "ok", "another")
        users_are({"x" * 64: 1, "jsmith": 1})
    with sessions(1) as (bare,):
        equal((label(bare, b"a"), label_of(bare)), ("ENOPROTOOPT", "ENOPROTOOPT"), "without headcount")


@test
def descriptors():
    """dup'ed and passed descriptors, IPv6 and IPv4-mapped: the session is labelled, whoever has it"""
    with Headcount(labels()):
        with sessions(3) as (one, two, three), sessions(1, where=HERE6) as (six,):
            copy = os.dup(one.fileno())
            equal((label(copy, b"jsmith"), label(one, b"jsmith")), ("ok", "ok"), "dup")
            os.close(copy)

            def passed(channel):
                _, (fd,), _, _ = socket.recv_fds(channel, 2, 1)
                answer(channel, label(fd, b"jsmith"))
                channel.recv(1)
            with Child(passed, uid=UID) as child:
                socket.send_fds(child.channel, [b"fd"], [three.fileno()])
                equal(child.hear(), "ok", "passed, by another user")
            equal(label(six, b"jsmith"), "ok", "IPv6")
            users_are({"jsmith": 3, BARE: 1})
            equal([label_of(s) for s in (one, three, six)], 3 * [b"jsmith"], "getsockopt")
        all_gone()


@test
def ways():
    """Fast Open, an IPv4-mapped client and MPTCP are labelled, too"""
    sysctl("net.ipv4.tcp_fastopen", 3, None, "c1")
    MPTCP = 262
    with Headcount(labels()):
        with listen("::", PORT, options=[(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 10)]) as listener, inside("c1"):
            pairs = []
            for connect in fast_open, fast_open, mapped_connect:  # the first gets a cookie
                client = connect(HERE, PORT)
                pairs.append((client, listener.accept()[0]))
            equal([label(server, b"jsmith") for _, server in pairs], 3 * ["ok"], "labels")
            users_are({"jsmith": 3})
            close(pairs)
            all_gone()
        try:
            sysctl("net.mptcp.enabled", 1, None, "c1")
        except OSError as error:
            raise Skip(f"MPTCP: {error}")
        with listen("0.0.0.0", PORT, protocol=MPTCP) as listener:
            for protocol in MPTCP, 0:  # 0: it falls back
                client = new_socket(namespace="c1", protocol=protocol)
                client.connect((HERE, PORT))
                server = listener.accept()[0]
                equal((label(server, b"jsmith"), label_of(server)), ("ok", b"jsmith"), f"protocol {protocol}")
                users_are({"jsmith": 1})
                client.close()
                server.close()
                all_gone()


@test
def once():
    """a label is given once: another one needs CAP_NET_ADMIN, of the initial user namespace"""
    with Headcount(labels()) as hc, sessions(1) as (one,):
        def give(name, unshare=False):
            if unshare:
                call("unshare", 0x10000000)  # CLONE_NEWUSER: all capabilities, but not here
            return label(one, name)
        equal(as_user(UID, give, b"jsmith", keep=(one.fileno(),)), "ok", "the first")
        equal(as_user(UID, give, b"jsmith", keep=(one.fileno(),)), "ok", "the same")
        equal(as_user(UID, give, b"root", keep=(one.fileno(),)), "EPERM", "another")
        equal(as_user(UID, give, b"root", True, keep=(one.fileno(),)), "EPERM", "another, as root of a namespace")
        users_are({"jsmith": 1})
        equal(label(one, b"carol"), "ok", "by root")
        users_are({"carol": 1})
        hc.wait_event(event__action="session-labelled", headcount__user="carol", headcount__user_before="jsmith")


@test
def hostile():
    """hostile names: escaped, told apart, and read back by cap and users"""
    names = {b"\x1b[31m\n\x7f": "%1b[31m%0a%7f", b"unlabelled/" + CLIENT.encode(): "%75nlabelled/" + CLIENT, b"imap": "imap",
             b"label#" + b"0" * 32: "%6cabel#" + "0" * 32, "Jürgen".encode()[:2]: "J%c3", b"a\\x41%41*": "a%5cx41%2541%2a",
             b"\xff" * 64: "%ff" * 64, b'"><script>': '"><script>', b" ": "%20", b"-": "-", b"../..": "../.."}
    with Headcount(labels()) as hc, sessions(len(names) + 1) as servers:
        for server, (name, text) in zip(servers, names.items()):
            equal(label(server, name), "ok", text)
        users_are({**{text: 1 for text in names.values()}, BARE: 1})
        equal(sorted(row["user"] for row in ask("sessions", "--service=imap")), sorted([*names.values(), BARE]), "sessions")
        for text in names.values():
            equal(headcount("cap", "--", "imap", text, "3")[0], 0, f"cap of {text}")
            equal(user("imap", text, "cap"), 3, f"cap of {text}")
            hc.wait_event(event__action="session-labelled", headcount__user=text)
            equal([row["user"] for row in ask("sessions", f"--user={text}")], [text], f"sessions of {text}")
        equal({row["user"] for row in ask("policy")["caps"]}, set(names.values()), "policy")
        code, out, _ = headcount("users")
        equal((code, [c for c in out if ord(c) < 32 and c != "\n"]), (0, []), "text")


@test
def overrides():
    """override takes labels and prefixes; cap takes labels and clients without one"""
    config = labels(override=["root unlimited", "adm* 3", "admin 2", "J%c3%bcrgen 1", "svc* total=exempt"], cap=1)

    def held(name, count=4):
        with sessions(count) as servers:
            return sum(label(s, name.encode()) == "ok" for s in servers)
    with Headcount(config):
        equal([held(n) for n in ("root", "adm", "admiral", "admin", "adminx", "Jürgen", "jsmith", "ad")], [4, 3, 3, 2, 3, 1, 1, 1], "held")
        equal(headcount("cap", "imap", "admin", "4")[0], 0, "cap")
        equal((held("admin"), user("imap", "admin", "cap")), (4, 4), "cap admin 4")
        equal(headcount("cap", "imap", "admin", "default")[0], 0, "cap")
        equal((held("admin"), user("imap", "admin", "cap")), (2, 2), "cap admin default")
        equal({(row["user"], row["cap"]) for row in ask("policy")["overrides"]},
              {("root", None), ("adm*", 3), ("admin", 2), ("Jürgen", 1), ("svc*", 1)}, "policy")
        code, _, err = headcount("cap", "imap", "adm*", "4")
        equal((code, "more than one user" in err), (1, True), f"cap of a prefix: {err}")


@test
def observed():
    """observe lets it pass and reports; an unlimited service counts"""
    with Headcount(labels(cap=2, excess="observe")) as hc:
        with sessions(4) as servers:
            equal(at_once(servers, b"jsmith"), {"ok": 4}, "observe")
            users_are({"jsmith": 4})
            hc.wait_event(event__action="session-refused", headcount__user="jsmith", headcount__excess="observe")
            equal(user("imap", "jsmith", "refused"), 2, "refused")
        hc.reload(labels(cap="unlimited"))
        with sessions(20) as servers:
            equal(at_once(servers, b"jsmith"), {"ok": 20}, "unlimited")
            users_are({"jsmith": 20})
        all_gone()


@test
def events():
    """session-labelled, and session-refused with the label"""
    with Headcount(labels(cap=1)) as hc, sessions(2) as (one, two):
        equal([label(one, b"jsmith"), label(two, b"jsmith")], ["ok", "EDQUOT"], "labels")
        given = hc.wait_event(event__action="session-labelled")
        equal((given["headcount.user"], given["headcount.user_before"], given["headcount.active"], given["headcount.cap"], given["rule.name"]),
              ("jsmith", BARE, 1, 1, "imap"), "labelled")
        refused = hc.wait_event(event__action="session-refused")
        equal((refused["headcount.user"], refused["headcount.scope"], refused["source.ip"], refused["headcount.cap"]),
              ("jsmith", "user", CLIENT, 1), "refused")
        equal(user("imap", "jsmith"), dict(service="imap", user="jsmith", active=1, cap=1, peak=1, opened=1, refused=1, excess="reject", idle_s=None), "user")
        one.close()
        closed = hc.wait_event(event__action="session-closed", headcount__user="jsmith")
        equal(closed["headcount.session.id"], given["headcount.session.id"], "the same session")
        equal([label(two, b"jsmith")], ["ok"], "once there is room")


@test
def total():
    """the total counts sessions with and without a label, once; exempt labels leave it"""
    config = labels(cap=2, total=4, override=["root unlimited total=exempt"])

    def total_is(number):
        until_equal(lambda: [row["total_active"] for row in ask("policy")["services"] if row["service"] == "imap"][0], number, "of the total")
    with Headcount(config):
        with sessions(4) as servers:
            equal([label(s, b"jsmith") for s in servers[:3]], ["ok", "ok", "EDQUOT"], "jsmith")
            total_is(4)
            equal(label(servers[3], b"root"), "ok", "exempt")
            total_is(3)
            with sessions(1) as (more,):
                total_is(4)
                equal(label(servers[3], b"carol"), "EDQUOT", "from exempt, when the total is full")
                equal(label_of(servers[3]), b"root", "nothing has changed")
                users_are({"jsmith": 2, "root": 1, BARE: 2})
                equal(label(more, b"root"), "ok", "exempt")
                total_is(3)
                equal(label(servers[3], b"carol"), "ok", "from exempt, with room")
                total_is(4)
        all_gone()
        total_is(0)


@test
def unlabelled():
    """unlabelled caps the sessions of one client that have no label yet"""
    with Headcount(labels(unlabelled=2)), Server(HERE, PORT) as server, inside("c1"):
        clients = [plain_connect(HERE, PORT) for _ in range(2)]
        until_equal(lambda: len(server.connections), 2, "accepted")
        raises = 0
        try:
            plain_connect(HERE, PORT)
        except ConnectionRefusedError:
            raises = 1
        equal(raises, 1, "the third is refused")
        equal(user("imap", BARE, "cap"), 2, "cap")
        equal(label(server.connections[0], b"jsmith"), "ok", "label")
        clients.append(plain_connect(HERE, PORT))
        users_are({BARE: 2, "jsmith": 1})
        for client in clients:
            client.close()
        server.close_dead(3)
        all_gone()


@test
def grace():
    """login_grace closes sessions that have no label after that time, and tells of it as kill does"""
    with Headcount(labels(login_grace=1)) as hc, sessions(3) as (one, two, three):
        equal(label(one, b"jsmith"), "ok", "label")
        for _ in range(2):
            hc.wait_event(event__action="session-killed", headcount__user=BARE)
        closed = hc.wait_event(event__action="session-closed", headcount__user=BARE)
        equal(closed["event.reason"], "killed", "reason")
        users_are({"jsmith": 1})
        equal(label(two, b"jsmith"), "ENOTCONN", "closed")
        hc.reload(labels(login_grace=0))
        with sessions(1), sessions(1):
            users_are({"jsmith": 1, BARE: 2})
            hc.reload(labels(login_grace=2))
            users_are({"jsmith": 1})
        equal(label_of(one), b"jsmith", "it stays")


@test
def reloads():
    """a reload makes a service one by label, moves labels to another service, and forgets them"""
    plain = service("imap", listen=PORT, cap=CAP)
    with Headcount(plain) as hc, sessions(3) as servers:
        equal(label(servers[0], b"jsmith"), "ENOPROTOOPT", "by client")
        equal("on_setsockopt" in attached(), False, "attached")
        hc.reload(labels())
        equal("on_setsockopt" in attached(), True, "attached")
        users_are({BARE: 3})
        equal([label(s, b"jsmith") for s in servers[:2]], ["ok", "ok"], "by label")
        users_are({"jsmith": 2, BARE: 1})
        hc.reload(labels("pop", cap=1))
        users_are({"jsmith": 2, BARE: 1}, "pop")
        equal((label(servers[2], b"jsmith"), label(servers[2], b"carol")), ("EDQUOT", "ok"), "in pop")
        equal(label_of(servers[0]), b"jsmith", "getsockopt")
        clean()
        hc.reload(plain)
        users_are({CLIENT: 3})
        equal("on_setsockopt" in attached(), False, "attached")
        hc.reload(labels())
        users_are({BARE: 3})
        clean()
        close_all(servers)
        all_gone()


def close_all(connections):
    for connection in connections:
        connection.close()


def attached():
    return [row["program"] for row in ask("status")["attached"]]


@test
def pinned():
    """labels outlive the daemon with --pin, and are adopted"""
    with Headcount(labels(login_grace=3600), "--pin") as hc:
        with sessions(4) as servers:
            equal([label(s, b"jsmith") for s in servers[:2]], ["ok", "ok"], "labels")
            hc.end(signal.SIGKILL)
            equal([label(servers[2], b"carol")], ["ok"], "without a daemon")
            users_are({"jsmith": 2, "carol": 1, BARE: 1})
            equal((ask("status")["login_grace"], "login_grace does not hold" in headcount("status")[1]), (False, True), "status")
            with Headcount(labels(login_grace=3600), "--pin") as next:
                equal(ask("status")["login_grace"], True, "status")
                users_are({"jsmith": 2, "carol": 1, BARE: 1})
                equal(label(servers[3], b"jsmith"), "ok", "adopted")
                users_are({"jsmith": 3, "carol": 1})
                servers[2].close()
                next.wait_event(event__action="session-closed", headcount__user="carol")
        all_gone()
        run(PROGRAM, "detach")


@test
def resets():
    """a label in the same instant as the peer's RST: nothing is left over"""
    with Headcount(labels(cap=20)):
        with listen("::", PORT) as listener, inside("c1"):
            for _ in range(int(20 / SLOW) or 1):
                pairs = []
                for _ in range(40):
                    client = plain_connect(HERE, PORT)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    pairs.append((client, listener.accept()[0]))
                barrier, said = threading.Barrier(3), collections.Counter()

                def reset(part):
                    barrier.wait()
                    for client, _ in part:
                        client.close()

                def give():
                    barrier.wait()
                    for _, server in pairs:
                        said[label(server, b"jsmith")] += 1
                threads = [threading.Thread(target=reset, args=(pairs[:20],)), threading.Thread(target=reset, args=(pairs[20:],)),
                           threading.Thread(target=give)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                equal(set(said) <= {"ok", "ENOTCONN", "EDQUOT"}, True, f"answers: {said}")
                close(pairs)
        all_gone()
        equal(index_entries(), 0, "entries of the index of sessions by label")


def index_entries():
    """Of our addresses: others may run a headcount of their own."""
    maps = json.loads(run("bpftool", "-j", "map", "show"))
    entries = [entry for m in maps if m.get("name") == "hc_sockets"
               for entry in json.loads(run("bpftool", "-j", "map", "dump", "id", str(m["id"])))]
    return sum(bytes(int(byte, 16) for byte in entry["key"][12:14]) == bytes([10, MARK]) for entry in entries)


main()
