#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""The plugin for Dovecot: who logs in by IMAP or POP3 is the user, and over the cap the login is denied."""
import imaplib
import poplib
import ssl

from modules import *

IMAP, IMAPS, POP3, POP3S = PORTS = 1143, 1993, 1110, 1995
# What 2.4 writes otherwise than 2.3.
OLD = """protocols = imap pop3
ssl_cert = </run/cert.pem
ssl_key = </run/key.pem
disable_plaintext_auth = no
auth_username_format = %Lu
mail_location = maildir:/run/mail/%u
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home=/run/mail/%u
}}
"""
NEW = """dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap pop3
ssl_server_cert_file = /run/cert.pem
ssl_server_key_file = /run/key.pem
auth_allow_cleartext = yes
auth_username_format = %{{user|lower}}
mail_driver = maildir
mail_path = /run/mail/%{{user}}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {uid}
    home = /run/mail/%{{user}}
  }}
}}
"""
BOTH = """base_dir = /run/dovecot
state_dir = /run/dovecot-state
log_path = /run/dovecot.log
listen = {listen}
ssl = yes
first_valid_uid = 1
mail_max_userip_connections = 100
login_plugin_dir = {modules}
login_plugins = headcount
service imap-login {{
  inet_listener imap {{
    port = 1143
  }}
  inet_listener imaps {{
    port = 1993
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 1110
  }}
  inet_listener pop3s {{
    port = 1995
    ssl = yes
  }}
}}
"""
WAYS = [(protocol, tls) for protocol in ("imap", "pop3") for tls in ("plain", "starttls", "tls")]


def dovecot():
    need("dovecot")
    module("headcount_plugin.so")
    if not os.path.exists("/run/dovecot.conf"):
        certificate()
        os.mkdir("/run/mail")
        os.chown("/run/mail", UID, UID)
        version = run("dovecot", "--version")
        config = (OLD if version.startswith("2.3.") else NEW) + BOTH
        with open("/run/dovecot.conf", "w") as file:
            file.write(config.format(listen=SERVER, modules=MODULES, uid=UID,
                                     password=PASSWORD.replace(" ", "")))
    return server(shutil.which("dovecot"), "-F", "-c", "/run/dovecot.conf", ports=set(PORTS))


def connect(protocol, tls):
    """A client that has not logged in yet."""
    context = ssl.create_default_context(cafile="/run/cert.pem")
    context.check_hostname = False
    with inside(CLIENT):
        if protocol == "imap" and tls == "tls":
            client = imaplib.IMAP4_SSL(SERVER, IMAPS, ssl_context=context)
        elif protocol == "imap":
            client = imaplib.IMAP4(SERVER, IMAP)
        elif tls == "tls":
            client = poplib.POP3_SSL(SERVER, POP3S, context=context)
        else:
            client = poplib.POP3(SERVER, POP3)
    if tls == "starttls":
        client.starttls(context) if protocol == "imap" else client.stls(context)
    return client


def log_in(client, name):
    """None, or what the server says against it."""
    try:
        if isinstance(client, imaplib.IMAP4):
            client.login(name, PASSWORD.replace(" ", ""))
            client.select()
        else:
            client.user(name)
            client.pass_(PASSWORD.replace(" ", ""))
            client.stat()
    except (imaplib.IMAP4.error, poplib.error_proto) as error:
        return error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])


def hang_up(*clients):
    for client in clients:
        with contextlib.suppress(OSError):
            client.sock.shutdown(socket.SHUT_RDWR)
        client.sock.close()


def ended(client):
    """Whether the server has closed it, with what it said before."""
    client.sock.settimeout(30 * SLOW)
    said = b""
    while True:
        part = client.sock.recv(4096)
        if not part:
            return said
        said += part


@test
def absent():
    """without headcount: a login by IMAP and POP3, plain, STARTTLS and TLS"""
    with dovecot():
        for protocol, tls in WAYS:
            client = connect(protocol, tls)
            equal(log_in(client, "alice"), None, f"{protocol}, {tls}")
            hang_up(client)


@test
def over():
    """cap + 1 logins by IMAP and POP3, plain, STARTTLS and TLS: the last gets [LIMIT] or [IN-USE], and is closed"""
    with dovecot(), labels("mail", *PORTS) as hc:
        for number, (protocol, tls) in enumerate(WAYS):
            name, code = f"user{number}@example.org", "[LIMIT]" if protocol == "imap" else "[IN-USE]"
            held = [connect(protocol, tls) for _ in range(2)]
            equal([log_in(client, name) for client in held], [None, None], f"logins by {protocol}, {tls}")
            equal(active("mail", name), 2, "sessions")
            last = connect(protocol, tls)
            said = log_in(last, name.upper())
            equal(said and code in said and TOO_MANY in said, True, f"{protocol}, {tls}, {said}: {code}")
            ended(last)
            hang_up(last)
            equal(active("mail", name), 2, "sessions after that")
            hc.wait_event(event__action="session-refused", headcount__user=name)
            hang_up(held.pop())
            until_equal(lambda: active("mail", name), 1, "sessions when one is closed")
            held.append(connect(protocol, tls))
            equal(log_in(held[-1], name), None, "the next login")
            hang_up(*held)
        for number in range(len(WAYS)):
            until_equal(lambda: active("mail", f"user{number}@example.org"), 0, "sessions at the end")
        equal(headcount("audit")[0], 0, "exit code of audit")


@test
def evicted():
    """excess = evict: a login process waits for nobody, so the login is denied; a stale session makes room for the next"""
    with dovecot(), labels("mail", *PORTS, excess="evict", evict_idle="2s") as hc:
        protocol, tls = WAYS[0]
        held = [connect(protocol, tls) for _ in range(2)]
        equal([log_in(client, "eve@example.org") for client in held], [None, None], "logins")
        time.sleep(2.2 * SLOW)  # both are idle for so long
        last = connect(protocol, tls)
        said = log_in(last, "eve@example.org")
        equal(TOO_MANY in (said or ""), True, f"the third: {said}")
        event = hc.wait_event(event__action="session-killed", headcount__user="eve@example.org")
        equal((event["event.reason"], event["headcount.evicted.evidence"]), ("evict", "idle"), f"what is told: {event}")
        again = connect(protocol, tls)
        equal(log_in(again, "eve@example.org"), None, "the next login")
        hang_up(last, again, *held)


@test
def stale():
    """a client's network is taken away: its sessions are shown and killed, their imap processes end, it logs in again"""
    with dovecot(), labels("mail", *PORTS):
        held = [connect("imap", tls) for tls in ("plain", "tls")]
        equal([log_in(client, "alice") for client in held], [None, None], "logins")
        processes = imap_processes()
        run("ip", "link", "set", "v1", "down")
        rows = [r for r in ask("sessions") if (r["service"], r["user"]) == ("mail", "alice")]
        equal(len(rows), 2, "sessions that are shown")
        run(PROGRAM, "kill", "-s", "mail", "-u", "alice")
        until_equal(lambda: active("mail", "alice"), 0, "sessions after kill")
        until(lambda: not imap_processes() & processes, "the imap processes to end")
        run("ip", "link", "set", "v1", "up")
        held.append(connect("imap", "plain"))
        equal(log_in(held[-1], "alice"), None, "the next login")
        hang_up(*held)


def imap_processes():
    """The processes that serve the mail of this test."""
    return {int(pid) for pid in os.listdir("/proc") if pid.isdigit() and serves(pid)}


def serves(pid):
    with contextlib.suppress(OSError):
        return os.stat(f"/proc/{pid}").st_uid == UID and open(f"/proc/{pid}/comm").read() == "imap\n"


main()
