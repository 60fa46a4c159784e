#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Events: their keys and values, both ends of a connection, sums, hostile bytes, a closed stdout."""
from clients import *

client_host(1)
PORT = 7143
ALICE, BOB = address(1, 2), address(1, 3)
COMMON = """@timestamp event.kind event.category event.type event.action event.sequence event.dataset host.name agent.ephemeral_id
source.ip destination.ip destination.port network.transport network.type network.direction
network.community_id rule.name headcount.user headcount.active headcount.cap""".split()
OF_SESSIONS = "source.port event.start headcount.session.id process.pid process.name user.id".split()
OF_CLOSED = "event.duration source.bytes destination.bytes headcount.srtt_us headcount.retransmits".split()
EVIL = b"a\n\"\\\x1b[2J\xff\xc3"  # 11 bytes; a name holds 15


def config(**more):
    return service("imap", **{"listen": PORT, "user": "client/32/64", "cap": 10, **more}) \
        + service("outbound", user="uid", override=f"{UID} 50")


def talk(channel, where, source):
    """A session that sends 1000 bytes and receives 3000."""
    with plain_connect(where, PORT, source) as s:
        s.sendall(b"q" * 1000)
        left = 3000
        while left:
            left -= len(s.recv(left))
        answer(channel, s.getsockname()[1])
        channel.recv(1)


def conversation(where, source):
    """One such session from namespace c1; the client's port."""
    with contextlib.closing(listen("::", PORT)) as listener, \
            Child(talk, where, source, namespace="c1", uid=UID) as child:
        with listener.accept()[0] as s:
            left = 1000
            while left:
                left -= len(s.recv(left))
            s.sendall(b"a" * 3000)
            port = child.hear()
            child.tell()
            s.recv(1)
    return port


def both_ends(hc, port, action):
    """The two events of a connection to us: the server's and the client's. Others on this machine have the same ports."""
    def of(direction):
        return [e for e in list(hc.events) if (e["event.action"], e.get("source.port"), e.get("network.direction")) ==
                (action, port, direction) and e["destination.ip"].startswith((NET, NET6))]
    return [until(lambda: of(direction), f"{action} of port {port}, {direction}")[0] for direction in ("ingress", "egress")]


@test
def keys_and_values():
    """keys and values of opened and closed, over IPv4, IPv6 and from both ends"""
    with Headcount(config(cap=10)) as hc:
        for family, kind in ((4, "ipv4"), (6, "ipv6")):
            here, there = address(1, 1, family), address(1, 2, family)
            port = conversation(here, there)
            want = {"event.kind": "event", "event.category": ["network"], "event.dataset": "headcount.session",
                    "source.ip": there, "source.port": port, "destination.ip": here, "destination.port": PORT,
                    "network.transport": "tcp", "network.type": kind}
            for action, word in (("session-opened", "start"), ("session-closed", "end")):
                ends = both_ends(hc, port, action)
                for event, name, whose in zip(ends, ("imap", "outbound"), (user_of(there), str(UID))):
                    wanted = COMMON + OF_SESSIONS + (OF_CLOSED if word == "end" else [])
                    equal([key for key in wanted if key not in event], [], f"missing keys of {action} {name}")
                    equal({key: event[key] for key in want}, want, f"values of {action} {name}")
                    equal((event["event.type"], event["rule.name"], event["headcount.user"]),
                          (["connection", word], name, whose), "type, service and user")
                    if word == "end":
                        equal((event["source.bytes"], event["destination.bytes"]), (1000, 3000), "bytes")
                equal(ends[0]["network.community_id"], ends[1]["network.community_id"], "community id")
                equal((ends[0]["process.pid"], ends[0]["headcount.active"]),
                      (host_pid(os.getpid()), 1 if word == "start" else 0), "process and active")


@test
def reasons():
    """event.reason tells who ended a session: both, the peer, this side, an administrator"""
    def ending(how):
        with Server("0.0.0.0", PORT) as server:
            client = plain_connect(address(1), PORT)
            port = client.getsockname()[1]
            client.recv(1)  # unread, it would make our close() a reset
            if how == "abort":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if how == "kill":
                subprocess.run(["ss", "-K", "sport", "=", str(port)], capture_output=True, check=True)
            client.close()
            server.close_dead(1)
        return port

    with Headcount(config()) as hc:
        for how, want in (("close", ("finished", "finished")), ("abort", ("reset", "aborted")),
                          ("kill", ("reset", "killed"))):
            ends = both_ends(hc, ending(how), "session-closed")
            equal(tuple(e["event.reason"] for e in ends), want, f"reasons of {how}")


def user_of(there):
    return there if "." in there else f"{NET6}1::/64"


