# SPDX-License-Identifier: GPL-2.0-only
"""For the tests of what an excess gets: clients that come one by one, and what is told of them."""
from bpf import *
from clients import *


def come(where, port, source=None, namespace="c1"):
    """A client that begins to connect, without waiting for an answer."""
    s = new_socket(family_of(where), namespace)
    if source:
        s.bind((source, 0))
    s.setblocking(False)
    code = s.connect_ex((where, port))
    equal(code, errno.EINPROGRESS, "connect() without blocking")
    return s


def outcome(s, seconds=0.0):
    """"ok", the name of an errno, or None while nobody has answered the SYN in that time."""
    if not writable(s, seconds):
        return None
    code = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode[code] if code else "ok"


def greeting(s, seconds=10):
    """What the server says first, at most one piece; b"" if it said nothing."""
    equal(outcome(s, seconds * SLOW), "ok", "the client's connection")
    readable(s, seconds * SLOW)
    try:
        return s.recv(100)
    except BlockingIOError:
        return b""


def take(where, port, count, source, namespace="c1"):
    """So many sessions of a client, each with its greeting."""
    clients = [come(where, port, source, namespace) for _ in range(count)]
    equal([greeting(s) for s in clients], [b"+"] * count, "greetings")
    return clients


def leave(clients):
    while clients:
        clients.pop().close()


def refusals(hc, name="imap", **keys):
    """What was told of refusals, by what they got; each event stands for those that were not told, too."""
    counts = collections.Counter()
    for event in list(hc.events):
        if event["event.action"] == "session-refused" and event["rule.name"] == name \
                and all(event.get(key.replace("__", ".")) == value for key, value in keys.items()):
            counts[event["headcount.excess"]] += 1 + event["headcount.suppressed"]
    return dict(counts)


def ask_status():
    """Whatever its exit code."""
    return json.loads(headcount("status", "--json")[1])


def losses(*names):
    return [ask_status()["losses"][name] for name in names]


def clean():
    """audit finds nothing."""
    code, out, err = headcount("audit", "--json")
    found = json.loads(out)
    equal((code, err, found["missing"], found["stale"], found["wrong"]), (0, "", 0, 0, 0), f"audit: {found}")


def targets():
    """Ports of the listeners that packets may be sent to, in whichever namespace; 0 are headcount's own."""
    keys = map_keys("/sys/fs/bpf/headcount/targets", 24)
    return sorted(struct.unpack_from("=H", key, 20)[0] for key in keys)
