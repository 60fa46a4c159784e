#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""headcount label: whose a session is, said from outside of the server."""
from labelling import *

client_host(1)
HERE, HERE6, CLIENT, PORT, OTHER = address(1), address(1, family=6), address(1, 2), 7143, 7144
IPPROTO_MPTCP = 262
BARE = f"unlabelled/{CLIENT}"


def sessions(count, where=HERE, port=PORT):
    return pairs(count, where, port, "c1")


def label(*words, **options):
    return headcount("label", *words, **options)


def refused(*words, want=1, **options):
    return one_line(*label(*words, **options), want, f"label {words}")


class Lines:
    """`headcount label -`, asked a line at a time."""

    def __init__(self, *options, **how):
        self.process = start(PROGRAM, "label", *options, "-", stdin=subprocess.PIPE, **how)

    def ask(self, line):
        self.process.stdin.write(line if isinstance(line, bytes) else line.encode())
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().rstrip("\n")

    def json(self, **words):
        return json.loads(self.ask(json.dumps(words)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        equal((self.process.wait(20 * SLOW), self.process.stderr.read()), (0, b""), "the end of label -")
        self.process.stdout.close()


@test
def forms():
    """by id, by the client's end, by both ends, in a namespace, over IPv4 and IPv6"""
    with Headcount(by_label(PORT, cap=9)), sessions(3) as (one, two, three), sessions(1, HERE6, OTHER) as _:
        for words in (["--id", str(one.id), "jsmith"], ["--remote", two.remote, "jsmith"],
                      ["--remote", three.remote, "--local", three.local, "--netns", "/proc/self/ns/net", "--", "--carol"]):
            equal(label(*words), (0, "", ""), f"label {words}")
        equal([pair.label() for pair in (one, two, three)], [b"jsmith", b"jsmith", b"--carol"], "labels")
        users_are({"jsmith": 2, "--carol": 1})
        equal(label("--json", "-r", one.remote, "-l", one.local, "another"), (0, '{"result":"ok"}\n', ""), "another label")
        users_are({"jsmith": 1, "another": 1, "--carol": 1})
    with Headcount(by_label(PORT)), sessions(1, HERE6) as (six,):
        equal(label("--remote", six.remote, "jsmith"), (0, "", ""), "IPv6")
        equal(label("--remote", six.remote, "--local", six.local, "-"), (0, "", ""), "a name that is -")
        equal(six.label(), b"-", "label")


@test
def namespaces():
    """a session in another namespace is found there, and nowhere else"""
    with Headcount(section("headcount", netns=["/proc/self/ns/net", "c1"]) + by_label(PORT)):
        with listen("::", PORT, "c1") as listener, contextlib.closing(Pair(listener, CLIENT, PORT, None)) as pair:
            for words in ["--remote", pair.remote], ["--remote", pair.remote, "--local", pair.local]:
                equal("no session with" in refused(*words, "jsmith"), True, "here")
                equal(label(*words, "--netns", "c1", f"jsmith{len(words)}"), (0, "", ""), "there")
                equal(pair.label(), b"jsmith%d" % len(words), "label")
            equal("no-such" in refused("--remote", pair.remote, "--netns", "no-such", "a"), True, "no namespace")
            with Lines() as lines:
                equal(lines.json(remote=pair.remote, netns="c1", name="carol"), {"result": "ok"}, "a line")
                equal(lines.json(remote=pair.remote, name="carol")["result"], "error", "a line")


@test
def descriptors():
    """--fd: a child labels the descriptor that it inherits, without privileges"""
    with Headcount(by_label(PORT)), sessions(4) as made:
        number = made[0].server.fileno()
        equal(label("--fd", str(number), "jsmith", pass_fds=[number]), (0, "", ""), "as root")
        as_nobody = dict(user=UID, group=UID, extra_groups=[])
        done = label("--fd", "0", "jsmith", stdin=made[1].server, **as_nobody)
        equal(done, (0, "", ""), "as standard input")
        equal("only root" in refused("--fd", "0", "carol", stdin=made[1].server, **as_nobody), True, "another label")
        equal("over the cap of jsmith" in refused("--fd", "0", "jsmith", stdin=made[2].server, **as_nobody), True, "over the cap")
        code, out, _ = label("--json", "--fd", "0", "jsmith", stdin=made[2].server, **as_nobody)
        equal((code, json.loads(out)["result"]), (1, "over-cap"), "over the cap, in JSON")
        equal("must be run as root" in label("--kill", "--fd", "0", "jsmith", stdin=made[2].server, **as_nobody)[2], True, "--kill")
        equal(made[2].is_reset(), False, "closed")
        equal("was closed" in refused("--kill", "--fd", "0", "jsmith", stdin=made[2].server), True, "--kill as root")
        until_equal(made[2].is_reset, True, "closed")
        users_are({"jsmith": 2, BARE: 1})
        with open("/dev/null") as null, listen("::", OTHER) as listener:
            for file, words in (null, "Socket operation"), (made[3].client, "no session of a service by label"), \
                    (listener, "no session of a service by label"):
                equal(words in refused("--fd", "0", "a", stdin=file), True, f"of {file}")
        equal("Bad file descriptor" in refused("--fd", "99", "a"), True, "of nothing")
    with sessions(1) as (bare,):
        equal("not running" in refused("--fd", "0", "a", stdin=bare.server), True, "without headcount")


@test
def mptcp():
    """an MPTCP connection is labelled by its descriptor and by its ends, and is closed as a whole"""
    with Headcount(by_label(PORT, cap=1)):
        try:
            listener = listen("0.0.0.0", PORT, protocol=IPPROTO_MPTCP)
            with inside("c1"):
                clients = [new_socket(protocol=IPPROTO_MPTCP) for _ in range(3)]
        except OSError as error:
            raise Skip(f"no MPTCP: {error}")
        servers = []
        for client in clients:
            client.connect((HERE, PORT))
            servers.append(listener.accept()[0])
        equal(label("--fd", "0", "jsmith", stdin=servers[0]), (0, "", ""), "by its descriptor")
        equal("was closed" in refused("--kill", "--fd", "0", "jsmith", stdin=servers[1]), True, "--kill by its descriptor")
        equal("was closed" in refused("--kill", "--remote", end_text(servers[2].getpeername()), "jsmith"), True, "--kill by its ends")
        for client in clients[1:]:
            until(lambda: readable(client, 0), "the end")
        users_are({"jsmith": 1})
        for s in clients + servers + [listener]:
            s.close()


@test
def over_the_cap():
    """over the cap: exit 1, says so, nothing has changed; --kill closes the session, and only then"""
    with Headcount(by_label(PORT)) as hc, sessions(5) as made:
        for pair in made[:2]:
            equal(label("--kill", "--id", str(pair.id), "jsmith"), (0, "", ""), "under it")
        for words in ["--id", str(made[2].id)], ["--remote", made[2].remote]:
            equal(refused(*words, "jsmith"), "headcount: over the cap of jsmith, or the total of the service", "said")
        equal((made[2].label(), made[2].is_reset()), (None, False), "it stays")
        users_are({"jsmith": 2, BARE: 3})
        equal(refused("--kill", "--remote", made[2].remote, "jsmith"),
              "headcount: over the cap of jsmith, or the total of the service: the session was closed", "said")
        until_equal(made[2].is_reset, True, "closed")
        hc.wait_event(event__action="session-killed", headcount__user=BARE)
        users_are({"jsmith": 2, BARE: 2})
        with Lines("--kill") as lines:
            answer = lines.json(id=made[3].id, name="jsmith")
            equal((answer["result"], answer["closed"]), ("over-cap", True), "for every line")
        with Lines() as lines:
            equal(lines.ask(f"--id {made[4].id} jsmith").split(" ")[0], "over-cap", "without")
            equal(lines.json(id=made[4].id, name="jsmith", kill=False)["closed"], False, "without")
            equal(made[4].is_reset(), False, "it stays")
            equal(lines.ask(f"--id={made[4].id} --kill jsmith"),
                  "over-cap over the cap of jsmith, or the total of the service: the session was closed", "this one")
        until_equal(lambda: (made[3].is_reset(), made[4].is_reset()), (True, True), "closed")
        users_are({"jsmith": 2})
        equal([pair.is_reset() for pair in made[:2]], [False, False], "those under the cap")


@test
def ambiguous():
    """a client's end that is that of several sessions: how many, and none is labelled"""
    with Headcount(by_label(f"{PORT}, {OTHER}", cap=9)), listen("::", PORT) as one, listen("::", OTHER) as other:
        with inside("c1"):
            clients = [new_socket() for _ in range(2)]
            for client in clients:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                client.bind((CLIENT, 40000))
            for client, port in zip(clients, (PORT, OTHER)):
                client.connect((HERE, port))
        servers = [one.accept()[0], other.accept()[0]]
        equal(refused("--remote", f"{CLIENT}:40000", "jsmith"),
              f"headcount: 2 sessions with {CLIENT}:40000: say which by local, too", "said")
        users_are({BARE: 2})
        equal(label("--remote", f"{CLIENT}:40000", "--local", f"{HERE}:{OTHER}", "jsmith"), (0, "", ""), "whole")
        equal(servers[1].getsockopt(SOL, LABEL, 64), b"jsmith", "label")
        users_are({BARE: 1, "jsmith": 1})
        for s in clients + servers:
            s.close()
    with Headcount(by_label(PORT)), sessions(1) as (one,):
        left_over(one)
        equal(label("--remote", one.remote, "jsmith"), (0, "", ""), "beside an entry that was left over")
        equal("no session with" in refused("--remote", one.remote, "--local", f"{HERE}:1", "jsmith"), True, "that entry")


def left_over(pair):
    """Another entry of the index, with this remote end, whose session is not there."""
    for number in [str(m["id"]) for m in json.loads(run("bpftool", "-j", "map", "show")) if m.get("name") == "hc_sockets"]:
        entries = []
        with contextlib.suppress(AssertionError):  # another test's may be gone by now
            entries = json.loads(run("bpftool", "-j", "map", "dump", "id", number))
        for entry in entries:
            key, value = entry["key"], entry["value"]
            if struct.unpack("=Q", bytes(int(byte, 16) for byte in value[:8])) == (pair.id,):
                key[32:34], value[:8] = ["0x01", "0x00"], ["0x01"] + ["0x00"] * 7  # from port 1, session 1
                run("bpftool", "map", "update", "id", number, "key", *key, "value", *value)
                return
    raise AssertionError("the session is not in the index")


@test
def unknown():
    """sessions that there are not, or not by label; no headcount; bad usage"""
    plain = service("pop", listen=OTHER)
    with Headcount(by_label(PORT) + plain), sessions(1) as (one,), sessions(1, port=OTHER) as (pop,):
        equal("no such session" in refused("--id", "1", "a"), True, "no id")
        equal("not of a service by label" in refused("--id", str(pop.id), "a"), True, "another service")
        for words in ["--remote", pop.remote], ["--remote", pop.remote, "--local", pop.local], ["--remote", "192.0.2.1:1"]:
            equal("is of a service by label" in refused(*words, "a"), True, f"{words}")
        equal("ended" in refused("--fd", "0", "a", stdin=ended(one)), True, "ended")
        for words in ([], ["jsmith"], ["--id", "1"], ["--id", "x", "a"], ["--id", "1", "--fd", "3", "a"], ["--fd", "-1", "a"],
                      ["--remote", "192.0.2.1", "a"], ["--remote", "192.0.2.1:0", "a"], ["--remote", "192.0.2.1:1-2", "a"],
                      ["--remote", "host:1", "a"], ["--remote", "0.0.0.0:1", "a"], ["--local", "192.0.2.1:1", "a"], ["--netns", "c1", "a"],
                      ["--id", "1", "--netns", "c1", "a"], ["--id", "1", ""], ["--id", "1", "x" * 65], ["--json", "-"], ["--id", "1", "a", "b"]):
            refused(*words, want=2)
        equal("must be run as root" in refused("--id", "1", "a", user=UID, group=UID, extra_groups=[]), True, "no privileges")
        equal("must be run as root" in refused("-", user=UID, group=UID, extra_groups=[]), True, "no privileges")
    with Headcount(plain):
        equal("not of a service by label" in refused("--remote", "192.0.2.1:1", "a").replace("is of", "not of"), True, "no service")
    for words in ["--id", "1", "a"], ["--remote", "192.0.2.1:1", "a"], ["-"]:
        equal("not running" in refused(*words), True, f"{words}")


def ended(pair):
    pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    pair.client.close()
    until(lambda: readable(pair.server, 0), "the reset")
    return pair.server


@test
def hostile():
    """hostile names and lines: escaped, told apart, and answered by one line each"""
    names = {b"\x1b[31m\n\x7f": "%1b[31m%0a%7f", b"unlabelled/x": "%75nlabelled/x", b"\xff\xfe": "%ff%fe", "Jürgen".encode()[:2]: "J%c3",
             b"x" * 64: "x" * 64, b"imap": "imap", b'"},{"a': '"},{"a', b"%61dmin*": "%2561dmin%2a", b"\\u0041": "%5cu0041"}
    with Headcount(by_label(PORT)), sessions(len(names)) as made, Lines() as lines:
        for pair, name in zip(made, names):
            words = json.dumps({"id": pair.id, "name": name.decode("utf-8", "surrogateescape")}, ensure_ascii=False)
            equal(lines.ask(words.encode("utf-8", "surrogateescape")), '{"result":"ok"}', f"{name}")
            equal(pair.label(), name, "label")
        users_are({text: 1 for text in names.values()})
        equal(lines.json(id=made[0].id, name="\x1b\n")["result"], "ok", "escapes of JSON")
        equal(made[0].label(), b"\x1b\n", "label")
        for name, said in ("x" * 65, "65 bytes"), ("", "empty"), ("a\0b", "NUL"), (7, "string"), (None, "string"), (["a"], "string"):
            answer = lines.json(id=made[0].id, name=name)
            equal((answer["result"], said in answer["error"]), ("error", True), f"{name!r}: {answer}")
        for line, said in ((b"", "which session"), (b"   ", "which session"), (b"--id", "number"), (b"--id 1", "empty"), (b"--what 1 a", "--what"),
                           (b"{", "JSON"), (b"{}{}", "JSON"), (b"{} x", "JSON"), (b"{" * 4000, "JSON"), (b'{"colour":1}', "colour"),
                           (b'{"kill":1}', "kill"), (b'{"remote":"192.0.2.1:1\\u0000","name":"a"}', "NUL"), (b"x" * 100000, "longer"),
                           (b"--id 1 a\0b", "NUL"), (b"--remote \x1b[31m:1 a", "\\x1b[31m"), (b'{"id":1.5,"name":"a"}', "1.5"),
                           (b'{"remote":"\\u001b[31m\xff","name":"a"}', "\\x1b[31m\\xff"), (b'{"id":{"a":"b"},"name":"a"}', "number")):
            text = lines.ask(line)
            if line.startswith(b"{"):
                answer = json.loads(text)
                equal(answer["result"], "error", f"{line[:99]}")
                text = "error " + answer["error"]
            equal((text[:6], said in text, [c for c in text if ord(c) < 32]), ("error ", True, []), f"{line[:99]}: {text!r}")
        equal(lines.ask(f"  --id  {made[1].id} -- --kill a \x1b name"), "ok", "the rest of the line")
        equal(made[1].label(), b"--kill a \x1b name", "label")
    with Headcount(by_label(PORT)), sessions(1) as (one,):
        done = subprocess.run([PROGRAM, "label", "-"], input=f"--id {one.id} jsm", text=True, capture_output=True, timeout=60)
        equal((done.returncode, done.stdout[:6], one.label()), (0, "error ", None), "a line cut short")


@test
def many_lines():
    """thousands of lines, written before any answer is read; each is answered, in order, at once"""
    count = fewer(5000)
    with Headcount(by_label(PORT, cap=9)), sessions(4) as made:
        def line(number):
            pair, name = made[number % 4], f"user{number % 7}"
            return [json.dumps({"id": pair.id, "name": name}), f"--remote {pair.remote} {name}", "bad",
                    json.dumps({"remote": pair.remote, "local": pair.local, "name": name}), "{bad"][number % 5]
        done = subprocess.run([PROGRAM, "label", "-"], input="".join(line(i) + "\n" for i in range(count)), text=True,
                              capture_output=True, timeout=80 * SLOW)
        equal((done.returncode, done.stderr), (0, ""), "end")
        answers = [text[:11] if text[0] == "{" else text.split()[0] for text in done.stdout.splitlines()]
        want = ['{"result":"', "ok", "error", '{"result":"', '{"result":"']
        equal(answers == [want[i % 5] for i in range(count)], True, f"answers: {answers[:20]}")
        equal(collections.Counter(text for text in done.stdout.splitlines() if text.startswith('{"result":"o')),
              {'{"result":"ok"}': sum(i % 5 in (0, 3) for i in range(count))}, "labels")
        with Lines() as lines:
            for number in range(3):
                equal(lines.ask(line(1)), "ok", "an answer while the input is open")


@test
def restarted():
    """label - outlives headcount: errors while it is away, and labels for the next one"""
    with sessions(2) as (one, two):
        with Headcount(service("imap", listen=PORT)) as hc, Lines() as lines:
            equal(lines.json(remote=one.remote, name="jsmith")["result"], "error", "by client")
            hc.reload(by_label(PORT))
            equal(lines.json(remote=one.remote, name="jsmith")["result"], "ok", "by label")
            hc.end()
            answer = lines.json(id=two.id, name="jsmith")
            equal((answer["result"], "not running" in answer["error"]), ("error", True), f"away: {answer}")
            with Headcount(by_label(PORT)):
                users_are({BARE: 2})
                equal(lines.json(remote=two.remote, name="jsmith")["result"], "ok", "again")
                users_are({BARE: 1, "jsmith": 1})
        with Headcount(by_label(PORT), "--pin") as hc:
            hc.end(signal.SIGKILL)
            equal(label("--remote", one.remote, "jsmith"), (0, "", ""), "pinned")
            users_are({BARE: 1, "jsmith": 1})
        run(PROGRAM, "detach")


@test
def nobody_reads():
    """label - ends when nobody reads its answers, or cannot"""
    with Headcount(by_label(PORT)):
        done = subprocess.run(["sh", "-c", f"yes bad | {PROGRAM} label - >/dev/full"], capture_output=True, text=True, timeout=60 * SLOW)
        equal((done.returncode, done.stderr), (1, "headcount: cannot write all to standard output\n"), "full")


main()