@test
def sequence_and_times():
    """sequence numbers have no gap; start and duration are those of the session"""
    with Headcount(config()) as hc:
        before = time.time()
        ports = [conversation(address(1), ALICE) for _ in range(5)]
        ends = [both_ends(hc, port, "session-closed") for port in ports]
        numbers = [e["event.sequence"] for e in hc.events]
        equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "sequence")
        for event in (e for pair in ends for e in pair):
            start, stop = moment(event["event.start"]), moment(event["@timestamp"])
            if not before - 1 < start <= stop < time.time() + 1:
                raise AssertionError(f"times {event['event.start']} and {event['@timestamp']}")
            if abs(stop - start - event["event.duration"] / 1e9) > 0.01:
                raise AssertionError(f"duration {event['event.duration']} of {stop - start} s")


def moment(text):
    """Seconds of 2026-01-02T03:04:05.123456789Z."""
    import datetime
    whole, fraction = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z", text).groups("")
    return datetime.datetime.fromisoformat(whole + "+00:00").timestamp() + float("0" + fraction if fraction else 0)


def refusals(hc, **keys):
    """How many refusals the events tell of: each of one, and of those suppressed before it."""
    return sum(1 + e["headcount.suppressed"] for e in list(hc.events)
               if e["event.action"] == "session-refused" and all(e.get(k) == v for k, v in keys.items()))


@test
def refused():
    """refused events and the suppressed number add up to the refusals counted"""
    with Headcount(config()) as hc, Server("0.0.0.0", PORT), Server("0.0.0.0", PORT, "c1"):
        with Clients(address(1), PORT, 8, 64, sources=[ALICE], namespace="c1", uid=0) as clients:
            equal(clients.go(), {"ok": 10, "ECONNREFUSED": 502}, "outcomes inbound")
        with Clients(ALICE, PORT, 8, 64, uid=UID) as clients:
            equal(clients.go(), {"ok": 50, "ECONNREFUSED": 462}, "outcomes outbound")
        until_equal(lambda: refusals(hc, **{"rule.name": "imap"}), 502, "refusals told, inbound")
        until_equal(lambda: refusals(hc, **{"headcount.user": str(UID)}), 462, "refusals told, outbound")
        equal((user("imap", ALICE, "refused"), user("outbound", UID, "refused")), (502, 462), "refused counted")
        event = hc.wait_event(event__action="session-refused", rule__name="imap")
        equal([key for key in COMMON if key not in event], [], "missing keys of a refusal")
        equal((event["event.type"], event["source.ip"], event["destination.port"], event["headcount.cap"]),
              (["connection", "denied"], ALICE, PORT, 10), "type, addresses and cap of a refusal")
        told = [e for e in hc.events if e["event.action"] == "session-refused"]
        if len(told) > 100:
            raise AssertionError(f"{len(told)} refusals told one by one")


def connect_as(channel, name):
    call("prctl", PR_SET_NAME, name)
    with plain_connect(address(1), PORT) as s:
        s.recv(1)
        answer(channel, s.getsockname()[1])
        channel.recv(1)


@test
def hostile_name():
    """a hostile process name cannot forge a line: run's JSON, trace's JSON and text"""
    outputs = [open(f"/run/trace-{i}", "w+b") for i in range(2)]
    with Headcount(config()) as hc:
        traces = [start(PROGRAM, "trace", *options, stdout=out) for options, out in zip(([], ["--json"]), outputs)]
        until(lambda: all(traces_see(out) for out in outputs), "both traces to be attached", 30)
        with Server("0.0.0.0", PORT, name=EVIL), Child(connect_as, EVIL, namespace="c1") as child:
            port = child.hear()
        for event in both_ends(hc, port, "session-closed"):
            equal(event["process.name"].isprintable() or "\n" in event["process.name"], True, "a name")
            equal(event["process.name"][:5], "a\n\"\\\x1b", f"the name's start, in {event}")
        text, lines = [until(lambda: seen_twice(out, port), "the session in trace", 30) for out in outputs]
        for line in lines:
            json.loads(line)
        for line in text:
            if not line.decode("utf-8").isprintable() or rb"a\x0a" not in line:
                raise AssertionError(f"trace wrote {line!r}")
        for trace in traces:
            os.kill(trace.pid, signal.SIGTERM)
            equal((trace.wait(30), said(trace)), (0, b""), "end of trace")


def traces_see(out):
    """Makes a session until the trace shows one."""
    with Server("0.0.0.0", PORT + 1), Child(lambda channel: connect_briefly(channel), namespace="c1") as child:
        child.hear()
    return str(PORT + 1).encode() in lines_of(out)[1]


def connect_briefly(channel):
    plain_connect(address(1), PORT + 1).close()
    answer(channel, "done")
    channel.recv(1)


