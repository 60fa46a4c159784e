#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""Servers whose sessions are labelled by what runs beside them: the examples, with the real servers where they are there."""
import base64
import hashlib
import http.client

from labelling import *

client_host(1)
HERE, CLIENT, PORT, ASIDE = address(1), address(1, 2), 7143, 9998
BARE = f"unlabelled/{CLIENT}"
EXAMPLES = "/run/label"  # a copy: what nginx includes and what runs are to be readable by everybody
shutil.copytree(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/examples/label"), EXAMPLES)
ENVIRONMENT = {**os.environ, "PATH": os.path.dirname(PROGRAM) + ":" + os.environ["PATH"], "HOME": "/run"}


@contextlib.contextmanager
def started(*command, stop=None, **options):
    """A server, or an example beside one, in a group of its own or with a command that stops it; where its stderr is."""
    with open(f"/run/said-{os.path.basename(command[0])}", "w+b") as log:
        process = start(*command, **{"stdout": subprocess.DEVNULL, "stderr": log, "env": ENVIRONMENT, "start_new_session": True, **options})
        try:
            yield log.name
            equal(process.poll(), None, f"exit code of {command}, which said {text_of(log.name)}")
        finally:
            if stop:
                run(*stop)
            else:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(20 * SLOW)


def text_of(path):
    with open(path, errors="backslashreplace") as file:
        return file.read()


def listening(port):
    until(lambda: f":{port} " in run("ss", "-tlnH"), f"somebody to listen on {port}")


def ask_policy(channel, pair, name, **more):
    """As Postfix does: attributes, an empty line, and the same connection for the next."""
    (client, client_port), (server, server_port) = pair.server.getpeername()[:2], pair.server.getsockname()[:2]
    attributes = {"request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP", "client_address": plain(client),
                  "client_name": "unknown", "helo_name": "x=y", "sender": "a@example.org", "recipient": "", "queue_id": "",
                  "instance": "1.2.3", "sasl_method": "PLAIN", "sasl_username": name, "sasl_sender": "", "client_port": client_port,
                  "server_address": plain(server), "server_port": server_port, **more}
    channel.sendall("".join(f"{key}={value}\n" for key, value in attributes.items()).encode("utf-8", "surrogateescape") + b"\n")
    answer = b""
    while not answer.endswith(b"\n\n"):
        part = channel.recv(4096)
        equal(bool(part), True, "an answer")
        answer += part
    return answer.decode()


@test
def postfix():
    """Postfix' policy protocol: DUNNO, 421 over the cap, DUNNO without headcount"""
    dunno = "action=DUNNO\n\n"
    with started("python3", f"{EXAMPLES}/postfix.py", f"127.0.0.1:{ASIDE}") as said, pairs(5, HERE, PORT, "c1") as made:
        listening(ASIDE)
        with socket.create_connection(("127.0.0.1", ASIDE), 20) as one, socket.create_connection(("127.0.0.1", ASIDE), 20) as two:
            equal(ask_policy(one, made[0], "jsmith"), dunno, "without headcount")
            with Headcount(by_label(PORT, "smtp")):
                equal([ask_policy(channel, pair, "jsmith") for channel, pair in ((one, made[0]), (two, made[1]), (one, made[1]))],
                      [dunno] * 3, "under the cap, and the same again")
                equal(ask_policy(two, made[2], "jsmith"), "action=421 4.7.0 Too many sessions of this account\n\n", "over the cap")
                equal(ask_policy(one, made[3], ""), dunno, "nobody has logged in")
                equal(ask_policy(one, made[4], "\udcff=\x1b[31m"), dunno, "a hostile name")
                equal(made[4].label(), b"\xff=\x1b[31m", "label")
                equal(ask_policy(one, made[3], "x" * 65), dunno, "a name that is too long")
                users_are({"jsmith": 2, "%ff=%1b[31m": 1, BARE: 2}, "smtp")
            equal(ask_policy(one, made[0], "jsmith"), dunno, "headcount has gone")
            with Headcount(by_label(PORT, "smtp")):
                equal(ask_policy(two, made[0], "jsmith"), dunno, "and is there again")
                users_are({"jsmith": 1, BARE: 4}, "smtp")
        equal(("not running" in text_of(said), "65 bytes" in text_of(said), "empty" in text_of(said), "\x1b" in text_of(said)),
              (True, True, False, False), "said")


MAIN_CF = f"""compatibility_level = 3.6
queue_directory = /run/postfix/queue
data_directory = /run/postfix/data
maillog_file = /dev/stdout
inet_interfaces = {HERE}
myhostname = mail.example.org
mydestination = example.org
local_recipient_maps =
alias_maps =
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = {CLIENT}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_sender_restrictions = check_policy_service {{ inet:127.0.0.1:{ASIDE}, default_action=DUNNO }}
"""
MASTER_CF = f"""{PORT} inet n - n - - smtpd
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
cleanup unix n - n - 0 cleanup
postlog unix-dgram n - n - 1 postlogd
"""


class Smtp:
    """A session with a Postfix that lets its client say as whom it has logged in."""

    def __init__(self):
        with inside("c1"):
            self.socket = plain_connect(HERE, PORT)
        self.file = self.socket.makefile("rwb")
        self.answer()

    def answer(self):
        while True:
            line = self.file.readline()
            if line[3:4] != b"-":
                return line[:3].decode()

    def say(self, *lines):
        for line in lines:
            self.file.write(line.encode() + b"\r\n")
            self.file.flush()
            code = self.answer()
        return code

    def send_as(self, name):
        """The answer to RCPT, where the policy service is asked."""
        self.say("EHLO client.example.org", f"XCLIENT LOGIN={name}", "EHLO client.example.org", "MAIL FROM:<a@example.org>")
        return self.say("RCPT TO:<b@example.org>")

    def is_closed(self):
        return self.file.readline() == b""

    def close(self):
        self.file.close()
        self.socket.close()


@test
def real_postfix():
    """Postfix itself: 250 under the cap, 421 and disconnected over it"""
    need("postfix")
    for folder in "/run/postfix/etc", "/run/postfix/queue", "/run/postfix/data":
        os.makedirs(folder)
    shutil.chown("/run/postfix/data", "postfix")
    for name, content in ("main.cf", MAIN_CF), ("master.cf", MASTER_CF):
        with open(f"/run/postfix/etc/{name}", "w") as file:
            file.write(content)
    with started("python3", f"{EXAMPLES}/postfix.py", f"127.0.0.1:{ASIDE}"), \
            started("postfix", "-c", "/run/postfix/etc", "start-fg", stop=("postfix", "-c", "/run/postfix/etc", "stop")):
        listening(ASIDE), listening(PORT)
        with Headcount(by_label(PORT, "smtp")):
            made = [Smtp() for _ in range(4)]
            equal([s.send_as("jsmith") for s in made[:3]], ["250", "250", "421"], "RCPT")
            equal(made[2].is_closed(), True, "closed")
            equal(made[3].say("EHLO client.example.org", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>"), "250", "nobody has logged in")
            users_are({"jsmith": 2, BARE: 1}, "smtp")
            for s in made:
                s.close()


NGINX = f"""daemon off; worker_processes 1; pid /run/nginx.pid; error_log stderr crit;
events {{ }}
http {{ access_log off; client_body_temp_path /run/nb; proxy_temp_path /run/np; fastcgi_temp_path /run/nf;
uwsgi_temp_path /run/nu; scgi_temp_path /run/ns;
server {{ listen {PORT}; listen [::]:{PORT}; root /run/web; include {EXAMPLES}/nginx.conf; }} }}
"""


def get(connection, name, password="secret"):
    """The status of a request over this connection, and whether the server keeps it."""
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    connection.request("GET", "/page", headers={"Authorization": f"Basic {token}"} if name else {})
    response = connection.getresponse()
    response.read()
    return response.status, not response.will_close


@test
def nginx():
    """nginx, auth_request: 200 under the cap, 429 and closed over it, 401 with another password"""
    need("nginx")
    os.mkdir("/run/web")
    for path, text in {"/run/web/page": "hello\n", "/run/nginx.conf": NGINX, "/run/passwords": "".join(
            f"{n}:{hashlib.scrypt(b'secret', salt=n.encode(), n=16384, r=8, p=1).hex()}\n" for n in ("alice", "bob:b"))}.items():
        with open(path, "w") as file:
            file.write(text)

    def connect(where=HERE):
        with inside("c1"):
            connection = http.client.HTTPConnection(where, PORT, timeout=20)
            connection.connect()
        return connection
    with started("python3", f"{EXAMPLES}/nginx.py", "127.0.0.1:9997", "/run/passwords"), started("nginx", "-c", "/run/nginx.conf"):
        listening(9997), listening(PORT)
        with Headcount(by_label(PORT, "web")):
            made = [connect(), connect(address(1, family=6)), connect()]
            equal([get(c, None) for c in made], [(401, True)] * 3, "without a name")
            equal(get(made[0], "alice", "guess"), (401, True), "another password")
            equal([get(c, "alice") for c in made], [(200, True), (200, True), (429, False)], "requests")
            equal([get(c, "alice") for c in made[:2]], [(200, True), (200, True)], "the next over the same")
            users_are({"alice": 2}, "web")
            for connection in made:
                connection.close()
        connection = connect()
        equal(get(connection, "alice"), (200, True), "without headcount")
        connection.close()


@test
def redis():
    """redis: sessions are their ACL users', as its client list says; the one over the cap is closed"""
    for program in "redis-server", "redis-cli":
        need(program)
    with started("redis-server", "--port", str(PORT), "--protected-mode", "no", "--save", "", "--dir", "/run", "--unixsocket", "/run/redis"):
        listening(PORT)
        for name in "alice", "--kill":
            run("redis-cli", "-s", "/run/redis", "acl", "setuser", name, "on", ">secret", "+@all")
        with Headcount(by_label(PORT, "redis")) as hc:
            with inside("c1"):
                clients = [plain_connect(HERE, PORT) for _ in range(5)]
            for client, name in zip(clients, ("alice", "--kill", "alice", "alice")):
                client.sendall(f"AUTH {name} secret\r\n".encode())
                equal(client.recv(99), b"+OK\r\n", name)
            with started("sh", f"{EXAMPLES}/redis.sh", "-s", "/run/redis") as said:
                users_are({"alice": 2, "--kill": 1, BARE: 1}, "redis")
                hc.wait_event(event__action="session-killed", headcount__user=BARE)
                until(lambda: "over-cap" in text_of(said), "it to say so")
            equal(ended(clients), [False, False, False, True, False], "who was closed")
            for client in clients:
                client.close()


def ended(clients):
    def one(client):
        try:
            return client.recv(1, socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
    return [one(client) for client in clients]


@test
def pgbouncer():
    """PgBouncer: sessions are their users', as SHOW CLIENTS says; the one over the cap is closed"""
    for program in "pgbouncer", "psql":
        need(program)
    names = ["alice", 'a "b",\n\x1b[31m', "alice", "alice"]
    with open("/run/users.txt", "w") as file:
        for name in {*names, "stats"}:
            file.write('"%s" ""\n' % name.replace('"', '""'))
    with open("/run/pgbouncer.ini", "w") as file:
        file.write(f"[databases]\nmail = host=127.0.0.1 port={ASIDE}\n[pgbouncer]\nlisten_addr = {HERE}\nlisten_port = {PORT}\nunix_socket_dir =\nauth_type = trust\n"
                   "auth_file = /run/users.txt\nadmin_users = stats\nlogfile = /run/pgbouncer/log\n")
    os.mkdir("/run/pgbouncer")
    os.chown("/run/pgbouncer", UID, UID)
    # The database accepts and is silent: who has logged in waits for it.
    with listen("127.0.0.1", ASIDE), started("pgbouncer", "-q", "/run/pgbouncer.ini", user=UID, group=UID, extra_groups=[]):
        listening(PORT)
        with Headcount(by_label(PORT, "pool")) as hc:
            with inside("c1"):
                clients = [plain_connect(HERE, PORT) for _ in names]
            for client, name in zip(clients, names):
                body = struct.pack("!i", 196608) + b"".join(w.encode() + b"\0" for w in ("user", name, "database", "mail")) + b"\0"
                client.sendall(struct.pack("!i", len(body) + 4) + body)
            with started("python3", f"{EXAMPLES}/pgbouncer.py", "stats", "-h", HERE, "-p", str(PORT)) as said:
                hc.wait_event(event__action="session-killed", headcount__user=BARE)
                until(lambda: "over the cap of alice" in text_of(said), "it to say so")
                until_equal(lambda: {r["user"]: r["active"] for r in ask("users") if r["service"] == "pool" and "unlabelled" not in r["user"]},
                            {"alice": 2, 'a "b",%0a%1b[31m': 1}, "users")
                equal("stats" in text_of(said), False, f"its own session, in {text_of(said)}")
            equal(ended(clients), [False, False, False, True], "who was closed")
            for client in clients:
                client.close()


main()
