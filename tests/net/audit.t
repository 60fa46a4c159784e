#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
# alone: it needs both CPUs
"""audit: what it finds and repairs where the maps were made wrong; and when the world changes between its two looks."""
from bpf import *
from clients import *

client_host(1)
PORT, PINS = 7143, "/sys/fs/bpf/headcount"
ALICE, BOB, CAROL = address(1, 2), address(1, 3), address(1, 4)
WAYS, SESSION, POSITION_AT = 8, 128, 100  # struct hc_session_set in include/record.h
LEVELS, HOT = 3, 256  # of these sets: include/sets.h
USERS, USER, USER_AT, ACTIVE_AT = 32, 128, 192, 0  # struct hc_user_set in include/policy.h


class Table:
    """A pinned array map, read and written by a stranger."""

    def __init__(self, name):
        path = ctypes.create_string_buffer(f"{PINS}/{name}".encode())
        self.fd = bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))
        info = ctypes.create_string_buffer(80)
        bpf(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", self.fd, len(info), ctypes.addressof(info)))
        self.size, self.entries = struct.unpack_from("=II", info, 12)

    def element(self, command, key, value):
        number = ctypes.c_uint32(key)
        bpf(command, struct.pack("=I4xQQQ", self.fd, ctypes.addressof(number), ctypes.addressof(value), 0))
        return value

    def get(self, key):
        return self.element(MAP_LOOKUP_ELEM, key, ctypes.create_string_buffer(self.size))

    def put(self, key, value):
        self.element(MAP_UPDATE_ELEM, key, value)


def session_at(table, id):
    """The set that holds the session's record, and its way there."""
    for key in range(table.entries):
        ids = struct.unpack_from(f"={WAYS}Q", table.get(key))
        if id in ids:
            return key, ids.index(id)
    raise AssertionError(f"no record of session {id}")


def forget(id):
    """Takes the session's record away, whose user goes on being charged for it."""
    table = Table("sessions")
    key, way = session_at(table, id)
    value = table.get(key)
    struct.pack_into("=Q", value, 8 * way, 0)
    struct.pack_into("=Q", value, 8 * WAYS + SESSION * way, 0)
    table.put(key, value)


def user_position(id):
    """Where the user is whom the session is charged to."""
    table = Table("sessions")
    key, way = session_at(table, id)
    return struct.unpack_from("=Q", table.get(key), 8 * WAYS + SESSION * way)[0] >> 32 & 0x7fffffff


def free_way(table, id):
    """A set of the levels in which a session of this id may be, and a way there that is free."""
    levels = min(table.entries // 2, HOT << 3 * (LEVELS - 1))
    for number in range(LEVELS):
        key = id >> 12 - 5 * number & min(HOT << 3 * number, levels) - 1
        ids = struct.unpack_from(f"={WAYS}Q", table.get(key))
        if 0 in ids:
            return key, ids.index(0)
    raise AssertionError(f"no room for session {id}")


def invent(id):
    """A record like that of the session, of a socket that there is not."""
    table = Table("sessions")
    key, way = session_at(table, id)
    copy = table.get(key)[8 * WAYS + SESSION * way:8 * WAYS + SESSION * (way + 1)]
    id |= 1 << 50
    key, way = free_way(table, id)
    value = table.get(key)
    at = 8 * WAYS + SESSION * way
    value[at:at + SESSION] = copy
    struct.pack_into("=I", value, at + POSITION_AT, key * WAYS + way + 1)
    struct.pack_into("=Q", value, 8 * way, id)
    table.put(key, value)
    return id


def charge(position, was, number):
    """The user at this position is charged for so many sessions."""
    table = Table("users")
    key, way = divmod(position - 1, USERS)
    value = table.get(key)
    at = USER_AT + USER * way + ACTIVE_AT
    equal(struct.unpack_from("=I", value, at)[0], was, "active as the map has it")
    struct.pack_into("=I", value, at, number)
    table.put(key, value)


def audit(*options):
    code, out, err = headcount("audit", "--json", *options)
    found = json.loads(out)
    rows = sorted((row["kind"], row["user"], row["change"]) for row in found["differences"])
    return code, err, {key: found[key] for key in ("missing", "stale", "wrong", "repaired")}, rows


@test
def repairs():
    """records that are lost or of no socket, and users who are charged too much: found, named, repaired, counted"""
    config = section("headcount", sessions_max=1024, users_max=1024) + service("imap", listen=PORT, user="client/32/64", cap=9)
    with Server("0.0.0.0", PORT) as server, Headcount(config) as hc, contextlib.ExitStack() as stack:
        for source, count in (ALICE, 5), (BOB, 3), (CAROL, 2):
            clients = stack.enter_context(Clients(address(1), PORT, 1, count, sources=(source,), namespace="c1"))
            equal(clients.go(), {"ok": count}, "outcomes")
        ids = collections.defaultdict(list)
        for row in ask("sessions", "--service", "imap"):
            ids[row["user"]].append(row["id"])
        equal(audit(), (0, "", dict(missing=0, stale=0, wrong=0, repaired=0), []), "before")
        forget(ids[ALICE][1])
        forget(ids[ALICE][3])
        stale = invent(ids[BOB][0])
        charge(user_position(ids[BOB][0]), 3, 6)
        charge(user_position(ids[CAROL][0]), 2, 7)
        rows = [("missing", None, 0), ("missing", None, 0), ("stale", BOB, 0), ("wrong", ALICE, -2), ("wrong", BOB, -2), ("wrong", CAROL, -5)]
        equal(audit(), (1, "", dict(missing=2, stale=1, wrong=3, repaired=0), rows), "found")
        code, text, _ = headcount("audit")
        equal(re.search(rf"^wrong +imap +{re.escape(CAROL)} +- +5$", text, re.M) is not None, True, text)
        equal(re.search(rf"^stale +imap +{re.escape(BOB)} +{stale} +-$", text, re.M) is not None, True, text)
        equal(audit("--repair"), (0, "", dict(missing=2, stale=1, wrong=3, repaired=6), rows), "repaired")
        equal(audit(), (0, "", dict(missing=0, stale=0, wrong=0, repaired=0), []), "afterwards")
        equal(ask("status")["losses"]["corrected"], 6, "corrected")
        equal({user: active("imap", user) for user in (ALICE, BOB, CAROL)}, {ALICE: 5, BOB: 3, CAROL: 2}, "active")
        closed = hc.wait_event(event__action="session-closed", headcount__session__id=stale)
        equal((closed["headcount.user"], closed["event.reason"]), (BOB, "unknown"), "the end of the stale one")
        stack.close()
        server.hang_up()
        until_equal(lambda: {user: active("imap", user) for user in (ALICE, BOB, CAROL)}, {ALICE: 0, BOB: 0, CAROL: 0}, "at the end")


def vanish_under_audit(delay):
    """Sessions that begin in audit's first look; before its second, no name and no process leads to
    their namespace any more. How many audit takes for stale."""
    client_host(9)
    clients = [new_socket(namespace="c9") for _ in range(20)]
    audit = start(PROGRAM, "audit", "--json")
    time.sleep(delay)
    for s in clients:
        s.connect((address(9), PORT))
    run("ip", "netns", "del", "c9")
    out, _ = audit.communicate(timeout=60)
    for s in clients:
        s.close()
    return json.loads(out)["stale"]


@test
def namespace_that_vanishes():
    """sessions in a namespace that can no longer be entered are not taken for stale ones"""
    with Headcount(section("headcount", sessions_max=1 << 20)), Server("0.0.0.0", PORT) as server:
        for attempt in range(12):
            equal(vanish_under_audit(attempt * 0.02), 0, f"stale sessions in attempt {attempt}")
            server.hang_up()
            until(lambda: "v9@" not in run("ip", "link"), "the namespace to vanish", 30)


main()