def lines_of(out):
    out.seek(0)
    data = out.read()
    return data.splitlines(), data


def seen_twice(out, port):
    lines = [line for line in lines_of(out)[0] if str(port).encode() in line and NET.encode() in line]
    return lines if len(lines) >= 2 else None


@test
def closed_stdout():
    """a closed stdout ends run and trace cleanly, and nothing stays behind"""
    with Server("0.0.0.0", PORT):
        for command in (["run", "-c", "/dev/null"], ["trace"], ["trace", "--json"]):
            process = start(PROGRAM, *command)
            process.stdout.close()

            def ended():
                with Child(lambda channel: (answer(channel, 1), plain_connect(address(1), PORT).close(),
                                            channel.recv(1)), namespace="c1") as child:
                    child.hear()
                return process.poll() is not None
            until(ended, f"{command} to end", 30)
            if process.returncode < 0 and process.returncode != -signal.SIGPIPE:
                raise AssertionError(f"{command} died of signal {-process.returncode}")
            equal([line for line in said(process).decode().splitlines() if "ready" not in line], [],
                  f"what {command} said")
            equal(os.listdir("/sys/fs/bpf/headcount") if os.path.exists("/sys/fs/bpf/headcount") else [], [],
                  "what is pinned")



def told(hc):
    """How many events of each kind the inbound service had so far; all of them have been read."""
    port = conversation(address(1), ALICE)  # of outbound, whose events are all wanted
    hc.wait_event(event__action="session-closed", source__port=port, network__direction="egress")
    return collections.Counter(e["event.action"].removeprefix("session-") for e in list(hc.events)
                               if e.get("rule.name") == "imap")


@test
def wanted():
    """emit: of each service only the events that it wants, from a reload on for open sessions, too"""
    with Headcount(config(cap=2, emit="none")) as hc, Server("0.0.0.0", PORT + 1) as server:
        ports = [PORT, PORT + 1]
        counted = 0
        for emit in "none", "closed", "opened, refused", "none":
            hc.reload(config(cap=2, emit=emit, listen=ports))
            before = told(hc)
            with Clients(address(1), PORT + 1, 1, 5, sources=[BOB], namespace="c1", uid=UID) as clients:
                equal(clients.go(), {"ok": 2, "ECONNREFUSED": 3}, "outcomes")
            server.close_dead(2)
            until_equal(lambda: active("imap", BOB), 0, "active")
            counted += 3
            equal(user("imap", BOB, "refused"), counted, "refused")
            own = {"closed": 1, "opened": 1}  # the conversation after which told() looks
            want = {"opened": 2, "closed": 2, "refused": 3}
            equal({k: v for k, v in (told(hc) - before).items()},
                  {k: want[k] + own.get(k, 0) for k in want if k in emit}, f"events with emit = {emit}")
        with Clients(address(1), PORT + 1, 1, 1, sources=[BOB], namespace="c1", uid=UID) as clients:
            clients.go()
            hc.reload(config(cap=2, emit="closed", listen=ports))
        server.close_dead(1)
        hc.wait_event(event__action="session-closed", rule__name="imap", headcount__user=BOB)
        equal(ask("status")["losses"]["ring-full"], 0, "losses")


@test
def what_and_where():
    """run says at the start what it is going to tell of, and where"""
    quiet = service("inbound", emit="none") + service("outbound", emit="refused")
    many = "".join(service(f"s{n}", listen=7200 + n, emit="closed") for n in range(8))
    for config, options, want in (
            ("", (), "events to stdout: opened, closed, refused of outbound, inbound"),
            (quiet, (), "events to stdout: refused of outbound"),
            (quiet + many, ("--events", "file:/run/x,unix"), "events to file:/run/x, unix:/run/headcount/events.sock: "
             "refused of outbound; closed of s0, s1, s2, s3, s4 and 3 more"),
            (service("inbound", emit="none") + service("outbound", emit="none"), (), "events to stdout: none"),
            (quiet, ("--events", "none"), "events to nobody")):
        with Headcount(config, *options) as hc:
            equal([line for line in hc.said if "ready" in line], [f"headcount: ready; {want}"], "what it says")


@test
def stalled_stdout():
    """a reader that stops reading does not keep run from ending on SIGTERM"""
    process = start(PROGRAM, "run", "-c", "/dev/null")
    equal(process.stderr.readline().partition(b";")[0], b"headcount: ready", "the first line")
    with Server("0.0.0.0", PORT) as server:
        for _ in range(500):  # more events than a pipe holds
            plain_connect(address(1), PORT).close()
            server.close_dead(1)
    process.terminate()
    equal(process.wait(15), 0, "exit code")


main()
